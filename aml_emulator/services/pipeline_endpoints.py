"""Pipeline endpoints: one name and address that leads to one version of several published pipelines."""

from typing import Any

from aml_emulator.errors import ConflictError, InvalidError, NotFoundError
from aml_emulator.services.pipelines import ACTIVE, STATUS_CODES, pipeline_document, read_status
from aml_emulator.store.database import Row, new_id, now
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")


def endpoint_row(request: Request, *, identifier: str | None = None, name: str | None = None) -> Row:
    """Return an endpoint by its id or by its name; 404 when there is none."""
    row = request.site.database.one(
        "select * from pipeline_endpoints where workspace = ? and (id = ? or name = ?)",
        request.workspace.id,
        identifier,
        name,
    )
    if row is None:
        raise NotFoundError("PipelineEndpoint", identifier or name or "")
    return row


def endpoint_versions(request: Request, endpoint: str) -> list[Row]:
    """Return the versions of an endpoint, lowest first."""
    return request.site.database.all(
        "select * from pipeline_endpoint_versions where endpoint = ? order by cast(version as integer)",
        endpoint,
    )


def _endpoint(request: Request, row: Row) -> dict[str, Any]:
    base = f"{request.site.base_url}/pipelines/v1.0{request.workspace.scope}"
    versions = endpoint_versions(request, row["id"])
    return {
        "Id": row["id"],
        "Name": row["name"],
        "Description": row["description"],
        "DefaultVersion": row["default_version"],
        "PipelineVersionList": [{"Version": one["version"], "PipelineId": one["pipeline"]} for one in versions],
        "Url": f"{base}/PipelineRuns/PipelineEndpointSubmit/Id/{row['id']}",
        "SwaggerUrl": f"{base}/PipelineEndpoints/Swagger/{row['id']}",
        "EntityStatus": STATUS_CODES[row["status"]],
        "CreatedDate": row["created"],
        "LastModifiedDate": row["modified"],
        "Properties": row["properties"],
        "tags": {},
    }


@ROUTES.post("/PipelineEndpoints/Create")
def create_endpoint(request: Request) -> Any:
    """Make an endpoint whose version 0 is a published pipeline."""
    sent = request.document()
    site = request.site
    pipeline = site.pipelines.published(request.workspace.id, sent["PipelineId"])
    taken = site.database.one(
        "select id from pipeline_endpoints where workspace = ? and name = ?",
        request.workspace.id,
        sent["Name"],
    )
    if taken is not None:
        raise ConflictError(f"a pipeline endpoint named '{sent['Name']}' already exists")
    row = {
        "id": new_id(),
        "workspace": request.workspace.id,
        "name": sent["Name"],
        "description": sent.get("Description"),
        "default_version": "0",
        "status": ACTIVE,
        "created": now(),
        "modified": now(),
        "properties": sent.get("Properties") or {},
    }
    with site.database.transaction():
        site.database.insert("pipeline_endpoints", row)
        site.database.insert(
            "pipeline_endpoint_versions", {"endpoint": row["id"], "version": "0", "pipeline": pipeline["id"]}
        )
    return _endpoint(request, row)


@ROUTES.get("/PipelineEndpoints/Name")
def get_endpoint_by_name(request: Request) -> Any:
    """Answer the endpoint of a name."""
    name = request.query.get("Name") or request.query.get("name") or ""
    return _endpoint(request, endpoint_row(request, name=name))


@ROUTES.get("/PipelineEndpoints/Id/{id}", "/PipelineEndpoints/{id}")
def get_endpoint(request: Request) -> Any:
    """Answer the endpoint of an id."""
    return _endpoint(request, endpoint_row(request, identifier=request["id"]))


@ROUTES.put("/PipelineEndpoints/{id}")
def update_endpoint(request: Request) -> Any:
    """Change an endpoint: its name, its default version, the pipelines it leads to, its status."""
    sent = request.document()
    site = request.site
    row = endpoint_row(request, identifier=request["id"])
    versions = sent.get("PipelineVersionList") or []
    if sent.get("DefaultVersion") not in [one["Version"] for one in versions]:
        raise InvalidError(f"endpoint '{row['name']}' has no version '{sent.get('DefaultVersion')}'")
    for one in versions:
        site.pipelines.published(request.workspace.id, one["PipelineId"])
    with site.database.transaction():
        changes = {
            "name": sent["Name"],
            "description": sent.get("Description"),
            "default_version": sent["DefaultVersion"],
            "status": read_status(sent.get("EntityStatus", row["status"])),
            "modified": now(),
        }
        site.database.update("pipeline_endpoints", {"id": row["id"]}, changes)
        site.database.execute("delete from pipeline_endpoint_versions where endpoint = ?", row["id"])
        for one in versions:
            site.database.insert(
                "pipeline_endpoint_versions",
                {"endpoint": row["id"], "version": one["Version"], "pipeline": one["PipelineId"]},
            )
    return _endpoint(request, endpoint_row(request, identifier=row["id"]))


@ROUTES.get("/PipelineEndpoints")
def list_endpoints(request: Request) -> Any:
    """Answer the endpoints, newest first."""
    everything = request.query.get("activeOnly", "true").lower() == "false"
    rows = request.site.database.all(
        "select * from pipeline_endpoints where workspace = ? and created <= ? order by created desc, rowid desc",
        request.workspace.id,
        request.site.visible_until(),
    )
    most = int(request.headers.get("batchsize") or len(rows))
    return [_endpoint(request, row) for row in rows if everything or row["status"] == ACTIVE][:most]


@ROUTES.get("/PipelineEndpoints/{id}/pipelines")
def list_endpoint_pipelines(request: Request) -> Any:
    """Answer the published pipelines that an endpoint leads to."""
    everything = request.query.get("activeOnly", "true").lower() == "false"
    row = endpoint_row(request, identifier=request["id"])
    pipelines = [
        request.site.pipelines.published(request.workspace.id, one["pipeline"])
        for one in endpoint_versions(request, row["id"])
    ]
    return [pipeline_document(request, one) for one in pipelines if everything or one["status"] == ACTIVE]

"""Pipeline endpoints: one name and address that leads to one version of several published pipelines."""

from typing import Any

from aml_emulator import names
from aml_emulator.errors import InvalidError
from aml_emulator.store.database import Row
from aml_emulator.store.pipelines import ACTIVE
from aml_emulator.v1.pipelines import STATUS_CODES, pipeline_document, read_status
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")


def _endpoint(request: Request, row: Row) -> dict[str, Any]:
    base = f"{request.site.base_url}/pipelines/v1.0{request.workspace.scope}"
    versions = request.store.endpoints.versions(row["id"])
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


@ROUTES.post("/PipelineEndpoints/Create", takes="Name Description PipelineId Properties")
def create_endpoint(request: Request) -> Any:
    """Make an endpoint whose version 0 is a published pipeline."""
    sent = request.document()
    pipeline = request.store.pipelines.published(request.workspace.id, sent.required("PipelineId"))
    row = request.store.endpoints.create(
        request.workspace.id,
        names.name(sent.required("Name")),
        pipeline["id"],
        description=sent.text("Description"),
        properties=sent.object("Properties"),
    )
    return _endpoint(request, row)


@ROUTES.get("/PipelineEndpoints/Name")
def get_endpoint_by_name(request: Request) -> Any:
    """Answer the endpoint of a name."""
    name = request.query.get("Name") or request.query.get("name") or ""
    return _endpoint(request, request.store.endpoints.find(request.workspace.id, name=name))


@ROUTES.get("/PipelineEndpoints/Id/{id}", "/PipelineEndpoints/{id}")
def get_endpoint(request: Request) -> Any:
    """Answer the endpoint of an id."""
    return _endpoint(request, request.store.endpoints.find(request.workspace.id, identifier=request["id"]))


@ROUTES.put("/PipelineEndpoints/{id}")
def update_endpoint(request: Request) -> Any:
    """Change an endpoint: its name, its default version, the pipelines it leads to, its status."""
    sent = request.document()
    row = request.store.endpoints.find(request.workspace.id, identifier=request["id"])
    versions = {one.required("Version"): one.required("PipelineId") for one in sent.objects("PipelineVersionList")}
    if sent.get("DefaultVersion") not in versions:
        raise InvalidError(f"endpoint '{row['name']}' has no version '{sent.get('DefaultVersion')}'")
    for pipeline in versions.values():
        request.store.pipelines.published(request.workspace.id, pipeline)
    changes = {
        "name": names.name(sent.required("Name")),
        "description": sent.text("Description"),
        "default_version": sent["DefaultVersion"],
        "status": read_status(sent.get("EntityStatus", row["status"])),
    }
    request.store.endpoints.change(row["id"], changes, versions)
    return _endpoint(request, request.store.endpoints.find(request.workspace.id, identifier=row["id"]))


@ROUTES.get("/PipelineEndpoints")
def list_endpoints(request: Request) -> Any:
    """Answer the endpoints, newest first."""
    everything = request.query.get("activeOnly", "true").lower() == "false"
    rows = request.store.endpoints.all(request.workspace.id, until=request.site.visible_until())
    most = int(request.headers.get("batchsize") or len(rows))
    return [_endpoint(request, row) for row in rows if everything or row["status"] == ACTIVE][:most]


@ROUTES.get("/PipelineEndpoints/{id}/pipelines")
def list_endpoint_pipelines(request: Request) -> Any:
    """Answer the published pipelines that an endpoint leads to."""
    everything = request.query.get("activeOnly", "true").lower() == "false"
    row = request.store.endpoints.find(request.workspace.id, identifier=request["id"])
    pipelines = [
        request.store.pipelines.published(request.workspace.id, one["pipeline"])
        for one in request.store.endpoints.versions(row["id"])
    ]
    return [pipeline_document(request, one) for one in pipelines if everything or one["status"] == ACTIVE]

"""Published pipelines."""

from typing import Any

from aml_emulator.errors import InvalidError
from aml_emulator.store.database import Row, new_id, now
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")

ACTIVE = "Active"
STATUS_CODES = {"Active": "0", "Deprecated": "1", "Disabled": "2"}


def read_status(sent: Any) -> str:
    """Read a status that may be sent as its name or as its number.

    Raises:
        InvalidError: when it is neither.
    """
    names = {code: name for name, code in STATUS_CODES.items()}
    status = names.get(str(sent), str(sent))
    if status not in STATUS_CODES:
        raise InvalidError(f"'{sent}' is no status of a pipeline")
    return status


def submit_url(request: Request, pipeline: str) -> str:
    """Return the address that a published pipeline is triggered at."""
    base = f"{request.site.base_url}/pipelines/v1.0{request.workspace.scope}"
    return f"{base}/PipelineRuns/PipelineSubmit/{pipeline}"


def pipeline_document(request: Request, row: Row) -> dict[str, Any]:
    """Return a published pipeline as the service answers it."""
    nodes = request.site.pipelines.graph(row["graph"])["document"].get("ModuleNodes") or []
    return {
        **row["document"],
        "Id": row["id"],
        "Name": row["name"],
        "Version": row["version"],
        "GraphId": row["graph"],
        "TotalRunSteps": len(nodes),
        "Url": submit_url(request, row["id"]),
        "EntityStatus": STATUS_CODES[row["status"]],
        "CreatedDate": row["created"],
        "LastModifiedDate": row["modified"],
    }


@ROUTES.post("/Pipelines/Create")
def publish(request: Request) -> Any:
    """Publish a graph."""
    sent = request.document()
    site, workspace = request.site, request.workspace.id
    with site.database.transaction():
        graph = site.pipelines.add_graph(workspace, sent.object("Graph"), sent.object("GraphInterface"))
        kept = {
            name: sent.get(name)
            for name in (
                "Description",
                "DataSetDefinitionValueAssignments",
                "DataPathAssignments",
                "ContinueRunOnStepFailure",
                "EnableNotification",
                "tags",
                "Properties",
            )
        }
        row = {
            "id": new_id(),
            "workspace": workspace,
            "name": sent["Name"],
            "version": sent.get("Version"),
            "status": ACTIVE,
            "graph": graph,
            "created": now(),
            "modified": now(),
            "document": {**kept, "ParameterAssignments": sent.get("ParameterAssignments") or {}},
        }
        site.database.insert("pipelines", row)
    return pipeline_document(request, row)


@ROUTES.get("/Pipelines")
def list_pipelines(request: Request) -> Any:
    """Answer the published pipelines, newest first."""
    everything = request.query.get("activeOnly", "true").lower() == "false"
    rows = request.site.database.all(
        "select * from pipelines where workspace = ? and created <= ? order by created desc, rowid desc",
        request.workspace.id,
        request.site.visible_until(),
    )
    return [pipeline_document(request, row) for row in rows if everything or row["status"] == ACTIVE]


@ROUTES.get("/Pipelines/{id}")
def get_pipeline(request: Request) -> Any:
    """Answer one published pipeline."""
    return pipeline_document(request, request.site.pipelines.published(request.workspace.id, request["id"]))


@ROUTES.put("/Pipelines/{id}/status")
def set_pipelineread_status(request: Request) -> Any:
    """Disable a published pipeline, or make it active again."""
    row = request.site.pipelines.published(request.workspace.id, request["id"])
    changes = {"status": read_status(request.json()), "modified": now()}
    request.site.database.update("pipelines", {"id": row["id"]}, changes)

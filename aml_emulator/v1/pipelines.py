"""Published pipelines."""

from typing import Any

from aml_emulator.errors import InvalidError
from aml_emulator.store.database import Row
from aml_emulator.store.pipelines import ACTIVE
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")

STATUS_CODES = {"Active": "0", "Deprecated": "1", "Disabled": "2"}


_KEPT = (
    "Description",
    "DataSetDefinitionValueAssignments",
    "DataPathAssignments",
    "ContinueRunOnStepFailure",
    "EnableNotification",
    "tags",
    "Properties",
)


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
    nodes = request.store.graphs.find(row["graph"])["document"].get("ModuleNodes") or []
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


@ROUTES.post("/Pipelines/Create", takes=f"Name Version Graph GraphInterface ParameterAssignments {' '.join(_KEPT)}")
def publish(request: Request) -> Any:
    """Publish a graph."""
    sent = request.document()
    store, workspace = request.store, request.workspace.id
    document = {name: sent.get(name) for name in _KEPT}
    document["ParameterAssignments"] = sent.object("ParameterAssignments")
    with store.transaction():
        graph = store.graphs.add(workspace, sent.object("Graph"), sent.object("GraphInterface"))
        row = store.pipelines.publish(
            workspace, graph, name=sent.required("Name"), version=sent.text("Version"), document=document
        )
    return pipeline_document(request, row)


@ROUTES.get("/Pipelines")
def list_pipelines(request: Request) -> Any:
    """Answer the published pipelines, newest first."""
    everything = request.query.get("activeOnly", "true").lower() == "false"
    rows = request.store.pipelines.all_published(request.workspace.id, until=request.site.visible_until())
    return [pipeline_document(request, row) for row in rows if everything or row["status"] == ACTIVE]


@ROUTES.get("/Pipelines/{id}")
def get_pipeline(request: Request) -> Any:
    """Answer one published pipeline."""
    return pipeline_document(request, request.store.pipelines.published(request.workspace.id, request["id"]))


@ROUTES.put("/Pipelines/{id}/status")
def set_status(request: Request) -> Any:
    """Disable a published pipeline, or make it active again."""
    row = request.store.pipelines.published(request.workspace.id, request["id"])
    request.store.pipelines.set_status(row["id"], read_status(request.json()))

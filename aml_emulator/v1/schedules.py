"""Schedules: kept and answered; they never come due by themselves, so that a run here is one that was asked for."""

from typing import Any

from aml_emulator.errors import InvalidError
from aml_emulator.store.database import Row
from aml_emulator.store.pipelines import ACTIVE
from aml_emulator.v1.pipelines import STATUS_CODES, read_status
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/pipelines/v1.0{ws}")

_FIELDS = "Name PipelineId PipelineEndpointId PipelineSubmissionInfo Recurrence ScheduleType DataStoreTriggerInfo"


def _document(row: Row) -> dict[str, Any]:
    return {
        **row["document"],
        "Id": row["id"],
        "EntityStatus": STATUS_CODES[row["status"]],
        "ProvisioningStatus": "0",
        "CreatedDate": row["created"],
        "LastModifiedDate": row["modified"],
    }


@ROUTES.post("/Schedules/Create", takes=_FIELDS)
def create_schedule(request: Request) -> Any:
    """Keep a schedule of a published pipeline or of an endpoint."""
    sent = request.document()
    workspace, pipeline, endpoint = request.workspace.id, sent.text("PipelineId"), sent.text("PipelineEndpointId")
    if pipeline:
        request.store.pipelines.published(workspace, pipeline)
    elif endpoint:
        request.store.endpoints.find(workspace, identifier=endpoint)
    else:
        raise InvalidError("a schedule belongs to a pipeline or to a pipeline endpoint")
    return _document(request.store.schedules.create(workspace, pipeline=pipeline, endpoint=endpoint, document=sent))


@ROUTES.get("/Schedules/{id}")
def get_schedule(request: Request) -> Any:
    """Answer one schedule."""
    return _document(request.store.schedules.find(request.workspace.id, request["id"]))


@ROUTES.put("/Schedules/{id}")
def update_schedule(request: Request) -> Any:
    """Change a schedule, or its status."""
    sent = request.document()
    row = request.store.schedules.find(request.workspace.id, request["id"])
    status = read_status(sent.get("EntityStatus", row["status"]))
    document = {name: value for name, value in sent.items() if name in _FIELDS.split()}
    return _document(request.store.schedules.change(row, status=status, document=document))


def _listed(request: Request, **place: str) -> Any:
    everything = request.query.get("activeOnly", "true").lower() == "false"
    rows = request.store.schedules.all(request.workspace.id, until=request.site.visible_until(), **place)
    return [_document(row) for row in rows if everything or place or row["status"] == ACTIVE]


@ROUTES.get("/Schedules")
def list_schedules(request: Request) -> Any:
    """Answer the schedules, newest first."""
    return _listed(request)


@ROUTES.get("/Schedules/Pipeline/{id}")
def list_schedules_of_pipeline(request: Request) -> Any:
    """Answer the schedules of a published pipeline."""
    return _listed(request, pipeline=request["id"])


@ROUTES.get("/Schedules/PipelineEndpoint/{id}")
def list_schedules_of_endpoint(request: Request) -> Any:
    """Answer the schedules of an endpoint."""
    return _listed(request, endpoint=request["id"])


@ROUTES.get("/PipelineRuns/Schedule/{id}")
def list_runs_of_schedule(request: Request) -> Any:
    """Answer the runs that a schedule has started: there are none."""
    request.store.schedules.find(request.workspace.id, request["id"])
    return []


@ROUTES.get("/PipelineRuns/Schedule/{id}/Last")
def last_run_of_schedule(request: Request) -> Any:
    """Answer the last run that a schedule has started: there is none."""
    request.store.schedules.find(request.workspace.id, request["id"])

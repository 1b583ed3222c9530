"""Run history: experiments, runs, their events and their details."""

from datetime import datetime, timezone
from typing import Any

from aml_emulator import names
from aml_emulator.store.artifacts import run_container
from aml_emulator.store.database import Row, now
from aml_emulator.store.runs import FINAL
from aml_emulator.web.filters import parse_filter
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/history/v1.0{ws}")

_LOGS = ("azureml-logs/", "user_logs/", "logs/")


def _experiment(row: Row) -> dict[str, Any]:
    return {
        "experimentId": row["id"],
        "name": row["name"],
        "description": "",
        "createdUtc": row["created"],
        "tags": {},
        "archivedTime": None,
        **row["document"],
    }


@ROUTES.get("/experiments/{name}", "/experimentids/{name}")
def get_experiment(request: Request) -> Any:
    """Answer an experiment."""
    return _experiment(request.site.runs.experiment(request.workspace.id, request["name"]))


@ROUTES.post("/experiments/{name}")
def create_experiment(request: Request) -> Any:
    """Make an experiment, or answer the one there is."""
    return _experiment(request.site.runs.ensure_experiment(request.workspace.id, request["name"]))


@ROUTES.patch("/experimentids/{name}")
def update_experiment(request: Request) -> Any:
    """Change an experiment's description or tags, or archive it."""
    row = request.site.runs.experiment(request.workspace.id, request["name"])
    sent = request.document()
    document = {**row["document"], **{name: value for name, value in sent.items() if value is not None}}
    if "archive" in document:
        document["archivedTime"] = now() if document.pop("archive") else None
    request.site.database.update("experiments", {"id": row["id"]}, {"document": document})
    return _experiment({**row, "document": document})


@ROUTES.post("/experiments:query")
def list_experiments(request: Request) -> Any:
    """Answer all experiments."""
    rows = request.site.database.all(
        "select * from experiments where workspace = ? and created <= ? order by created desc",
        request.workspace.id,
        request.site.visible_until(),
    )
    return {"value": [_experiment(row) for row in rows]}


def run_document(row: Row) -> dict[str, Any]:
    """Return a run as the service answers it."""
    return {
        "runNumber": row["number"],
        "rootRunId": row["root"],
        "experimentId": row["experiment"],
        "createdUtc": row["created"],
        "userId": "local",
        "runId": row["id"],
        "runUuid": row["id"],
        "parentRunId": row["parent"],
        "status": row["status"],
        "startTimeUtc": row["started"],
        "endTimeUtc": row["ended"],
        "dataContainerId": run_container(row["id"]),
        "hidden": False,
        "runType": row["type"],
        "error": row["error"],
        "warnings": [],
        "tags": row["tags"],
        "properties": row["properties"],
        "createdBy": {"userObjectId": "local", "userTenantId": "local", "userName": "local"},
        **row["document"],
    }


_RUN = ("/experiments/{experiment}/runs/{run}", "/experimentids/{experiment}/runs/{run}")


def _below(path: str) -> tuple[str, ...]:
    return tuple(f"{template}{path}" for template in _RUN)


@ROUTES.get(*_RUN, "/runs/{run}")
def get_run(request: Request) -> Any:
    """Answer one run."""
    return run_document(request.site.runs.find(request.workspace.id, request["run"]))


@ROUTES.patch(*_RUN)
def save_run(request: Request) -> Any:
    """Change a run, or make the one that a client begins on its own."""
    sent = request.document()
    return _save(request, request["run"], sent)


def _save(request: Request, run: str, sent: dict[str, Any]) -> dict[str, Any]:
    runs, workspace = request.site.runs, request.workspace.id
    with request.site.database.transaction():
        if runs.get(workspace, run) is None:
            name = request["experiment"]
            known = request.site.database.one(
                "select name from experiments where workspace = ? and id = ?", workspace, name
            )
            runs.create(
                workspace,
                known["name"] if known else name,
                run=run,
                kind=sent.get("runType") or "",
                parent=sent.get("parentRunId"),
            )
        return run_document(runs.patch(workspace, run, sent))


@ROUTES.patch("/experiments/{experiment}/batch/runs", "/experimentids/{experiment}/batch/runs")
def save_runs(request: Request) -> Any:
    """Change or make several runs."""
    runs = [(names.run(one.get("runId")), one) for one in request.document()["runs"]]
    return {"runs": {run: _save(request, run, one) for run, one in runs}, "errors": {}}


@ROUTES.delete(*_below("/tags"))
def delete_tags(request: Request) -> Any:
    """Take tags off a run."""
    request.site.runs.delete_tags(request.workspace.id, request["run"], request.json() or [])
    return run_document(request.site.runs.find(request.workspace.id, request["run"]))


@ROUTES.get(*_below("/children"))
def list_children(request: Request) -> Any:
    """Answer the runs below a run, newest first."""
    rows = request.site.runs.children(request.workspace.id, request["run"])
    return {"value": [run_document(row) for row in reversed(rows)]}


@ROUTES.get(*_below("/token"))
def refresh_token(request: Request) -> Any:
    """Answer a new token for the processes of a run."""
    row = request.site.runs.find(request.workspace.id, request["run"])
    token, expiry = request.site.run_token(row["id"])
    until = datetime.fromtimestamp(expiry, timezone.utc).isoformat().replace("+00:00", "Z")
    return {**run_document(row), "token": token, "tokenExpiryTimeUtc": until, "expiryTimeUtc": until}


@ROUTES.get(*_below("/details"), "/runs/{run}/details")
def get_details(request: Request) -> Any:
    """Answer a run's details: its times, its logs, what it ended with."""
    site, workspace = request.site, request.workspace.id
    row = site.runs.find(workspace, request["run"])
    document = run_document(row)
    artifacts = site.artifacts.of_run(workspace, row["id"])
    return {
        "runId": row["id"],
        "target": document.get("target"),
        "status": row["status"],
        "startTimeUtc": row["started"],
        "endTimeUtc": row["ended"],
        "properties": row["properties"],
        "inputDatasets": document.get("inputDatasets") or [],
        "outputDatasets": document.get("outputDatasets") or [],
        "runDefinition": document.get("runDefinition"),
        "logFiles": {one["path"]: site.artifacts.address(one) for one in artifacts if one["path"].startswith(_LOGS)},
        "error": row["error"],
        "warnings": site.runs.warnings(workspace, row["id"]),
    }


@ROUTES.post("/experiments/{experiment}/runs:query", "/experimentids/{experiment}/runs:query")
def query_runs(request: Request) -> Any:
    """Answer the runs of an experiment that pass a filter, newest first."""
    row = request.site.runs.experiment(request.workspace.id, request["experiment"])
    sent = request.document()
    test = parse_filter(sent.required("filter")) if sent.get("filter") else lambda _: True
    until = request.site.visible_until()
    found = [run_document(one) for one in request.site.runs.of_experiment(row["id"], until=until)]
    return {"value": [one for one in found if test(one)][: sent.whole("top") or None]}


_ENDINGS = {"Completed": "Completed", "Failed": "Failed", "Canceled": "Canceled"}


def _take_event(request: Request, run: str, event: dict[str, Any]) -> None:
    site, workspace = request.site, request.workspace
    name = str(event.get("name") or "").rpartition(".")[2]
    data = event.get("data") or {}
    if name == "Start":
        site.runs.start(workspace.id, run)
    elif name in ("Canceled", "CancelRequested") and site.pipelines.get_run(workspace.id, run):
        site.scheduler.cancel(workspace, run)
    elif name in _ENDINGS:
        row = site.runs.find(workspace.id, run)
        # the executor ends its own runs: a step's process may still be at work when it says so
        if row["type"] not in ("azureml.PipelineRun", "azureml.StepRun") and row["status"] not in FINAL:
            site.runs.end(workspace.id, run, _ENDINGS[name], row["error"])
    elif name == "Error":
        site.runs.change(workspace.id, run, {"error": data.get("ErrorResponse")})
    elif name == "Warning":
        site.runs.add_warning(workspace.id, run, data.get("Source") or "", data.get("Message") or "")


@ROUTES.post(*_below("/events"))
def post_event(request: Request) -> Any:
    """Take note of what happened to a run."""
    _take_event(request, request["run"], request.json() or {})


@ROUTES.post("/experiments/{experiment}/batch/events")
def post_events(request: Request) -> Any:
    """Take note of what happened to several runs."""
    for event in request.json()["events"]:
        _take_event(request, (event.get("data") or {})["RunId"], event)
    return {"errors": []}


@ROUTES.get(*_below("/metricsingest/wait"))
def wait_for_metrics(request: Request) -> Any:
    """Answer once all metrics that came are kept: at once."""
    request.site.runs.find(request.workspace.id, request["run"])

"""Run history: experiments, runs, their events and their details."""

from datetime import datetime, timezone
from typing import Any

from aml_emulator import names
from aml_emulator.errors import NotServedError
from aml_emulator.executor.records import SCRIPT_RUN
from aml_emulator.fields import Fields
from aml_emulator.store.artifacts import run_container
from aml_emulator.store.database import Row, now
from aml_emulator.store.runs import FINAL
from aml_emulator.v1.filters import page, parse_filter, sort_runs
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/history/v1.0{ws}")

_LOGS = ("azureml-logs/", "user_logs/", "logs/")


_QUERY = "filter continuationToken orderby top"


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
    return _experiment(request.store.runs.experiment(request.workspace.id, request["name"]))


@ROUTES.post("/experiments/{name}")
def create_experiment(request: Request) -> Any:
    """Make an experiment, or answer the one there is."""
    return _experiment(request.store.runs.ensure_experiment(request.workspace.id, request["name"]))


@ROUTES.patch("/experimentids/{name}")
def update_experiment(request: Request) -> Any:
    """Change an experiment's description or tags, or archive it."""
    row = request.store.runs.experiment(request.workspace.id, request["name"])
    sent = request.document()
    document = {**row["document"], **{name: value for name, value in sent.items() if value is not None}}
    if "archive" in document:
        document["archivedTime"] = now() if document.pop("archive") else None
    return _experiment(request.store.runs.change_experiment(row, document))


@ROUTES.post("/experiments:query")
def list_experiments(request: Request) -> Any:
    """Answer all experiments."""
    rows = request.store.runs.experiments(request.workspace.id, until=request.site.visible_until())
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
    return run_document(request.store.runs.find(request.workspace.id, request["run"]))


@ROUTES.patch(*_RUN)
def save_run(request: Request) -> Any:
    """Change a run, or make the one that a client begins on its own."""
    sent = request.document()
    return _save(request, request["run"], sent)


def _save(request: Request, run: str, sent: Fields) -> dict[str, Any]:
    runs, workspace = request.store.runs, request.workspace.id
    if sent.get("error"):
        _error(sent.object("error"))
    with request.store.transaction():
        if runs.get(workspace, run) is None:
            runs.create(
                workspace,
                runs.experiment_name(workspace, request["experiment"]),
                run=run,
                kind=sent.text("runType") or "",
                parent=sent.text("parentRunId"),
            )
        return run_document(runs.patch(workspace, run, sent))


@ROUTES.patch("/experiments/{experiment}/batch/runs", "/experimentids/{experiment}/batch/runs")
def save_runs(request: Request) -> Any:
    """Change or make several runs."""
    runs = [(names.run(one.get("runId")), one) for one in request.document().objects("runs")]
    return {"runs": {run: _save(request, run, one) for run, one in runs}, "errors": {}}


@ROUTES.delete(*_below("/tags"))
def delete_tags(request: Request) -> Any:
    """Take tags off a run."""
    request.store.runs.delete_tags(request.workspace.id, request["run"], request.texts())
    return run_document(request.store.runs.find(request.workspace.id, request["run"]))


@ROUTES.get(*_below("/children"))
def list_children(request: Request) -> Any:
    """Answer the runs below a run, newest first."""
    rows = request.store.runs.children(request.workspace.id, request["run"])
    return {"value": [run_document(row) for row in reversed(rows)]}


@ROUTES.get(*_below("/token"))
def refresh_token(request: Request) -> Any:
    """Answer a new token for the processes of a run."""
    row = request.store.runs.find(request.workspace.id, request["run"])
    token, expiry = request.site.run_token(row["id"])
    until = datetime.fromtimestamp(expiry, timezone.utc).isoformat().replace("+00:00", "Z")
    return {**run_document(row), "token": token, "tokenExpiryTimeUtc": until, "expiryTimeUtc": until}


@ROUTES.get(*_below("/details"), "/runs/{run}/details")
def get_details(request: Request) -> Any:
    """Answer a run's details: its times, its logs, what it ended with."""
    site, workspace = request.site, request.workspace.id
    row = site.store.runs.find(workspace, request["run"])
    document = run_document(row)
    logs = [one for one in site.store.artifacts.of_run(workspace, row["id"]) if one["path"].startswith(_LOGS)]
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
        "logFiles": {one["path"]: site.store.artifacts.address(one) for one in logs},
        "error": row["error"],
        "warnings": site.store.runs.warnings(workspace, row["id"]),
    }


@ROUTES.post("/experiments/{experiment}/runs:query", "/experimentids/{experiment}/runs:query", takes=_QUERY)
def query_runs(request: Request) -> Any:
    """Answer the runs of an experiment that pass a filter, in the order asked for, page by page."""
    row = request.store.runs.experiment(request.workspace.id, request["experiment"])
    sent = request.document()
    test = parse_filter(sent.required("filter")) if sent.get("filter") else lambda _: True
    until = request.site.visible_until()
    found = [run_document(one) for one in request.store.runs.of_experiment(row["id"], until=until)]
    ordered = sort_runs([one for one in found if test(one)], _orders(sent))
    return page(ordered, size=sent.whole("top"), token=sent.text("continuationToken"))


def _orders(sent: Fields) -> list[str]:
    # the SDK sends a text, its own model has a list
    given = sent.get("orderby")
    return given.split(",") if isinstance(given, str) else sent.texts("orderby")


_EVENTS = "Microsoft.MachineLearning.Run."
_EXECUTED = ("azureml.PipelineRun", "azureml.StepRun", SCRIPT_RUN)
_ENDINGS = {"Completed": "Completed", "Failed": "Failed", "Canceled": "Canceled"}


def _take_event(request: Request, run: str, event: Fields) -> None:
    site, workspace = request.site, request.workspace
    name = event.required("name").removeprefix(_EVENTS)
    data = event.object("data")
    if name == "Start":
        site.store.runs.start(workspace.id, run)
    elif name in ("Canceled", "CancelRequested") and site.store.pipelines.get_run(workspace.id, run):
        site.scheduler.cancel(workspace, run)
    elif name in ("Canceled", "CancelRequested") and request.site.scheduler.runs_task(run):
        site.scheduler.cancel_task(workspace, run)
    elif name in _ENDINGS:
        row = site.store.runs.find(workspace.id, run)
        # the executor ends its own runs: a step's process may still be at work when it says so
        if row["type"] not in _EXECUTED and row["status"] not in FINAL:
            site.store.runs.end(workspace.id, run, _ENDINGS[name], row["error"])
    elif name == "Error":
        site.store.runs.change(workspace.id, run, {"error": _error(data.object("ErrorResponse"))})
    elif name == "Warning":
        site.store.runs.add_warning(workspace.id, run, data.text("Source") or "", data.text("Message") or "")
    elif name != "Heartbeat":
        raise NotServedError(f"the emulator does not serve the event '{event['name']}' of runs")


def _error(sent: Fields) -> Fields:
    """Return the error document of a run; InvalidError where it does not say what the error is."""
    sent.object("error").required("message")
    return sent


@ROUTES.post(*_below("/events"))
def post_event(request: Request) -> Any:
    """Take note of what happened to a run."""
    _take_event(request, request["run"], request.document())


@ROUTES.post("/experiments/{experiment}/batch/events")
def post_events(request: Request) -> Any:
    """Take note of what happened to several runs."""
    for event in request.document().objects("events"):
        _take_event(request, names.run(event.object("data")["RunId"]), event)
    return {"errors": []}


@ROUTES.get(*_below("/metricsingest/wait"))
def wait_for_metrics(request: Request) -> Any:
    """Answer once all metrics that came are kept: at once."""
    request.store.runs.find(request.workspace.id, request["run"])

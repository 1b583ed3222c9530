"""Metrics of runs."""

from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/metric/v2.0{ws}/runs/{run}")


@ROUTES.post("/batch")
def log_metrics(request: Request) -> Any:
    """Keep a batch of metrics."""
    request.store.runs.find(request.workspace.id, request["run"])
    request.store.runs.add_metrics(request.workspace.id, request["run"], request.document().objects("values"))
    return {"errors": []}


@ROUTES.post("/list")
def list_metrics(request: Request) -> Any:
    """Answer the names of a run's metrics, in the order they were logged first."""
    listed: dict[str, Any] = {}
    for row in request.store.runs.metrics(request.workspace.id, request["run"]):
        listed.setdefault(
            row["name"],
            {"metricKey": {"name": row["name"]}, "columns": row["columns"], "properties": row["properties"]},
        )
    return {"value": list(listed.values())}


@ROUTES.post("/full")
def get_metric(request: Request) -> Any:
    """Answer all values of one metric."""
    sent = request.document()
    name = sent.get("metricName") or sent.get("name") or ""
    rows = request.store.runs.metrics(request.workspace.id, request["run"], name)
    if not rows:
        raise NotFoundError("Metric", name)
    columns = {column: kind for row in rows for column, kind in row["columns"].items()}
    return {
        "name": name,
        "columns": columns,
        "properties": rows[0]["properties"],
        "dataContainerId": f"dcid.{request['run']}",
        "value": [value for row in rows for value in row["value"]],
    }

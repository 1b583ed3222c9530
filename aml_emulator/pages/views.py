"""The pages: what there is, one run, one published pipeline."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

from aml_emulator.pages.graph import Box, draw
from aml_emulator.pages.html import Html, badge, element, join, link, page, pairs, section, table
from aml_emulator.site import Site
from aml_emulator.store.database import Row
from aml_emulator.store.runs import FINAL
from aml_emulator.store.workspaces import Workspace
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Access, Routes

ROUTES = Routes(access=Access.OWNER)

_REFRESH_SECONDS = 2
_SHOWN = 50
_LOG_CHARACTERS = 200_000
# a file of a run is never a page of ours
_PLAIN = {"X-Content-Type-Options": "nosniff"}


def _html(content: bytes) -> Reply:
    return Reply(content, content_type="text/html; charset=utf-8")


@ROUTES.get("/")
def overview(request: Request) -> Reply:
    """Show every workspace with its pipelines, runs and models; the key of the address goes into a cookie."""
    site = request.site
    if "key" in request.query:
        cookie = f"{site.door.cookie}={site.door.secret}; Path=/; HttpOnly; SameSite=Strict"
        return Reply(status=303, headers={"Location": "/", "Set-Cookie": cookie})
    parts = [_workspace(site, workspace) for workspace in site.store.workspaces.all()]
    unserved = site.unserved.listed()
    refused = site.destinations.counts()["refused"]
    missed = [
        section("Calls that are not served", _counts(unserved, "None were made.")),
        section("Hosts that were refused", _counts(refused, "None were asked for.")),
    ]
    parts = [*missed, *parts] if unserved or refused else [*parts, *missed]
    return _html(page("Workspaces", *parts))


def _counts(counts: Any, empty: str) -> Html:
    return table(("what", "times"), sorted(counts.items()), empty=empty)


def _workspace(site: Site, workspace: Workspace) -> Html:
    store = site.store
    runs = store.runs.at_root(workspace.id, most=_SHOWN)
    pipelines = store.pipelines.all_published(workspace.id, until="9")[:_SHOWN]
    models = store.models.all(workspace.id)[:_SHOWN]
    datasets = site.store.datasets.versions(workspace.id, until="9")
    return element(
        "article",
        join(
            [
                element("h1", f"{workspace.name} ({workspace.group}, {workspace.subscription})"),
                section("Runs", _runs(runs)),
                section("Published pipelines", _pipelines(pipelines)),
                section("Models", _models(models)),
                section("Datasets", _datasets(datasets)),
            ]
        ),
    )


def _runs(rows: list[Row]) -> Html:
    cells = [
        (
            row["number"],
            link(f"/runs/{row['id']}", row["document"].get("name") or row["id"]),
            row["experiment_name"],
            badge(row["status"]),
            _time(row["started"] or row["created"]),
            _duration(row),
        )
        for row in rows
    ]
    heads = ("number", "run", "experiment", "status", "started", "duration")
    return table(heads, cells, empty="No runs yet.")


def _pipelines(rows: list[Row]) -> Html:
    cells = [
        (link(f"/pipelines/{row['id']}", row["name"]), row["version"], badge(row["status"]), row["created"])
        for row in rows
    ]
    return table(("name", "version", "status", "published"), cells, empty="No published pipelines yet.")


def _models(rows: list[Row]) -> Html:
    cells = [
        (
            row["name"],
            row["version"],
            link(f"/runs/{row['run']}", row["run"]) if row["run"] else "",
            _inline(row["tags"]),
            _inline(row["properties"]),
            row["created"],
        )
        for row in rows
    ]
    heads = ("name", "version", "run", "tags", "properties", "registered")
    return table(heads, cells, empty="No models yet.")


def _datasets(rows: list[Row]) -> Html:
    cells = [(row["name"], row["version"], row["type"], row["created"]) for row in rows]
    return table(("name", "version", "type", "registered"), cells, empty="No datasets yet.")


def _inline(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _after(graph: dict[str, Any]) -> dict[str, frozenset[str]]:
    """Return which steps come before each step of a graph."""
    nodes = {node["Id"] for node in graph.get("ModuleNodes") or []}
    found: dict[str, set[str]] = {node: set() for node in nodes}
    for edge in graph.get("Edges") or []:
        source, target = edge["SourceOutputPort"].get("NodeId"), edge["DestinationInputPort"].get("NodeId")
        if source in nodes and target in nodes:
            found[target].add(source)
    return {node: frozenset(before) for node, before in found.items()}


def _boxes(site: Site, graph: dict[str, Any], nodes: dict[str, Row]) -> dict[str, Box]:
    after = _after(graph)
    boxes = {}
    for node in graph.get("ModuleNodes") or []:
        row = nodes.get(node["Id"])
        boxes[node["Id"]] = Box(
            name=site.store.graphs.module(node["ModuleId"])["Data"]["Name"],
            status=row["status"] if row else "Active",
            after=after[node["Id"]],
            address=f"/runs/{row['run']}" if row and row["run"] else None,
        )
    return boxes


@ROUTES.get("/pipelines/{id}")
def show_pipeline(request: Request) -> Reply:
    """Show a published pipeline: its graph, its parameters, its runs."""
    site = request.site
    row = site.store.pipelines.published(None, request["id"])
    graph = site.store.graphs.find(row["graph"])
    parameters = [(one["Name"], one.get("DefaultValue")) for one in graph["interface"].get("Parameters") or []]
    runs = site.store.pipelines.runs_of(row["workspace"], row["id"])
    facts = {
        "id": row["id"],
        "version": row["version"],
        "status": badge(row["status"]),
        "description": row["document"].get("Description"),
    }
    cells = [(link(f"/runs/{run['id']}", run["id"]), badge(run["status"]), run["created"]) for run in runs]
    content = (
        pairs(facts),
        section("Graph", draw(_boxes(site, graph["document"], {}))),
        section("Parameters", table(("name", "default"), parameters, empty="It has none.")),
        section("Runs", table(("run", "status", "created"), cells, empty="It was not run yet.")),
    )
    return _html(page(f"Pipeline {row['name']}", *content))


@ROUTES.get("/runs/{run}")
def show_run(request: Request) -> Reply:
    """Show a run: its graph or its log, its metrics, tags, properties, files and children."""
    site = request.site
    row = site.store.runs.find(None, request["run"])
    content = [
        _facts(row),
        section("Error", element("pre", _message(row["error"]))) if row["error"] else "",
        _graph(site, row),
        section("Metrics", _metrics(site, row)),
        _children(site, row),
        _log(site, row),
        section("Tags", pairs(row["tags"])),
        section("Properties", pairs(row["properties"])),
        section("Files", _files(site, row)),
    ]
    refresh = None if row["status"] in FINAL else _REFRESH_SECONDS
    return _html(page(f"Run {row['document'].get('name') or row['id']}", *content, refresh=refresh))


def _time(moment: str | None) -> str:
    """Return a time in UTC as a person reads it."""
    return f"{moment[:10]} {moment[11:19]}" if moment else ""


def _duration(row: Row) -> str:
    if not row["started"] or not row["ended"]:
        return ""
    begin, end = (datetime.fromisoformat(row[name].replace("Z", "+00:00")) for name in ("started", "ended"))
    seconds = (end - begin).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _message(error: dict[str, Any]) -> str:
    found = error.get("error")
    return str(found.get("message")) if isinstance(found, dict) else json.dumps(error)


def _facts(row: Row) -> Html:
    facts = {
        "id": row["id"],
        "type": row["type"],
        "status": badge(row["status"]),
        "parent": link(f"/runs/{row['parent']}", row["parent"]) if row["parent"] else None,
        "started": _time(row["started"]),
        "ended": _time(row["ended"]),
        "duration": _duration(row),
    }
    return pairs({name: value for name, value in facts.items() if value})


def _graph(site: Site, row: Row) -> Html:
    pipeline_run = site.store.pipelines.get_run(row["workspace"], row["id"])
    if pipeline_run is None:
        return Html("")
    graph = site.store.graphs.find(pipeline_run["graph"])["document"]
    nodes = {node["node"]: node for node in site.store.pipelines.nodes(row["id"])}
    return section("Graph", draw(_boxes(site, graph, nodes)))


def _children(site: Site, row: Row) -> Html:
    children = site.store.runs.children(row["workspace"], row["id"])
    cells = [
        (link(f"/runs/{one['id']}", one["document"].get("name") or one["id"]), badge(one["status"])) for one in children
    ]
    return section("Children", table(("run", "status"), cells, empty="")) if cells else Html("")


def _log(site: Site, row: Row) -> Html:
    log = site.machine.log_of(row["id"])
    if not log.exists():
        return Html("")
    written = log.read_bytes()[-_LOG_CHARACTERS:].decode("utf-8", "replace")
    return section("Log", element("pre", written))


def _metrics(site: Site, row: Row) -> Html:
    values: dict[str, list[Any]] = {}
    for batch in site.store.runs.metrics(row["workspace"], row["id"]):
        for value in batch["value"]:
            data = value.get("data") or {}
            shown = data.get(batch["name"]) if set(data) == {batch["name"]} else data
            values.setdefault(batch["name"], []).append(shown)
    cells = [(name, ", ".join(json.dumps(one) for one in shown)) for name, shown in values.items()]
    return table(("name", "values"), cells, empty="None were logged.")


def _files(site: Site, row: Row) -> Html:
    rows = site.store.artifacts.of_run(row["workspace"], row["id"])
    cells = [(one["path"], link(f"/files/{row['id']}/{quote(one['path'])}", "open")) for one in rows]
    return table(("path", ""), cells, empty="It has none.")


@ROUTES.get("/files/{run}/{path:rest}")
def show_file(request: Request) -> Reply:
    """Show a file of a run as text, or give it to be kept."""
    site = request.site
    row = site.store.runs.find(None, request["run"])
    found = site.store.artifacts.find(row["workspace"], "ExperimentRun", f"dcid.{row['id']}", request["path"])
    content = site.store.artifacts.read(found)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return Reply(content, headers=_PLAIN, content_type="application/octet-stream")
    return Reply(content, headers=_PLAIN, content_type="text/plain; charset=utf-8")

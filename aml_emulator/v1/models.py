"""The model registry: assets, which name files, and models, which are numbered versions of them."""

from typing import Any
from urllib.parse import urlencode

from aml_emulator import names
from aml_emulator.errors import InvalidError
from aml_emulator.store.database import Row
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/modelmanagement/v1.0{ws}")


def _asset(row: Row) -> dict[str, Any]:
    return {**row["document"], "id": row["id"], "createdTime": row["created"]}


@ROUTES.post("/assets")
def create_asset(request: Request) -> Any:
    """Keep an asset."""
    sent = request.document()
    return _asset(request.store.models.create_asset(request.workspace.id, sent))


@ROUTES.get("/assets")
def list_assets(request: Request) -> Any:
    """Answer the assets of a run or of a name."""
    run, name = request.query.get("runId"), request.query.get("name")
    return {"value": [_asset(row) for row in request.store.models.assets(request.workspace.id, run=run, name=name)]}


@ROUTES.get("/assets/{id}")
def get_asset(request: Request) -> Any:
    """Answer one asset."""
    return _asset(request.store.models.asset(request.workspace.id, request["id"]))


def _document(row: Row) -> dict[str, Any]:
    return {
        **row["document"],
        "id": f"{row['name']}:{row['version']}",
        "name": row["name"],
        "version": row["version"],
        "runId": row["run"],
        "kvTags": row["tags"],
        "properties": row["properties"],
        "createdTime": row["created"],
        "modifiedTime": row["modified"],
    }


@ROUTES.post("/models")
def register_model(request: Request) -> Any:
    """Keep a model as the next version of its name; a deleted version's number is not given again."""
    sent = request.document()
    name = names.name(sent.required("name"), "model's name")
    return _document(request.store.models.register(request.workspace.id, name, sent))


def _pairs(query: str | None) -> list[tuple[str, str | None]]:
    """Read ``a=1,b``: a key with its value, or a key alone."""
    pairs = [part.partition("=") for part in (query or "").split(",") if part]
    return [(key, value if equals else None) for key, equals, value in pairs]


def _carries(found: dict[str, str], wanted: list[tuple[str, str | None]]) -> bool:
    return all(key in found and (value is None or found[key] == value) for key, value in wanted)


@ROUTES.get("/models")
def list_models(request: Request) -> Any:
    """Answer the models that fit, newest first, page by page."""
    query = request.query
    rows = request.store.models.all(
        request.workspace.id, name=query.get("name"), run=query.get("runId"), until=request.site.visible_until()
    )
    tags, properties = _pairs(query.get("tags")), _pairs(query.get("properties"))
    framework = query.get("framework")
    rows = [
        row
        for row in rows
        if _carries(row["tags"], tags)
        and _carries(row["properties"], properties)
        and framework in (None, row["document"].get("framework"))
    ]
    if query.get("latestVersionOnly", "").lower() == "true":
        highest: dict[str, Row] = {}
        for row in rows:
            if row["name"] not in highest or row["version"] > highest[row["name"]]["version"]:
                highest[row["name"]] = row
        rows = [row for row in rows if highest[row["name"]] is row]
    start = int(query.get("$skipToken") or 0)
    size = int(query.get("count") or 255)
    more = start + size < len(rows)
    following = urlencode({**query, "$skipToken": start + size})
    link = f"{request.site.base_url}{request.path}?{following}" if more else None
    return {"value": [_document(row) for row in rows[start : start + size]], "nextLink": link}


@ROUTES.get("/models/{id}")
def get_model(request: Request) -> Any:
    """Answer one version of a model."""
    return _document(request.store.models.find(request.workspace.id, request["id"]))


@ROUTES.delete("/models/{id}")
def delete_model(request: Request) -> Any:
    """Forget one version of a model."""
    request.store.models.delete(request.workspace.id, request["id"])
    return Reply(status=200)


@ROUTES.patch("/models/{id}")
def update_model(request: Request) -> Any:
    """Change a model: the operations add and replace of JSON Patch, for a whole field."""
    row = request.store.models.find(request.workspace.id, request["id"])
    changes: dict[str, Any] = {}
    document = dict(row["document"])
    for operation in request.objects():
        field = operation["path"].strip("/")
        if operation["op"] not in ("add", "replace") or "/" in field:
            raise InvalidError(f"the change {operation} of a model is not served")
        if field == "kvTags":
            changes["tags"] = operation["value"]
        elif field == "properties":
            changes["properties"] = operation["value"]
        else:
            document[field] = operation["value"]
    changes["document"] = document
    return _document(request.store.models.change(request.workspace.id, request["id"], changes))

"""The model registry: assets, which name files, and models, which are numbered versions of them."""

from typing import Any
from urllib.parse import urlencode

from aml_emulator.errors import InvalidError, NotFoundError
from aml_emulator.store.database import Row, new_id, now
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/modelmanagement/v1.0{ws}")


def _asset(row: Row) -> dict[str, Any]:
    return {**row["document"], "id": row["id"], "createdTime": row["created"]}


@ROUTES.post("/assets")
def create_asset(request: Request) -> Any:
    """Keep an asset."""
    sent = request.document()
    row = {
        "id": new_id().replace("-", ""),
        "workspace": request.workspace.id,
        "run": sent.get("runid") or sent.get("runId"),
        "created": now(),
        "document": sent,
    }
    request.site.database.insert("assets", row)
    return _asset(row)


@ROUTES.get("/assets")
def list_assets(request: Request) -> Any:
    """Answer the assets of a run or of a name."""
    rows = request.site.database.all(
        "select * from assets where workspace = ? and (? is null or run = ?) order by created desc",
        request.workspace.id,
        request.query.get("runId"),
        request.query.get("runId"),
    )
    name = request.query.get("name")
    return {"value": [_asset(row) for row in rows if name in (None, row["document"].get("name"))]}


@ROUTES.get("/assets/{id}")
def get_asset(request: Request) -> Any:
    """Answer one asset."""
    row = request.site.database.one(
        "select * from assets where workspace = ? and id = ?", request.workspace.id, request["id"]
    )
    if row is None:
        raise NotFoundError("Asset", request["id"])
    return _asset(row)


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
    database, workspace, name = request.site.database, request.workspace.id, sent["name"]
    with database.transaction():
        used = database.one("select version from model_versions_used where workspace = ? and name = ?", workspace, name)
        version = (used["version"] if used else 0) + 1
        database.insert("model_versions_used", {"workspace": workspace, "name": name, "version": version}, replace=True)
        row = {
            "workspace": workspace,
            "name": name,
            "version": version,
            "run": sent.get("runId"),
            "tags": sent.get("kvTags") or {},
            "properties": sent.get("properties") or {},
            "created": now(),
            "modified": now(),
            "document": sent,
        }
        database.insert("models", row)
    return _document(row)


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
    rows = request.site.database.all(
        "select * from models where workspace = ? and (? is null or name = ?) and (? is null or run = ?)"
        " and created <= ? order by created desc, version desc",
        request.workspace.id,
        query.get("name"),
        query.get("name"),
        query.get("runId"),
        query.get("runId"),
        request.site.visible_until(),
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


def _find(request: Request) -> Row:
    name, _, version = request["id"].rpartition(":")
    row = request.site.database.one(
        "select * from models where workspace = ? and name = ? and version = ?",
        request.workspace.id,
        name,
        int(version) if version.isdigit() else -1,
    )
    if row is None:
        raise NotFoundError("Model", request["id"])
    return row


@ROUTES.get("/models/{id}")
def get_model(request: Request) -> Any:
    """Answer one version of a model."""
    return _document(_find(request))


@ROUTES.delete("/models/{id}")
def delete_model(request: Request) -> Any:
    """Forget one version of a model."""
    row = _find(request)
    gone = request.site.database.execute(
        "delete from models where workspace = ? and name = ? and version = ?",
        row["workspace"],
        row["name"],
        row["version"],
    )
    if not gone:
        raise NotFoundError("Model", request["id"])
    return Reply(status=200)


@ROUTES.patch("/models/{id}")
def update_model(request: Request) -> Any:
    """Change a model: the operations add and replace of JSON Patch, for a whole field."""
    row = _find(request)
    changes: dict[str, Any] = {"modified": now()}
    document = dict(row["document"])
    for operation in request.json():
        field = operation["path"].strip("/")
        if operation["op"] not in ("add", "replace") or "/" in field:
            raise InvalidError(f"the change {operation} of a model is not served")
        if field == "kvTags":
            changes["tags"] = operation["value"]
        elif field == "properties":
            changes["properties"] = operation["value"]
        else:
            document[field] = operation["value"]
    key = {"workspace": row["workspace"], "name": row["name"], "version": row["version"]}
    request.site.database.update("models", key, {**changes, "document": document})
    return _document(_find(request))

"""Environments: kept and answered, never built; steps run in an interpreter of this machine."""

import json
from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.store.database import Row, now
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/environment/v1.0{ws}/environments")


def _rows(request: Request) -> list[Row]:
    return request.site.database.all(
        "select * from environments where workspace = ? and name = ? order by number desc",
        request.workspace.id,
        request["name"],
    )


def _document(row: Row) -> dict[str, Any]:
    return {**row["document"], "name": row["name"], "version": row["version"]}


@ROUTES.put("/{name}", "/{name}/versions/{version}")
def register_environment(request: Request) -> Any:
    """Keep an environment as a new version, unless the latest is the same."""
    # the SDK sends some fields with a capital letter and looks for none in the answer
    fields = {name[:1].lower() + name[1:]: value for name, value in request.json().items()}
    sent = {name: value for name, value in fields.items() if name not in ("name", "version")}
    rows = _rows(request)
    if rows and json.dumps(rows[0]["document"]) == json.dumps(sent):
        return _document(rows[0])
    number = (rows[0]["number"] if rows else 0) + 1
    row = {
        "workspace": request.workspace.id,
        "name": request["name"],
        "version": request.parameters.get("version") or str(number),
        "number": number,
        "created": now(),
        "document": sent,
    }
    request.site.database.insert("environments", row, replace=True)
    return _document(row)


@ROUTES.get("/{name}", "/{name}/versions/{version}")
def get_environment(request: Request) -> Any:
    """Answer an environment: the version asked for, or the latest."""
    version = request.parameters.get("version")
    for row in _rows(request):
        if version in (None, row["version"]):
            return _document(row)
    raise NotFoundError("Environment", f"{request['name']}:{version or 'latest'}")


@ROUTES.get("")
def list_environments(request: Request) -> Any:
    """Answer the latest version of each environment."""
    rows = request.site.database.all(
        "select * from environments where workspace = ? and created <= ? order by name, number",
        request.workspace.id,
        request.site.visible_until(),
    )
    latest = {row["name"]: row for row in rows}
    return {"value": [_document(row) for row in latest.values()]}

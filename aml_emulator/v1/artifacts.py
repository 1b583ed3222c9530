"""Artifacts: where to write and read the files of runs and models."""

from typing import Any

from aml_emulator.store.database import Row
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/artifact/v2.0{ws}/artifacts")


def _document(row: Row) -> dict[str, Any]:
    return {
        "artifactId": f"{row['origin']}/{row['container']}/{row['path']}",
        "origin": row["origin"],
        "container": row["container"],
        "path": row["path"],
        "etag": row["created"],
        "createdTime": row["created"],
        "dataPath": None,
    }


def _content(request: Request, row: Row) -> dict[str, Any]:
    return {
        "contentUri": request.store.artifacts.address(row),
        "origin": row["origin"],
        "container": row["container"],
        "path": row["path"],
    }


@ROUTES.post("/batch/metadata/{origin}/{container}")
def create_artifacts(request: Request) -> Any:
    """Note artifacts to come; answer where to upload their content."""
    rows = {
        one["path"]: request.store.artifacts.register(
            request.workspace.id, request["origin"], request["container"], one["path"]
        )
        for one in request.document().objects("paths")
    }
    return {
        "artifacts": {path: _document(row) for path, row in rows.items()},
        "artifactContentInformation": {path: _content(request, row) for path, row in rows.items()},
        "errors": {},
    }


def _find(request: Request) -> Row:
    return request.store.artifacts.find(request.workspace.id, request["origin"], request["container"], request["path"])


@ROUTES.get("/contentinfo/{origin}/{container}/{path:rest}")
def get_content_address(request: Request) -> Any:
    """Answer where to read an artifact."""
    return _content(request, _find(request))


@ROUTES.get("/content/{origin}/{container}/{path:rest}")
def get_content(request: Request) -> Any:
    """Answer an artifact's content."""
    return Reply(request.store.artifacts.read(_find(request)), content_type="application/octet-stream")


@ROUTES.get("/metadata/{origin}/{container}/{path:rest}")
def get_artifact(request: Request) -> Any:
    """Answer one artifact."""
    return _document(_find(request))


@ROUTES.get("/prefix/contentinfo/{origin}/{container}", "/prefix/contentinfo/{origin}/{container}/{path:rest}")
def list_addresses(request: Request) -> Any:
    """Answer where to read the artifacts below a path, or the one at it."""
    prefix = request.parameters.get("path", "").rstrip("/")
    rows = request.store.artifacts.below(request.workspace.id, request["origin"], request["container"], prefix)
    inside = [row for row in rows if not prefix or row["path"] == prefix or row["path"].startswith(f"{prefix}/")]
    return {"value": [_content(request, row) for row in inside]}


@ROUTES.get("/{origin}/{container}")
def list_artifacts(request: Request) -> Any:
    """Answer all artifacts of a run or an upload."""
    rows = request.store.artifacts.below(request.workspace.id, request["origin"], request["container"])
    return {"value": [_document(row) for row in rows]}

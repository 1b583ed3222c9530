"""Datasets: saved definitions, registered versions."""

import json
from typing import Any

from aml_emulator.errors import InvalidError, NotFoundError
from aml_emulator.store.database import Row
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes()

_DATASETS = "/dataset/v1.0{ws}/datasets"
_SAVED = "/dataset/v1.0{ws}/saveddatasets"
_UNREGISTERED = "unregistered-"


def _document(row: Row) -> dict[str, Any]:
    definition = {
        "datasetId": row["dataset"],
        "versionId": str(row["version"]),
        "datasetDefinitionState": {"state": "active"},
        "dataflow": json.dumps(row["dataflow"]),
        "dataPath": None,
        "properties": row["properties"],
        "savedDatasetId": row["saved"],
        "createdTime": row["created"],
        "modifiedTime": row["created"],
    }
    return {
        "datasetId": row["dataset"],
        "datasetState": {"state": "active"},
        "latest": definition,
        "name": row["name"],
        "description": row["description"],
        "tags": row["tags"],
        "isVisible": True,
        "datasetType": row["type"],
        "createdTime": row["created"],
        "modifiedTime": row["created"],
    }


def _saved(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "datasetType": row["type"],
        "properties": row["properties"],
        "dataflowJson": json.dumps(row["dataflow"]),
        "dataChanged": False,
    }


def _flag(request: Request, name: str) -> bool:
    return request.query.get(name, "").lower() == "true"


@ROUTES.post(_DATASETS)
def register_dataset(request: Request) -> Any:
    """Register a dataset: under a new name, or as a new version of a known one."""
    sent = request.document()
    datasets, workspace = request.store.datasets, request.workspace.id
    latest = sent["latest"]
    new_version = _flag(request, "ifExistsOk") or _flag(request, "updateDefinitionIfExists")
    with request.store.transaction():
        saved = latest.get("savedDatasetId")
        if saved:
            taken = datasets.registered_as(workspace, saved)
            if taken:
                name = f"{taken[0]['name']}:{taken[0]['version']}"
                raise InvalidError(f"The dataset has been registered as {name} (name:version).")
        else:
            saved = datasets.save(
                workspace,
                sent["datasetType"],
                json.loads(latest["dataflow"]),
                properties=latest.get("properties") or {},
                again=True,
            )["id"]
        row = datasets.register(
            workspace,
            sent["name"],
            saved,
            description=sent.get("description"),
            tags=sent.get("tags"),
            new_version=new_version,
        )
    return _document(row)


@ROUTES.get(_DATASETS)
def list_datasets(request: Request) -> Any:
    """Answer the latest version of each registered dataset."""
    rows = request.store.datasets.versions(request.workspace.id, until=request.site.visible_until())
    latest: dict[str, Row] = {}
    for row in rows:
        latest.setdefault(row["name"], row)
    return {"value": [_document(row) for row in latest.values()], "continuationToken": None}


@ROUTES.get(f"{_DATASETS}/query/name={{name}}")
def get_dataset_by_name(request: Request) -> Any:
    """Answer a version of the dataset of a name, or its latest."""
    wanted = request.query.get("versionId")
    number = int(wanted) if wanted else None
    return _document(request.store.datasets.version(request.workspace.id, name=request["name"], number=number))


@ROUTES.get(f"{_DATASETS}/query/savedDatasetId={{saved}}")
def get_datasets_by_definition(request: Request) -> Any:
    """Answer what a saved dataset is registered as."""
    rows = request.store.datasets.registered_as(request.workspace.id, request["saved"])
    return {"value": [_document(row) for row in rows], "continuationToken": None}


@ROUTES.get(f"{_DATASETS}/{{id}}")
def get_dataset(request: Request) -> Any:
    """Answer the latest version of the dataset of an id."""
    return _document(request.store.datasets.version(request.workspace.id, dataset=request["id"]))


@ROUTES.put(f"{_DATASETS}/{{id}}")
def update_dataset(request: Request) -> Any:
    """Change description and tags."""
    sent = request.document()
    changes = {"description": sent.get("description"), "tags": sent.get("tags") or {}}
    return _document(request.store.datasets.update(request.workspace.id, request["id"], changes))


@ROUTES.delete(f"{_DATASETS}/{{name}}")
def unregister_dataset(request: Request) -> Any:
    """Forget a name."""
    request.store.datasets.unregister(request.workspace.id, request["name"])


@ROUTES.post(_SAVED)
def save_dataset(request: Request) -> Any:
    """Keep a definition without a name."""
    sent = request.document()
    row = request.store.datasets.save(
        request.workspace.id,
        sent["datasetType"],
        json.loads(sent["dataflowJson"]),
        properties=sent.get("properties") or {},
    )
    return _saved(row)


@ROUTES.get(f"{_SAVED}/{{id}}")
def get_saved_dataset(request: Request) -> Any:
    """Answer a definition."""
    return _saved(request.store.datasets.saved(request.workspace.id, request["id"]))


@ROUTES.get("/data/v1.0{ws}/dataversion/{name}/versions/{version}")
def get_data_version(request: Request) -> Any:
    """Answer a definition in the engine's own words; assets of SDK v2 are never there."""
    name = request["name"]
    if not name.startswith(_UNREGISTERED):
        raise NotFoundError("Data asset", f"{name}:{request['version']}")
    row = request.store.datasets.saved(request.workspace.id, name.removeprefix(_UNREGISTERED))
    return {"legacyDataflow": row["definition"], "dataVersion": {"dataType": "MLTable", "dataUri": None}}

"""Datastores: blob containers in Azurite."""

from typing import Any

from aml_emulator import names
from aml_emulator.errors import InvalidError, NotFoundError
from aml_emulator.store.blobs import ACCOUNT
from aml_emulator.store.database import Row, now
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/datastore/v1.0{ws}")


def _document(request: Request, row: Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "dataStoreType": "AzureBlob",
        "hasBeenValidated": True,
        "tags": {},
        "azureStorageSection": {
            "accountName": ACCOUNT,
            "containerName": row["container"],
            "endpoint": "core.windows.net",
            "protocol": "https",
            "credentialType": "AccountKey",
            "credential": request.site.blobs.key,
            "accountKey": request.site.blobs.key,
            "sasToken": None,
            "isSas": False,
            "blobCacheTimeout": None,
            "subscriptionId": None,
            "resourceGroup": None,
        },
    }


@ROUTES.get("/default")
def get_default(request: Request) -> Any:
    """Answer the default datastore."""
    row = request.site.database.one(
        "select * from datastores where workspace = ? and is_default = 1", request.workspace.id
    )
    if row is None:
        raise NotFoundError("Datastore", "default")
    return _document(request, row)


@ROUTES.put("/default/{name}")
def set_default(request: Request) -> Any:
    """Make a datastore the default one."""
    row = _find(request)
    with request.site.database.transaction():
        request.site.database.update("datastores", {"workspace": row["workspace"]}, {"is_default": 0})
        request.site.database.update(
            "datastores", {"workspace": row["workspace"], "name": row["name"]}, {"is_default": 1}
        )


def _find(request: Request) -> Row:
    row = request.site.database.one(
        "select * from datastores where workspace = ? and name = ?", request.workspace.id, request["name"]
    )
    if row is None:
        raise NotFoundError("Datastore", request["name"])
    return row


@ROUTES.get("/datastores/{name}")
def get_datastore(request: Request) -> Any:
    """Answer one datastore."""
    return _document(request, _find(request))


@ROUTES.get("/datastores")
def list_datastores(request: Request) -> Any:
    """Answer all datastores."""
    rows = request.site.database.all("select * from datastores where workspace = ? order by name", request.workspace.id)
    return {"value": [_document(request, row) for row in rows]}


@ROUTES.post("/datastores")
def register_datastore(request: Request) -> Any:
    """Keep a blob container of Azurite's account as a datastore."""
    sent = request.document()
    section = sent.get("azureStorageSection") or {}
    kind = sent.get("dataStoreType")
    if kind != "AzureBlob" or section.get("accountName") != ACCOUNT:
        raise InvalidError(f"the emulator has blob containers of account '{ACCOUNT}' only, not {kind}")
    row = {
        "workspace": request.workspace.id,
        "name": names.name(sent["name"]),
        "container": names.container(section.get("containerName")),
        "is_default": 0,
        "created": now(),
    }
    request.site.blobs.create_container(str(row["container"]))
    request.site.database.insert("datastores", row, replace=True)
    return _document(request, row)


@ROUTES.delete("/datastores/{name}")
def unregister_datastore(request: Request) -> Any:
    """Forget a datastore; its content stays."""
    gone = request.site.database.execute(
        "delete from datastores where workspace = ? and name = ?", request.workspace.id, request["name"]
    )
    if not gone:
        raise NotFoundError("Datastore", request["name"])

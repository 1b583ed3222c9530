"""Datastores: blob containers in Azurite."""

from typing import Any

from aml_emulator import names
from aml_emulator.errors import InvalidError
from aml_emulator.store.blobs import ACCOUNT
from aml_emulator.store.database import Row
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
            "credential": request.store.blobs.key,
            "accountKey": request.store.blobs.key,
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
    return _document(request, request.store.datastores.default(request.workspace.id))


@ROUTES.put("/default/{name}")
def set_default(request: Request) -> Any:
    """Make a datastore the default one."""
    request.store.datastores.set_default(request.workspace.id, request["name"])


@ROUTES.get("/datastores/{name}")
def get_datastore(request: Request) -> Any:
    """Answer one datastore."""
    return _document(request, request.store.datastores.find(request.workspace.id, request["name"]))


@ROUTES.get("/datastores")
def list_datastores(request: Request) -> Any:
    """Answer all datastores."""
    return {"value": [_document(request, row) for row in request.store.datastores.all(request.workspace.id)]}


@ROUTES.post("/datastores")
def register_datastore(request: Request) -> Any:
    """Keep a blob container of Azurite's account as a datastore."""
    sent = request.document()
    section = sent.get("azureStorageSection") or {}
    kind = sent.get("dataStoreType")
    if kind != "AzureBlob" or section.get("accountName") != ACCOUNT:
        raise InvalidError(f"the emulator has blob containers of account '{ACCOUNT}' only, not {kind}")
    name, container = names.name(sent["name"]), names.container(section.get("containerName"))
    request.store.blobs.create_container(container)
    row = request.store.datastores.save(request.workspace.id, name, container)
    return _document(request, row)


@ROUTES.delete("/datastores/{name}")
def unregister_datastore(request: Request) -> Any:
    """Forget a datastore; its content stays."""
    request.store.datastores.delete(request.workspace.id, request["name"])

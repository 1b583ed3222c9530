"""AmlCompute clusters: kept and answered, never started; steps run on this machine."""

from typing import Any
from urllib.parse import quote

from aml_emulator.errors import InvalidError
from aml_emulator.store.database import Row
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes()


def _document(request: Request, row: Row) -> dict[str, Any]:
    sent = row["document"]
    asked = sent["properties"].get("properties") or {}
    minimum = (asked.get("scaleSettings") or {}).get("minNodeCount") or 0
    return {
        "id": f"{request.workspace.scope}/computes/{row['name']}",
        "name": row["name"],
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": sent.get("location") or "local",
        "tags": sent.get("tags") or {},
        "properties": {
            "computeType": "AmlCompute",
            "computeLocation": "local",
            "description": sent["properties"].get("description"),
            "resourceId": None,
            "provisioningState": "Succeeded",
            "provisioningErrors": None,
            "createdOn": row["created"],
            "modifiedOn": row["created"],
            "isAttachedCompute": False,
            "properties": {
                **asked,
                "vmSize": asked.get("vmSize"),
                "vmPriority": asked.get("vmPriority"),
                "scaleSettings": asked.get("scaleSettings"),
                "subnet": asked.get("subnet"),
                "allocationState": "Steady",
                "allocationStateTransitionTime": row["created"],
                "currentNodeCount": minimum,
                "targetNodeCount": minimum,
                "nodeStateCounts": {},
            },
        },
    }


def _find(request: Request) -> Row:
    return request.store.computes.find(request.workspace.id, request["name"])


@ROUTES.put("{ws}/computes/{name}")
def create_compute(request: Request) -> Any:
    """Keep a cluster."""
    sent = request.document()
    kind = (sent.get("properties") or {}).get("computeType")
    if kind != "AmlCompute":
        raise InvalidError(f"the emulator has computes of type AmlCompute only, not {kind}")
    row = request.store.computes.save(request.workspace.id, request["name"], sent)
    operation = f"{request.site.base_url}/operations/{quote(request['name'])}"
    return Reply(_document(request, row), status=201, headers={"Azure-AsyncOperation": operation})


@ROUTES.patch("{ws}/computes/{name}")
def update_compute(request: Request) -> Any:
    """Change a cluster's scale settings."""
    row = _find(request)
    changes = (request.document().get("properties") or {}).get("properties") or {}
    document = row["document"]
    document["properties"]["properties"] = {**(document["properties"].get("properties") or {}), **changes}
    row = request.store.computes.change(row, document)
    operation = f"{request.site.base_url}/operations/{quote(request['name'])}"
    return Reply(_document(request, row), headers={"Azure-AsyncOperation": operation})


@ROUTES.get("{ws}/computes/{name}", "/rp/workspaces{ws}/computes/{name}")
def get_compute(request: Request) -> Any:
    """Answer one cluster."""
    return _document(request, _find(request))


@ROUTES.post("{ws}/computes/{name}/listNodes")
def list_nodes(request: Request) -> Any:
    """Answer the machines of a cluster that are up: there are none."""
    _find(request)
    return {"nodes": []}


@ROUTES.get("{ws}/computes", "/rp/workspaces{ws}/computes")
def list_computes(request: Request) -> Any:
    """Answer all clusters."""
    rows = request.store.computes.all(request.workspace.id, until=request.site.visible_until())
    return {"value": [_document(request, row) for row in rows]}


@ROUTES.delete("{ws}/computes/{name}", "/rp/workspaces{ws}/computes/{name}")
def delete_compute(request: Request) -> Any:
    """Forget a cluster."""
    request.store.computes.delete(request.workspace.id, request["name"])
    operation = f"{request.site.base_url}/operations/{quote(request['name'])}"
    return Reply(status=202, headers={"Azure-AsyncOperation": operation})


@ROUTES.get("/operations/{name}")
def get_operation(request: Request) -> Any:
    """Answer how a long operation goes: it is always over."""
    return {"id": request["name"], "name": request["name"], "status": "Succeeded"}

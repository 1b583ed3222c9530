"""Workspaces in Azure Resource Manager, and where their services are."""

from typing import Any

from aml_emulator.store.blobs import ACCOUNT
from aml_emulator.store.workspaces import Workspace
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes()

_SERVICES = ("api", "experimentation", "history", "hyperdrive", "modelmanagement", "pipelines", "studio")


def _document(request: Request, workspace: Workspace) -> dict[str, Any]:
    group = f"/subscriptions/{workspace.subscription}/resourceGroups/{workspace.group}/providers"
    return {
        "id": workspace.scope,
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": "local",
        "tags": {},
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": None,
        "properties": {
            "workspaceId": workspace.id,
            "friendlyName": workspace.name,
            "description": "",
            "discoveryUrl": f"{request.site.base_url}/discovery",
            "provisioningState": "Succeeded",
            "creationTime": workspace.created,
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{ACCOUNT}",
            "keyVault": f"{group}/Microsoft.KeyVault/vaults/local",
            "applicationInsights": "",
        },
    }


@ROUTES.get("{ws}")
def get_workspace(request: Request) -> Any:
    """Answer one workspace."""
    return _document(request, request.workspace)


def _listed(request: Request, group: str | None) -> Any:
    found = [
        workspace
        for workspace in request.site.workspaces.all()
        if workspace.subscription.lower() == request["subscription"].lower()
        and group in (None, workspace.group.lower())
    ]
    return {"value": [_document(request, workspace) for workspace in found]}


@ROUTES.get("/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/workspaces")
def list_in_subscription(request: Request) -> Any:
    """Answer the workspaces of a subscription."""
    return _listed(request, None)


@ROUTES.get(
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces"
)
def list_in_group(request: Request) -> Any:
    """Answer the workspaces of a resource group."""
    return _listed(request, request["group"].lower())


@ROUTES.get(
    "/subscriptions/{subscription}/resources",
    "/subscriptions/{subscription}/resourceGroups/{group}/resources",
)
def list_resources(request: Request) -> Any:
    """Answer the resources of a subscription or a group: there are workspaces only."""
    group = request.parameters.get("group")
    return _listed(request, group.lower() if group else None)


@ROUTES.get("/discovery", "/discovery/{scope:rest}", public=True)
def discover(request: Request) -> Any:
    """Answer where each service of a workspace is: all here."""
    return dict.fromkeys(_SERVICES, request.site.base_url)

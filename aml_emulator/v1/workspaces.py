"""Workspaces in Azure Resource Manager, and where their services are."""

from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.store.blobs import ACCOUNT
from aml_emulator.store.workspaces import Workspace
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes()

_SIZES = {"STANDARD_D2_V2": 2, "STANDARD_DS2_V2": 2, "STANDARD_DS3_V2": 4, "STANDARD_D12_V2": 4, "STANDARD_D13_V2": 8}
_SUCCEEDED = {"provisioningState": "Succeeded"}
_RESOURCE_TYPES = [{"resourceType": "workspaces", "locations": ["local"]}]
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


@ROUTES.get("/subscriptions/{subscription}/resourceGroups/{group}")
def get_resource_group(request: Request) -> Any:
    """Answer a resource group that has a workspace."""
    if not _listed(request, request["group"].lower())["value"]:
        raise NotFoundError("Resource group", request["group"])
    return {"id": request.path, "name": request["group"], "location": "local", "properties": _SUCCEEDED}


@ROUTES.get("/subscriptions/{subscription}/providers/{namespace}")
def get_provider(request: Request) -> Any:
    """Answer that a provider of resources is registered with a subscription."""
    return {"namespace": request["namespace"], "registrationState": "Registered", "resourceTypes": _RESOURCE_TYPES}


@ROUTES.get("/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}/vmSizes")
def list_vm_sizes(request: Request) -> Any:  # noqa: ARG001
    """Answer sizes of machines that notebooks ask for; none of them is more than a name here."""
    sizes = [{"name": name, "vCPUs": cores, "memoryGB": 7.0 * cores, "gpus": 0} for name, cores in _SIZES.items()]
    return {"amlCompute": [{**size, "maxResourceVolumeMB": 100_000} for size in sizes]}


def _listed(request: Request, group: str | None) -> Any:
    found = [
        workspace
        for workspace in request.store.workspaces.all()
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

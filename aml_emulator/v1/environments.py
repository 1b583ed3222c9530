"""Environments: kept and answered, never built; steps run in an interpreter of this machine."""

from typing import Any

from aml_emulator.store.database import Row
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/environment/v1.0{ws}/environments")


# "Azure Machine Learning curated environments": their names begin like this, and no client may register one
_CURATED = "AzureML-"


def _document(row: Row) -> dict[str, Any]:
    return {**row["document"], "name": row["name"], "version": row["version"]}


@ROUTES.put("/{name}", "/{name}/versions/{version}")
def register_environment(request: Request) -> Any:
    """Keep an environment as a new version, unless the latest is the same."""
    # the SDK sends some fields with a capital letter and looks for none in the answer
    fields = {name[:1].lower() + name[1:]: value for name, value in request.document().items()}
    sent = {name: value for name, value in fields.items() if name not in ("name", "version")}
    version = request.parameters.get("version")
    return _document(request.store.environments.register(request.workspace.id, request["name"], sent, version=version))


@ROUTES.get("/{name}", "/{name}/versions/{version}")
def get_environment(request: Request) -> Any:
    """Answer an environment: the version asked for, or the latest; one of Microsoft's own as a bare record."""
    name, version = request["name"], request.parameters.get("version")
    if name.startswith(_CURATED) and not request.store.environments.versions(request.workspace.id, name):
        return {"name": name, "version": version or "1", "python": {"userManagedDependencies": True}}
    return _document(request.store.environments.find(request.workspace.id, name, version))


@ROUTES.get("")
def list_environments(request: Request) -> Any:
    """Answer the latest version of each environment."""
    rows = request.store.environments.latest(request.workspace.id, until=request.site.visible_until())
    return {"value": [_document(row) for row in rows]}

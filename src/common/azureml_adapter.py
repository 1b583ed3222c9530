"""The one door from the scripts to Azure ML: who signs in, which workspace, which run.

Everything of azureml is imported inside functions: a laptop in DEV neither needs it nor waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from src.common.errors import CloudError, SettingsError

if TYPE_CHECKING:
    from azureml.core import Run, Workspace

    from src.common.settings import Settings


def connect(settings: Settings) -> Workspace:
    """The workspace: that of the run that this process is part of, else the one that the settings name.

    Raises:
        SettingsError: The workspace is not named in full, or azureml is not installed.
        CloudError: It can't be reached, does not exist, or may not be used.
    """
    run = current_run()
    return run.experiment.workspace if run is not None else _named_workspace(settings)


def current_run() -> Run | None:
    """The Azure ML run that this process is part of; None outside of one."""
    with installed():
        from azureml.core import Run
        from azureml.exceptions import RunEnvironmentException
    try:
        return Run.get_context(allow_offline=False)
    except RunEnvironmentException:
        return None


def _named_workspace(settings: Settings) -> Workspace:
    wanted = {
        "SUBSCRIPTION_ID": settings.subscription_id,
        "RESOURCE_GROUP": settings.resource_group,
        "WORKSPACE_NAME": settings.workspace_name,
    }
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        raise SettingsError(
            f"the Azure ML workspace is not named: {', '.join(missing)} empty",
            where=".env, .env.local, the environment",
            hint="set them in .env.local, or AML_PIPELINE_EXEC_MODE=DEV to run on this machine",
        )
    from azureml.core import Workspace

    place = f"{settings.resource_group}/{settings.workspace_name} in subscription {settings.subscription_id}"
    with asking(f"the workspace {settings.workspace_name!r} can't be used", where=place):
        return Workspace.get(
            settings.workspace_name,
            auth=_authentication(settings),
            subscription_id=settings.subscription_id,
            resource_group=settings.resource_group,
        )


def _authentication(settings: Settings) -> Any:
    from azureml.core.authentication import ServicePrincipalAuthentication, TokenAuthentication

    given = {
        "TENANT_ID": settings.tenant_id,
        "SP_APP_ID": settings.sp_app_id,
        "SP_APP_SECRET": settings.sp_app_secret,
    }
    if not any(given.values()):
        from azure.identity import DefaultAzureCredential

        # AzureCliAuthentication would need the whole azure-cli package; this one asks its program, among others
        credential = DefaultAzureCredential()
        return TokenAuthentication(lambda audience: credential.get_token(f"{audience}/.default").token)
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise SettingsError(
            f"the service principal is incomplete: {', '.join(missing)} empty",
            where=".env, .env.local, the environment",
            hint="set all three, or none of them to sign in as this machine does (Azure CLI, managed identity)",
        )
    return ServicePrincipalAuthentication(settings.tenant_id, settings.sp_app_id, settings.sp_app_secret)


@contextmanager
def installed() -> Iterator[None]:
    """Turn the absence of azureml into a sentence.

    Raises:
        SettingsError: azureml is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "azureml":
            raise
        raise SettingsError(
            "PROD needs the packages of Azure ML, which are not installed",
            found=f"no module {error.name}",
            hint="with Python 3.10 or 3.11 (they end there): pip install -r requirements/azureml.txt",
        ) from error


@contextmanager
def asking(what: str, *, where: object = None) -> Iterator[None]:
    """Turn what the SDK raises into one error that says what could not be done.

    Args:
        what: What could not be done.
        where: In which place.

    Raises:
        CloudError: The service, the network, or the sign-in refused.
    """
    from azure.core.exceptions import AzureError
    from azureml.exceptions import AzureMLException
    from msrest.exceptions import ClientException
    from requests import RequestException

    try:
        yield
    except (AzureMLException, ClientException, RequestException, AzureError) as error:
        text = str(getattr(error, "message", None) or error)
        raise CloudError(what, where=where, found=text, hint=_hint(text)) from error


_HINTS = (
    (
        ("all the subscriptions that you have access to", "not found", "does not exist", "404"),
        "check SUBSCRIPTION_ID, RESOURCE_GROUP and WORKSPACE_NAME",
    ),
    (("az login", "authenticat", "credential"), "sign in with az login, or set TENANT_ID, SP_APP_ID and SP_APP_SECRET"),
    (("authoriz", "forbidden", "403"), "give the identity that signs in the role Contributor in this workspace"),
)


def _hint(text: str) -> str:
    lower = text.lower()
    for signs, hint in _HINTS:
        if any(sign in lower for sign in signs):
            return hint
    return "try again; --verbose shows where it was raised"

"""The one door from the scripts to Azure ML: who signs in, which workspace, which run.

Everything of azureml is imported inside functions: a laptop in DEV neither needs it nor waits for it. It stays one
module so that there is one door: nothing else in `src` may import azureml, and an import contract holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

from src.common.committed_folder import copy_committed
from src.common.errors import CloudError, SettingsError
from src.common.model_registry import RegisteredModel
from src.common.scratch import scratch_folder

Found = TypeVar("Found")
BUSY = (401, 408, 429, 500, 502, 503, 504)
"""What may be answered a moment later. 401 is among them: a token may expire on its way."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the times that something is asked."""
TABLE_ROWS = 250
"""What Azure ML takes of a logged table; the whole one is among the run's files."""
DECISION, NOT_BETTER = "decision", "not better"
"""The tag that evaluation gives a pipeline's run, and what it says when there is nothing to register."""

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


def pipeline_run() -> Run | None:
    """The run of the whole pipeline that this process is a step of; None outside of one."""
    run = current_run()
    return None if run is None else run.parent or run


@dataclass(frozen=True)
class AzureRegistry:
    """The model registry of a workspace.

    Attributes:
        workspace: The workspace.
    """

    workspace: Workspace

    def newest(self, name: str) -> RegisteredModel | None:
        """The newest version of a model; None if there is none."""
        return self._newest(name)

    def get(self, name: str, version: int) -> RegisteredModel | None:
        """One version of a model; None if there is none."""
        from azureml.core import Model

        with asking("the models can't be listed", where=self.workspace.name):
            found = [model for model in Model.list(self.workspace, name=name) if int(model.version) == version]
        return RegisteredModel(name, version, dict(found[0].tags)) if found else None

    def find(self, name: str, *, tag: str, value: str) -> RegisteredModel | None:
        """The newest version that has a tag with this value; None if there is none."""
        return self._newest(name, tags=[[tag, value]])

    def register(self, folder: Path, name: str, tags: Mapping[str, str]) -> RegisteredModel:
        """Register the files of a committed folder as a new version.

        Raises:
            IntegrityError: The files are not what its manifest says.
            CloudError: The workspace refuses.
        """
        from azureml.core import Model

        # the SDK takes models from below the current folder only
        with scratch_folder(Path.cwd()) as temporary:
            copy_committed(folder, temporary / "model")
            with asking(f"the model {name!r} can't be registered", where=self.workspace.name):
                path = str((temporary / "model").relative_to(Path.cwd()))
                model = Model.register(self.workspace, path, name, tags=dict(tags), properties=dict(tags))
        return RegisteredModel(name, int(model.version), dict(tags))

    @contextmanager
    def files(self, model: RegisteredModel) -> Iterator[Path]:
        """The folder with the files of a version, to read only: they are downloaded for as long as the block lasts."""
        from azureml.core import Model

        with scratch_folder() as folder:
            with asking(f"{model.name} version {model.version} can't be downloaded", where=self.workspace.name):
                there = Model(self.workspace, model.name, version=model.version).download(str(folder), exist_ok=True)
            yield Path(there)

    def _newest(self, name: str, tags: Sequence[Sequence[str]] | None = None) -> RegisteredModel | None:
        from azureml.core import Model

        with asking("the models can't be listed", where=self.workspace.name):
            found = Model.list(self.workspace, name=name, tags=tags)
        if not found:
            return None
        model = max(found, key=lambda one: int(one.version))
        return RegisteredModel(name, int(model.version), dict(model.tags))


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
        return TokenAuthentication(_ambient_token)
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise SettingsError(
            f"the service principal is incomplete: {', '.join(missing)} empty",
            where=".env, .env.local, the environment",
            hint="set all three, or none of them to sign in as this machine does (Azure CLI, managed identity)",
        )
    return ServicePrincipalAuthentication(settings.tenant_id, settings.sp_app_id, settings.sp_app_secret)


def _ambient_token(audience: str) -> str:
    """A token of who is signed in on this machine: asked for anew each time, since a run may outlive many.

    The Azure CLI comes first: on a build agent with a managed identity of its own, the build signs in by the CLI.
    """
    from azure.identity import AzureCliCredential, ChainedTokenCredential, DefaultAzureCredential

    # AzureCliAuthentication of the SDK would need the whole azure-cli package; this one asks its program
    chain = ChainedTokenCredential(AzureCliCredential(), DefaultAzureCredential(exclude_cli_credential=True))
    return chain.get_token(f"{audience}/.default").token


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


def reading(read: Callable[[], Found], what: str, *, where: object = None) -> Found:
    """Ask for something that changes nothing, and ask again where the service is busy: the SDK repeats after 5xx only.

    Args:
        read: Asks.
        what: What can't be done, should it not be answered.
        where: In which place.

    Raises:
        CloudError: The service refused, or was busy for too long.
    """
    for pause in (*PAUSES, None):
        try:
            with asking(what, where=where):
                return read()
        except CloudError as error:
            if pause is None or not _passes(error):
                raise
            sleep(pause)
    raise AssertionError("the last one returns or raises")


def _passes(error: CloudError) -> bool:
    """Whether what was refused may be answered a moment later."""
    from requests import ConnectionError as NoConnection
    from requests import Timeout

    cause: BaseException | None = error.__cause__
    while cause is not None:
        status = getattr(getattr(cause, "response", None), "status_code", 0)
        if status in BUSY or isinstance(cause, NoConnection | Timeout):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


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


def log_results(
    metrics: Mapping[str, float],
    *,
    folder: str,
    files: Sequence[Path] = (),
    tables: Mapping[str, Mapping[str, Sequence[object]]] | None = None,
) -> None:
    """Log metrics and tables to the run that this process is part of, and upload files; nothing outside of a run.

    Args:
        metrics: Numbers by name.
        folder: The folder of the run's files for `files`.
        files: Files on this machine.
        tables: Columns by name, by the name of the table.

    Raises:
        CloudError: The service did not take them.
    """
    run = current_run()
    if run is None:
        return
    with asking("the results can't be logged", where=run.id):
        for name, value in metrics.items():
            run.log(name, value)
        for name, columns in (tables or {}).items():
            run.log_table(name, {column: list(values)[:TABLE_ROWS] for column, values in columns.items()})
        for path in files:
            run.upload_file(f"{folder}/{path.name}", str(path))
        run.flush()


def mark_not_better(reason: str, *, cancel: bool) -> None:
    """Tag the pipeline's run, and cancel what is left of it; nothing outside of a run.

    Raises:
        CloudError: The service refused.
    """
    run = pipeline_run()
    if run is None:
        return
    with asking("the run can't be tagged", where=run.id):
        run.set_tags({DECISION: NOT_BETTER, "reason": reason})
    if cancel:
        print("the pipeline's run is cancelled: there is nothing to register", flush=True)
        with asking("the run can't be cancelled", where=run.id):
            run.cancel()

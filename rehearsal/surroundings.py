"""What stands around the pipeline: the emulator with Azurite, the variable groups, the data in the workspace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aml_emulator.runtime.stack import Stack, StackSettings
from aml_emulator.site import SiteSettings

WORKSPACE = {"SUBSCRIPTION_ID": "rehearsal-subscription", "RESOURCE_GROUP": "rehearsal", "WORKSPACE_NAME": "rehearsal"}
SECRET = "SP_APP_SECRET"  # noqa: S105  the name of one
SIGN_IN = {"TENANT_ID": "rehearsal-tenant", "SP_APP_ID": "rehearsal-client", SECRET: "any text that is not empty"}
"""What a group holds besides where the scripts sign in by a secret. The emulator takes any."""
ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "batch_ai-dev": ("exclusive lock",),
    "batch_ai-dev-inference": ("exclusive lock",),
    "batch_ai-prod": ("approval by a person", "exclusive lock"),
    "batch_ai-prod-inference": ("exclusive lock",),
}
"""The checks on each environment."""
CONNECTIONS = {
    f"batch_ai-{environment}{kind}": {
        "servicePrincipalId": "rehearsal-client",
        "tenantId": "rehearsal-tenant",
        "idToken": "a token for this run",
        **WORKSPACE,
        **SIGN_IN,
        "AML_PIPELINE_EXEC_MODE": "PROD",
    }
    for environment in ("dev", "prod")
    for kind in ("", "-agentless")
}
"""Service connections: by name, what a task knows that has signed in."""


def groups(*, by_secret: bool) -> dict[str, dict[str, str]]:
    """The variable groups.

    Args:
        by_secret: Whether the scripts sign in by a secret of the group, not by the service connection.
    """
    values = {**WORKSPACE, **SIGN_IN} if by_secret else WORKSPACE
    return {f"batch_ai-{environment}": values for environment in ("dev", "prod")}


UPLOAD = """
import sys
from azureml.core import Dataset
from ml_service.workspace import get_datastore
from src.common.azureml_adapter import connect
from src.common.settings import every_setting
from src.settings.batchai.batchai_settings import BatchaiSettings
settings = every_setting(BatchaiSettings)
workspace = connect(settings)
place = (get_datastore(workspace, settings), settings.input_dataset_path)
Dataset.File.upload_directory(sys.argv[1], place, overwrite=True, show_progress=False)
"""


@dataclass(frozen=True)
class Site:
    """A running emulator.

    Attributes:
        stack: Emulator and Azurite.
        variables: What leads a process to them, and gives it a home of its own.
    """

    stack: Stack
    variables: Mapping[str, str]

    def upload(self, folder: Path, root: Path) -> None:
        """Upload raw exports to where the pipeline expects them.

        Raises:
            subprocess.CalledProcessError: That failed; what it printed is in the error.
        """
        environment = {**self.variables, **WORKSPACE, **SIGN_IN, "AML_PIPELINE_EXEC_MODE": "PROD"}
        command = [sys.executable, "-c", UPLOAD, str(folder)]
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)

    def refused(self) -> dict[str, int]:
        """The hosts outside of this machine that somebody asked for, in vain, and how often."""
        return dict(self.stack.site.destinations.counts()["refused"])


@contextmanager
def started() -> Iterator[Site]:
    """Start the emulator and Azurite, and stop them at the end."""
    workspace = (WORKSPACE["SUBSCRIPTION_ID"], WORKSPACE["RESOURCE_GROUP"], WORKSPACE["WORKSPACE_NAME"])
    site = SiteSettings(workspaces=(workspace,), processes=2)
    with (
        TemporaryDirectory(prefix="rehearsal-") as home,
        Stack(StackSettings(site=site)) as stack,
    ):
        # a script that names no credentials must not be signed in by what the emulator offers
        leading = {name: value for name, value in stack.variables.items() if "SERVICE_PRINCIPAL" not in name}
        yield Site(stack, {**leading, "HOME": home, "USERPROFILE": home})

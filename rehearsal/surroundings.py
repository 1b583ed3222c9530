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
GROUP = {
    **WORKSPACE,
    "TENANT_ID": "rehearsal-tenant",
    "SP_APP_ID": "rehearsal-client",
    "SP_APP_SECRET": "any text that is not empty",
}
"""The variable group. The emulator takes any secret."""
GROUPS = {"batch_ai-vg": GROUP}
SECRETS = frozenset({"SP_APP_SECRET"})
CONNECTIONS = {
    "batch_ai-azureml": {
        "servicePrincipalId": "rehearsal-client",
        "idToken": "a token for this run",
        "tenantId": "rehearsal-tenant",
        **GROUP,
        "AML_PIPELINE_EXEC_MODE": "PROD",
    }
}
"""Service connections, with workload identity federation: by name, what a task knows that has signed in."""

UPLOAD = """
import sys
from azureml.core import Dataset
from ml_service.workspace import get_datastore
from src.common.azureml_adapter import connect
from src.common.settings import load_settings
settings = load_settings()
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
        environment = {**self.variables, **GROUP, "AML_PIPELINE_EXEC_MODE": "PROD"}
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
        yield Site(stack, {**stack.variables, "HOME": home, "USERPROFILE": home})

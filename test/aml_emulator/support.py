"""One emulator for all tests of a session that need one, and what they need to talk to it.

Other folders of tests may use it too: call :func:`shared_emulator` inside the fixture that sets the
variables, as conftest.py does here.
"""

import atexit
import functools
import shutil
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aml_emulator.runtime.azurite import AzuriteError
from aml_emulator.runtime.stack import Stack, StackSettings
from aml_emulator.site import SiteSettings

SUBSCRIPTION, GROUP, NAME = "11111111-2222-3333-4444-555555555555", "rg", "workspace"
TENANT, CLIENT, SECRET = "00000000-0000-0000-0000-00000000a0a0", "client", "not-a-secret"
PUBLIC = "opendata.blob.core.windows.net"
FINAL = ("Finished", "Failed", "Canceled")
DEADLINE_SECONDS = 120.0

Found = TypeVar("Found")

SDK_WARNINGS = (
    # what the SDK and the libraries it vendors say about themselves on import and in use
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
)


@functools.cache
def shared_emulator() -> Stack:
    """Return the emulator of this session, started by the first who asks; skip where it cannot be."""
    settings = SiteSettings(workspaces=((SUBSCRIPTION, GROUP, NAME), (SUBSCRIPTION, GROUP, "other")), processes=4)
    folder = Path(tempfile.mkdtemp(prefix="public_"))
    write_scripts(folder / "demo", {"table.csv": "k,v\na,1\nb,2\n", "deep/other.csv": "k,v\nc,3\n"})
    stack = Stack(StackSettings(site=settings, public={PUBLIC: folder}))
    try:
        stack.__enter__()
    except AzuriteError as error:
        pytest.skip(str(error))
    atexit.register(shutil.rmtree, folder)
    atexit.register(stack.stop)
    return stack


def quiet_timers() -> None:
    """Let the SDK's timers call a deprecated method without a warning.

    They do so in threads of their own, at any time until the process ends: outside of the tests' filters.
    """
    threading.Thread.setDaemon = lambda self, daemonic: setattr(self, "daemon", daemonic)  # type: ignore[method-assign]


@functools.cache
def sdk_workspace() -> Any:
    """Return the SDK's workspace, through stock service-principal authentication, with one cluster."""
    from azureml.core import Workspace
    from azureml.core.authentication import ServicePrincipalAuthentication
    from azureml.core.compute import AmlCompute, ComputeTarget

    auth = ServicePrincipalAuthentication(TENANT, CLIENT, SECRET)
    workspace = Workspace.get(NAME, auth=auth, subscription_id=SUBSCRIPTION, resource_group=GROUP)
    configuration = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=2)
    ComputeTarget.create(workspace, "cpu-cluster", configuration)
    return workspace


def until(probe: Callable[[], Found], *, what: str, seconds: float = DEADLINE_SECONDS) -> Found:
    """Return what the probe answers as soon as that is true; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.05)
    return found


def ended(run: Any) -> str:
    """Wait for a pipeline run; return its final status."""
    return until(lambda: (s := run.get_status()) in FINAL and s, what=f"the end of run {run.id}") or ""


def step_of(run: Any, name: str) -> Any:
    """Return the step run of a name."""
    (found,) = run.find_step_run(name)
    return found


def write_scripts(folder: Path, scripts: dict[str, str]) -> str:
    """Write scripts into a source folder; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in scripts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return str(folder)


def python_step(folder: Path, name: str, script: str, **options: Any) -> Any:
    """Return a PythonScriptStep whose source folder holds the one script given as text."""
    from azureml.core.runconfig import RunConfiguration
    from azureml.pipeline.steps import PythonScriptStep

    source = write_scripts(folder / f"source_{name}", {"main.py": script})
    configuration = options.pop("runconfig", None) or RunConfiguration()
    return PythonScriptStep(
        "main.py",
        name=name,
        compute_target="cpu-cluster",
        source_directory=source,
        runconfig=configuration,
        allow_reuse=options.pop("allow_reuse", False),
        **options,
    )


def submit(steps: Sequence[Any], *, experiment: str = "tests", **options: Any) -> Any:
    """Submit a pipeline of these steps; return its run."""
    from azureml.core import Experiment
    from azureml.pipeline.core import Pipeline

    workspace = sdk_workspace()
    return Experiment(workspace, experiment).submit(Pipeline(workspace, steps=list(steps)), **options)


def unserved() -> dict[str, int]:
    """Return the calls that the emulator was asked for in vain."""
    return shared_emulator().site.unserved.listed()

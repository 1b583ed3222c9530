"""Runs one step of a pipeline run: folder, data, process, outputs, and what the run history says of it."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aml_emulator.errors import EmulatorError
from aml_emulator.executor import environment as environments
from aml_emulator.executor.data import Data
from aml_emulator.executor.logs import RunLog
from aml_emulator.executor.nodes import Node, PlanError
from aml_emulator.executor.process import StepProcess
from aml_emulator.store.blobs import BlobError

if TYPE_CHECKING:
    from aml_emulator.site import Site
    from aml_emulator.store.workspaces import Workspace

_ENTRY = Path(__file__).with_name("step_entry.py")
_PARALLEL_ENTRY = Path(__file__).with_name("parallel_entry.py")
_PARALLEL_SCRIPT = "driver/amlbi_main.py"
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a step ended: Completed, Failed or Canceled, and the error document of a failure."""

    status: str
    error: dict[str, Any] | None = None


def failure(message: str, *, code: str = "UserError") -> dict[str, Any]:
    """Return the error document of a run."""
    return {"error": {"code": code, "message": message, "messageFormat": "{Message}", "details": []}}


@dataclass
class StepRun:
    """One step of one pipeline run.

    Attributes:
        site: The emulator.
        workspace: The workspace.
        pipeline_run: Id of the pipeline run.
        experiment: Name of the experiment.
        node: The step.
        run: Id of the step's run.
        cancelled: Set when the run is to end.
    """

    site: Site
    workspace: Workspace
    pipeline_run: str
    experiment: str
    node: Node
    run: str
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.folder = self.site.folder / "runs" / self.run
        self.data = Data(self.site, self.workspace, self.pipeline_run, self.node)

    def execute(self) -> Outcome:
        """Run the step; its outputs are uploaded and registered when it succeeds."""
        log = RunLog(self.workspace.id, self.run, self.folder / "logs", self.site.artifacts, self.site.blobs)
        try:
            outcome = self._attempts(log)
        except (PlanError, EmulatorError, BlobError, OSError) as error:
            log.note(f"the step could not be run: {error}")
            outcome = Outcome("Failed", failure(f"Step '{self.node.name}' could not be run: {error}"))
        finally:
            log.close()
        return outcome

    def _attempts(self, log: RunLog) -> Outcome:
        delivered, written = self._prepare()
        retries = int((self.node.runconfig.get("paralleltask") or {}).get("maxRetriesPerWorker") or 0)
        for attempt in range(retries + 1):
            if attempt:
                log.note(f"attempt {attempt + 1} of {retries + 1}")
            outcome = self._attempt(log, delivered, written)
            if outcome.status != "Failed":
                break
        self._keep_files()
        if outcome.status == "Completed":
            self._take_outputs(written)
        return outcome

    def _prepare(self) -> tuple[dict[str, str], dict[str, str]]:
        code = self.folder / "code"
        code.mkdir(parents=True, exist_ok=True)
        self.site.snapshots.restore(self.node.snapshot, code)
        for name in ("outputs", "logs"):
            (code / name).mkdir(exist_ok=True)
        (self.folder / "home").mkdir(exist_ok=True)
        delivered = {}
        for port in self.node.inputs:
            if port.source is None:
                continue
            relative = port.path_on_compute and not port.path_on_compute.startswith("/")
            folder = code / str(port.path_on_compute) if relative else self.folder / "inputs" / port.name
            delivered[port.name] = self.data.deliver(port, folder)
        written = {}
        for output in self.node.outputs:
            path = self.folder / "written" / output.name
            (path if output.is_folder else path.parent).mkdir(parents=True, exist_ok=True)
            written[output.name] = str(path)
        self.site.runs.patch(self.workspace.id, self.run, {"inputDatasets": self.data.lineage})
        return delivered, written

    def _attempt(self, log: RunLog, delivered: dict[str, str], written: dict[str, str]) -> Outcome:
        script = self.node.parameters.get("Script")
        if not script:
            return Outcome("Failed", failure("The step has no script; commands are not served by the emulator."))
        arguments = environments.command_arguments(self.node, delivered, written)
        parallel = script == _PARALLEL_SCRIPT
        program = [str(_PARALLEL_ENTRY)] if parallel else [script]
        marker = self.folder / "failure.json"
        marker.unlink(missing_ok=True)
        process = StepProcess(
            [self.site.settings.step_python, str(_ENTRY), *program, *arguments],
            folder=self.folder / "code",
            environment={
                **self._variables(delivered, written),
                "AML_EMULATOR_FAILURE": str(marker),
                "AML_EMULATOR_NODES": str(self.node.runconfig.get("nodeCount") or 1),
            },
            listener=log.write,
        )
        return self._watch(process, log, marker)

    def _watch(self, process: StepProcess, log: RunLog, marker: Path) -> Outcome:
        seconds = self.node.parameters.get("MaxRunDurationSeconds") or self.node.runconfig.get("maxRunDurationSeconds")
        deadline = time.monotonic() + float(seconds) if seconds else None
        late = ending = False
        while (code := process.wait(_POLL_SECONDS)) is None:
            late = late or (deadline is not None and time.monotonic() > deadline)
            if (late or self.cancelled.is_set()) and not ending:
                process.end()
                ending = True
        if self.cancelled.is_set():
            return Outcome("Canceled")
        if late:
            return Outcome("Failed", failure(f"The run took longer than its limit of {seconds} seconds."))
        if code == 0:
            return Outcome("Completed")
        return Outcome("Failed", failure(_reason(code, marker, log.tail)))

    def _variables(self, delivered: dict[str, str], written: dict[str, str]) -> dict[str, str]:
        site, workspace = self.site, self.workspace
        token, expiry = site.run_token(self.run)
        home = str(self.folder / "home")
        return {
            **environments.inherited(),
            "HOME": home,
            "USERPROFILE": home,
            "PYTHONUNBUFFERED": "1",
            **environments.step_variables(self.node, delivered, written),
            **site.environment,
            "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
            "AZUREML_ARM_RESOURCEGROUP": workspace.group,
            "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
            "AZUREML_ARM_PROJECT_NAME": self.experiment,
            "AZUREML_EXPERIMENT_ID": site.runs.experiment(workspace.id, self.experiment)["id"],
            "AZUREML_EXPERIMENT_SCOPE": f"{workspace.scope}/experiments/{self.experiment}",
            "AZUREML_WORKSPACE_ID": workspace.id,
            "AZUREML_WORKSPACE_SCOPE": workspace.scope,
            "AZUREML_RUN_ID": self.run,
            "AZUREML_ROOT_RUN_ID": self.pipeline_run,
            "AZUREML_RUN_TOKEN": token,
            "AZUREML_RUN_TOKEN_EXPIRY": str(expiry),
            "AZUREML_SERVICE_ENDPOINT": site.base_url,
            "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{site.base_url}/discovery",
            "AZUREML_RUN_HISTORY_SERVICE_ENDPOINT": site.base_url,
            "AZUREML_CURRENT_CLOUD": "AzureCloud",
            "AZUREML_OUTPUT_DIRECTORY": "outputs",
        }

    def _keep_files(self) -> None:
        """Make artifacts of what the script left in the folders outputs and logs."""
        code = self.folder / "code"
        for name in ("outputs", "logs"):
            for file in sorted((code / name).rglob("*")):
                if file.is_file():
                    path = file.relative_to(code).as_posix()
                    self.site.artifacts.write_file(self.workspace.id, self.run, path, file)

    def _take_outputs(self, written: dict[str, str]) -> None:
        locations = {}
        for port in self.node.outputs:
            locations[port.name] = self.data.location(port, self.run)
            self.data.take(port, Path(written[port.name]), locations[port.name])
        self.site.pipelines.change_node(self.pipeline_run, self.node.id, {"outputs": locations})
        # what lies in storage now need not lie here as well
        for name in ("inputs", "written"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def _reason(code: int | None, marker: Path, tail: str) -> str:
    """Say what a failed process ended with."""
    said = ""
    if marker.exists():
        document = json.loads(marker.read_text(encoding="utf-8"))
        said = f" with {document['type']}: {document['message']}"
    killed = f" It was ended by signal {-code}." if code is not None and code < 0 and sys.platform != "win32" else ""
    return f"User program failed{said}. Exit code {code}.{killed} Last output:\n{tail}"

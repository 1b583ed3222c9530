"""Runs one task of a pipeline run: folder, data, process, outputs, and what the run history says of it."""

import json
import shutil
import sys
import threading
import time
from pathlib import Path

from aml_emulator.errors import EmulatorError
from aml_emulator.executor import environment as environments
from aml_emulator.executor.data import Data
from aml_emulator.executor.logs import RunLog
from aml_emulator.executor.machine import Machine
from aml_emulator.executor.process import StepProcess
from aml_emulator.executor.records import Outcome, Record, failure
from aml_emulator.executor.task import PlanError
from aml_emulator.store.blobs import BlobError

_ENTRY = Path(__file__).with_name("step_entry.py")
_PARALLEL_ENTRY = Path(__file__).with_name("parallel_entry.py")
_POLL_SECONDS = 0.1


class StepRun:
    """One task of one pipeline run.

    Args:
        record: Its record.
        machine: Where it runs.
    """

    def __init__(self, record: Record, machine: Machine) -> None:
        self.record = record
        self.data = Data(record.store, record.workspace, record.pipeline_run)
        self.cancelled = threading.Event()
        self._machine = machine
        self._store = record.store
        self._task = record.task
        self._folder = machine.folder_of(record.run)

    def execute(self) -> Outcome:
        """Run the task; its outputs are uploaded and registered when it succeeds."""
        log = RunLog(self.record.workspace.id, self.record.run, self._folder / "logs", self._store)
        try:
            outcome = self._attempts(log)
        except (EmulatorError, BlobError, OSError) as error:
            log.note(f"the step could not be run: {error}")
            outcome = Outcome("Failed", failure(f"Step '{self._task.name}' could not be run: {error}"))
        finally:
            log.close()
        return outcome

    def _attempts(self, log: RunLog) -> Outcome:
        delivered, written = self._prepare()
        retries = self._task.retries
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
        code = self._folder / "code"
        code.mkdir(parents=True, exist_ok=True)
        self._store.snapshots.restore(self._task.code, code)
        for name in ("outputs", "logs"):
            (code / name).mkdir(exist_ok=True)
        (self._folder / "home").mkdir(exist_ok=True)
        delivered = {}
        for port in self._task.inputs:
            if port.source is None:
                continue
            relative = port.path_on_compute and not port.path_on_compute.startswith("/")
            folder = code / str(port.path_on_compute) if relative else self._folder / "inputs" / port.name
            delivered[port.name] = self.data.deliver(port, folder)
        written = {}
        for output in self._task.outputs:
            path = self._folder / "written" / output.name
            (path if output.is_folder else path.parent).mkdir(parents=True, exist_ok=True)
            written[output.name] = str(path)
        self._store.runs.patch(self.record.workspace.id, self.record.run, {"inputDatasets": self.data.lineage})
        return delivered, written

    def _attempt(self, log: RunLog, delivered: dict[str, str], written: dict[str, str]) -> Outcome:
        task = self._task
        if task.script:
            program = [str(_PARALLEL_ENTRY)] if task.spread else [task.script]
        elif task.command:
            program = ["--command", task.command]
        else:
            raise PlanError(f"the emulator runs scripts and commands; a step of type {task.kind} has neither")
        arguments = environments.command_arguments(task, delivered, written)
        marker = self._folder / "failure.json"
        marker.unlink(missing_ok=True)
        process = StepProcess(
            [self._machine.python, str(_ENTRY), *program, *arguments],
            folder=self._folder / "code",
            environment={
                **self._variables(delivered, written),
                "AML_EMULATOR_FAILURE": str(marker),
                "AML_EMULATOR_NODES": str(task.nodes),
            },
            listener=log.write,
        )
        return self._watch(process, log, marker)

    def _watch(self, process: StepProcess, log: RunLog, marker: Path) -> Outcome:
        limit = self._task.limit_seconds
        deadline = time.monotonic() + limit if limit else None
        late = ending = False
        while (code := process.wait(_POLL_SECONDS)) is None:
            late = late or (deadline is not None and time.monotonic() > deadline)
            if (late or self.cancelled.is_set()) and not ending:
                process.end()
                ending = True
        if self.cancelled.is_set():
            return Outcome("Canceled")
        if late:
            return Outcome("Failed", failure(f"The run took longer than its limit of {limit:g} seconds."))
        if code == 0:
            return Outcome("Completed")
        return Outcome("Failed", failure(_reason(code, marker, log.tail)))

    def _variables(self, delivered: dict[str, str], written: dict[str, str]) -> dict[str, str]:
        machine, workspace, record = self._machine, self.record.workspace, self.record
        token, expiry = machine.token(record.run)
        home = str(self._folder / "home")
        return {
            **environments.inherited(),
            "HOME": home,
            "USERPROFILE": home,
            "PYTHONUNBUFFERED": "1",
            **self._task.variables,
            **environments.data_variables(self._task, delivered, written),
            **machine.variables,
            "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
            "AZUREML_ARM_RESOURCEGROUP": workspace.group,
            "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
            "AZUREML_ARM_PROJECT_NAME": record.experiment,
            "AZUREML_EXPERIMENT_ID": self._store.runs.experiment(workspace.id, record.experiment)["id"],
            "AZUREML_EXPERIMENT_SCOPE": f"{workspace.scope}/experiments/{record.experiment}",
            "AZUREML_WORKSPACE_ID": workspace.id,
            "AZUREML_WORKSPACE_SCOPE": workspace.scope,
            "AZUREML_RUN_ID": record.run,
            "AZUREML_ROOT_RUN_ID": record.pipeline_run,
            "AZUREML_RUN_TOKEN": token,
            "AZUREML_RUN_TOKEN_EXPIRY": str(expiry),
            "AZUREML_SERVICE_ENDPOINT": machine.base_url,
            "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{machine.base_url}/discovery",
            "AZUREML_RUN_HISTORY_SERVICE_ENDPOINT": machine.base_url,
            "AZUREML_CURRENT_CLOUD": "AzureCloud",
            "AZUREML_OUTPUT_DIRECTORY": "outputs",
        }

    def _keep_files(self) -> None:
        """Make artifacts of what the script left in the folders outputs and logs."""
        code = self._folder / "code"
        for name in ("outputs", "logs"):
            for file in sorted((code / name).rglob("*")):
                if file.is_file():
                    path = file.relative_to(code).as_posix()
                    self._store.artifacts.write_file(self.record.workspace.id, self.record.run, path, file)

    def _take_outputs(self, written: dict[str, str]) -> None:
        locations = {}
        for port in self._task.outputs:
            locations[port.name] = self.data.location(port, self.record.run)
            self.data.take(port, Path(written[port.name]), locations[port.name])
        self.data.return_changes()
        self._store.runs.patch(self.record.workspace.id, self.record.run, {"outputDatasets": self.data.results})
        self.record.outputs(locations)
        # what lies in storage now need not lie here as well
        for name in ("inputs", "written"):
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _reason(code: int | None, marker: Path, tail: str) -> str:
    """Say what a failed process ended with."""
    said = ""
    if marker.exists():
        document = json.loads(marker.read_text(encoding="utf-8"))
        said = f" with {document['type']}: {document['message']}"
    killed = f" It was ended by signal {-code}." if code is not None and code < 0 and sys.platform != "win32" else ""
    return f"User program failed{said}. Exit code {code}.{killed} Last output:\n{tail}"

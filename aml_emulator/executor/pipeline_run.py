"""Runs one pipeline run: its tasks in the order of their data, side by side where they can be."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from aml_emulator.errors import EmulatorError
from aml_emulator.executor.machine import Machine
from aml_emulator.executor.records import NODE_STATUS, Outcome, Record, failure
from aml_emulator.executor.reuse import reuse_key
from aml_emulator.executor.step import StepRun
from aml_emulator.executor.task import Task
from aml_emulator.store.database import new_id, now
from aml_emulator.store.store import Store
from aml_emulator.store.workspaces import Workspace

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1

Compile = Callable[[], list[Task]]
"""Gives the tasks of a run, each after those that it needs; raises PlanError where that cannot be."""


class PipelineRun:
    """One pipeline run under way.

    Args:
        store: The records of the state.
        machine: Where tasks run.
        workspace: The workspace.
        run: Id of the pipeline run.
        compile_tasks: Gives the tasks.
        slots: Taken by every task that runs: the limit of processes.
    """

    def __init__(
        self,
        store: Store,
        machine: Machine,
        workspace: Workspace,
        run: str,
        *,
        compile_tasks: Compile,
        slots: threading.Semaphore,
    ) -> None:
        self._store = store
        self._machine = machine
        self._workspace = workspace
        self._run = run
        self._compile = compile_tasks
        self._slots = slots
        row = store.pipelines.run(workspace.id, run)
        self._experiment = str(row["document"]["ExperimentName"])
        self._goes_on = bool(row["document"].get("ContinueRunOnStepFailure"))
        self._tags = row["document"].get("StepTags") or {}
        self._lock = threading.Lock()
        self._under_way: dict[str, StepRun] = {}
        self._stopping = False
        self.cancelled = threading.Event()

    def execute(self) -> None:
        """Run all tasks and end the run; never raises."""
        try:
            status, error = self._tasks()
        except EmulatorError as refused:
            status, error = "Failed", str(refused)
        except Exception as defect:
            _log.exception("pipeline run %s ended by a defect of the emulator", self._run)
            status, error = "Failed", f"the emulator failed: {defect!r}"
        with self._store.transaction():
            self._store.runs.end(self._workspace.id, self._run, status, failure(error) if error else None)
            self._store.pipelines.change_run(self._run, {"status": NODE_STATUS[status], "ended": now()})

    def _tasks(self) -> tuple[str, str | None]:
        waiting = self._compile()
        finished: set[str] = set()
        failed: dict[str, str] = {}
        running: dict[Future[Outcome], Task] = {}
        with ThreadPoolExecutor(max_workers=max(1, len(waiting))) as pool:
            while waiting or running:
                if not self.cancelled.is_set() and (self._goes_on or not failed):
                    ready = [task for task in waiting if task.after <= finished]
                    running |= {pool.submit(self._perform, task): task for task in ready}
                    waiting = [task for task in waiting if task not in ready]
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    task, outcome = running.pop(future), future.result()
                    if outcome.status == "Completed":
                        finished.add(task.id)
                    elif outcome.status == "Failed" or not self._stopping:
                        failed[task.name] = (outcome.error or failure("it was canceled"))["error"]["message"]
                if failed and not self._goes_on:
                    self._stop_tasks()
        if self.cancelled.is_set():
            return "Canceled", None
        return ("Failed", _summary(failed)) if failed else ("Completed", None)

    def cancel(self) -> None:
        """End the run: tasks that run are ended, others are not begun."""
        self.cancelled.set()
        self._stop_tasks()

    def cancel_task(self, run: str) -> bool:
        """End one task of the run; tell whether it was under way."""
        with self._lock:
            step = self._under_way.get(run)
        if step is not None:
            step.cancelled.set()
        return step is not None

    def _stop_tasks(self) -> None:
        with self._lock:
            self._stopping = True
            for step in self._under_way.values():
                step.cancelled.set()

    def _perform(self, task: Task) -> Outcome:
        record = Record(self._store, self._workspace, self._run, self._experiment, task, new_id(), self._tags)
        step = StepRun(record, self._machine)
        try:
            inputs = {port.name: step.data.identify(port) for port in task.inputs}
            key = reuse_key(task, files=self._store.snapshots.hashes(task.code), inputs=inputs)
            earlier = self._store.pipelines.reusable(self._workspace.id, key) if task.reusable else None
            if earlier is not None:
                record.reused(key, earlier)
                return Outcome("Completed")
            record.queued(key)
            outcome = self._in_slot(step)
        except EmulatorError as refused:
            outcome = Outcome("Failed", failure(f"Step '{task.name}' could not be run: {refused}"))
        except Exception as defect:
            _log.exception("step %s ended by a defect of the emulator", task.name)
            outcome = Outcome("Failed", failure(f"the emulator failed: {defect!r}", code="ServiceError"))
        record.ended(outcome)
        return outcome

    def _in_slot(self, step: StepRun) -> Outcome:
        """Run a task once there is room for its process."""
        with self._lock:
            self._under_way[step.record.run] = step
            if self._stopping:
                # what stopped the others came between the choice of this task and now
                step.cancelled.set()
        try:
            return run_in_slot(step, self._slots)
        finally:
            with self._lock:
                del self._under_way[step.record.run]


def run_in_slot(step: StepRun, slots: threading.Semaphore) -> Outcome:
    """Run a task once there is room for its process."""
    while not slots.acquire(timeout=_POLL_SECONDS):
        if step.cancelled.is_set():
            return Outcome("Canceled")
    try:
        if step.cancelled.is_set():
            return Outcome("Canceled")
        step.record.started()
        return step.execute()
    finally:
        slots.release()


def _summary(failed: dict[str, str]) -> str:
    """Say which tasks failed, and with what."""
    return "\n".join(f"Step '{name}' failed: {message}" for name, message in failed.items())

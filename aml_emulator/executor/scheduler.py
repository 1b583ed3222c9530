"""Which pipeline runs are under way, and how many tasks run at the same time."""

import logging
import threading

from aml_emulator.executor.machine import Machine
from aml_emulator.executor.pipeline_run import Compile, PipelineRun, run_in_slot
from aml_emulator.executor.records import SCRIPT_RUN, Outcome, ScriptRecord, failure
from aml_emulator.executor.step import StepRun
from aml_emulator.store.database import now
from aml_emulator.store.pipelines import FINAL
from aml_emulator.store.store import Store
from aml_emulator.store.workspaces import Workspace

_log = logging.getLogger(__name__)
_CUT = "The emulator ended while this run was under way; it was not resumed."


class Scheduler:
    """Runs pipeline runs, each in a thread of its own.

    Args:
        store: The records of the state.
        machine: Where tasks run.
    """

    def __init__(self, store: Store, machine: Machine) -> None:
        self._store = store
        self._machine = machine
        self._slots = threading.Semaphore(machine.processes)
        self._lock = threading.Lock()
        self._under_way: dict[str, tuple[PipelineRun, threading.Thread]] = {}
        self._scripts: dict[str, tuple[StepRun, threading.Thread]] = {}

    def submit(self, workspace: Workspace, run: str, compile_tasks: Compile) -> None:
        """Start a pipeline run.

        Raises:
            ConflictError: It was started before.
        """
        store = self._store
        with self._lock:
            with store.transaction():
                store.pipelines.begin(run)
                store.runs.start(workspace.id, run)
            pipeline_run = PipelineRun(
                store, self._machine, workspace, run, compile_tasks=compile_tasks, slots=self._slots
            )
            thread = threading.Thread(target=self._execute, args=(run, pipeline_run), daemon=True)
            self._under_way[run] = (pipeline_run, thread)
        thread.start()

    def _execute(self, run: str, pipeline_run: PipelineRun) -> None:
        try:
            pipeline_run.execute()
        finally:
            with self._lock:
                self._under_way.pop(run, None)

    def submit_script(self, record: ScriptRecord) -> None:
        """Start a script that belongs to no pipeline run."""
        record.queued("")
        step = StepRun(record, self._machine)
        thread = threading.Thread(target=self._execute_script, args=(step,), daemon=True)
        with self._lock:
            self._scripts[record.run] = (step, thread)
        thread.start()

    def _execute_script(self, step: StepRun) -> None:
        try:
            outcome = run_in_slot(step, self._slots)
        except Exception as defect:
            _log.exception("run %s ended by a defect of the emulator", step.record.run)
            outcome = Outcome("Failed", failure(f"the emulator failed: {defect!r}", code="ServiceError"))
        step.record.ended(outcome)
        with self._lock:
            del self._scripts[step.record.run]

    def cancel(self, workspace: Workspace, run: str) -> None:
        """Ask a pipeline run to end; one that is over stays as it is."""
        store = self._store
        row = store.pipelines.run(workspace.id, run)
        if row["status"] in FINAL:
            return
        with self._lock:
            entry = self._under_way.get(run)
        with store.transaction():
            store.pipelines.change_run(run, {"cancel_requested": 1})
            store.runs.request_cancel(workspace.id, run)
            if entry is None and row["status"] == "NotStarted":
                store.pipelines.change_run(run, {"status": "Canceled", "ended": now()})
                store.runs.end(workspace.id, run, "Canceled")
        if entry is not None:
            entry[0].cancel()

    def runs_task(self, run: str) -> bool:
        """Tell whether a run is a task or a script of the executor's, over or not."""
        with self._lock:
            script = run in self._scripts
        return script or self._store.pipelines.node_of(run) is not None

    def cancel_task(self, workspace: Workspace, run: str) -> None:
        """Ask a task of a pipeline run, or a script, to end; one that is over stays as it is."""
        with self._lock:
            entries, script = list(self._under_way.values()), self._scripts.get(run)
        if script is not None:
            script[0].cancelled.set()
        if script is not None or any(pipeline_run.cancel_task(run) for pipeline_run, _ in entries):
            self._store.runs.request_cancel(workspace.id, run)

    def recover(self) -> None:
        """End as Failed what an earlier process of the emulator left under way."""
        store = self._store
        with store.transaction():
            for row in store.pipelines.under_way():
                store.pipelines.change_run(row["id"], {"status": "Failed", "ended": now()})
                for node in store.pipelines.nodes(row["id"]):
                    if node["status"] in ("Queued", "Running"):
                        store.pipelines.change_node(row["id"], node["node"], {"status": "Failed", "ended": now()})
                for run in store.runs.below(row["workspace"], row["id"]):
                    store.runs.end(row["workspace"], run["id"], "Failed", failure(_CUT, code="ServiceError"))
            for run in store.runs.under_way(SCRIPT_RUN):
                store.runs.end(run["workspace"], run["id"], "Failed", failure(_CUT, code="ServiceError"))

    def stop(self) -> None:
        """Cancel all that is under way and wait for it."""
        with self._lock:
            entries, scripts = list(self._under_way.values()), list(self._scripts.values())
        for pipeline_run, _ in entries:
            pipeline_run.cancel()
        for step, _ in scripts:
            step.cancelled.set()
        for _, thread in (*entries, *scripts):
            thread.join()

"""Runs one pipeline run: steps in the order of their data, independent ones side by side."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from aml_emulator.errors import EmulatorError
from aml_emulator.executor.nodes import Node, PlanError
from aml_emulator.executor.plan import build_plan
from aml_emulator.executor.records import NODE_STATUS, record_end, record_queued, record_reuse, record_start
from aml_emulator.executor.reuse import reuse_key
from aml_emulator.executor.step import Outcome, StepRun, failure
from aml_emulator.store.database import new_id, now

if TYPE_CHECKING:
    from aml_emulator.site import Site
    from aml_emulator.store.workspaces import Workspace

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1


class PipelineRun:
    """One pipeline run under way.

    Args:
        site: The emulator.
        workspace: The workspace.
        run: Id of the pipeline run.
        slots: Taken by every step that runs: the limit of processes.
    """

    def __init__(self, site: Site, workspace: Workspace, run: str, slots: threading.Semaphore) -> None:
        self._site = site
        self._workspace = workspace
        self._run = run
        self._slots = slots
        self._row = site.pipelines.run(workspace.id, run)
        self._experiment = str(self._row["document"]["ExperimentName"])
        self._lock = threading.Lock()
        self._under_way: list[StepRun] = []
        self.cancelled = threading.Event()

    def execute(self) -> None:
        """Run all steps and end the run; never raises."""
        try:
            status, error = self._steps()
        except (PlanError, EmulatorError) as refused:
            status, error = "Failed", str(refused)
        except Exception as defect:
            _log.exception("pipeline run %s ended by a defect of the emulator", self._run)
            status, error = "Failed", f"the emulator failed: {defect!r}"
        self._end(status, error)

    def _end(self, status: str, error: str | None) -> None:
        site = self._site
        with site.database.transaction():
            site.runs.end(self._workspace.id, self._run, status, failure(error) if error else None)
            site.pipelines.change_run(self._run, {"status": NODE_STATUS[status], "ended": now()})

    def _plan(self) -> list[Node]:
        site = self._site
        graph = site.pipelines.graph(self._row["graph"])
        document = graph["document"]
        modules = {
            node["ModuleId"]: site.pipelines.module(node["ModuleId"])["document"]
            for node in document.get("ModuleNodes") or []
        }
        sources = site.database.all("select * from data_sources where workspace = ?", self._workspace.id)
        default = site.database.one(
            "select name from datastores where workspace = ? and is_default = 1", self._workspace.id
        )
        return build_plan(
            document,
            graph["interface"],
            self._row["document"],
            modules=modules,
            data_sources={row["id"]: row["document"] for row in sources},
            default_datastore=default["name"] if default else "",
        )

    def _steps(self) -> tuple[str, str | None]:
        waiting = self._plan()
        goes_on = bool(self._row["document"].get("ContinueRunOnStepFailure"))
        finished: set[str] = set()
        failed: dict[str, str] = {}
        running: dict[Future[Outcome], Node] = {}
        with ThreadPoolExecutor(max_workers=max(1, len(waiting))) as pool:
            while waiting or running:
                if not self.cancelled.is_set() and (goes_on or not failed):
                    ready = [node for node in waiting if node.after <= finished]
                    running |= {pool.submit(self._step, node): node for node in ready}
                    waiting = [node for node in waiting if node not in ready]
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    node = running.pop(future)
                    outcome = future.result()
                    if outcome.status == "Completed":
                        finished.add(node.id)
                    elif outcome.status == "Failed":
                        failed[node.name] = (outcome.error or {})["error"]["message"]
                if failed and not goes_on:
                    self._stop_steps()
        if self.cancelled.is_set():
            return "Canceled", None
        return ("Failed", _summary(failed)) if failed else ("Completed", None)

    def cancel(self) -> None:
        """End the run: steps that run are ended, others are not begun."""
        self.cancelled.set()
        self._stop_steps()

    def _stop_steps(self) -> None:
        with self._lock:
            steps = list(self._under_way)
        for step in steps:
            step.cancelled.set()

    def _step(self, node: Node) -> Outcome:
        site = self._site
        step = StepRun(site, self._workspace, self._run, self._experiment, node, new_id())
        try:
            inputs = {port.name: step.data.identify(port) for port in node.inputs}
            key = reuse_key(node, files=site.snapshots.hashes(node.snapshot), inputs=inputs)
            earlier = site.pipelines.reusable(self._workspace.id, key) if node.reusable else None
            if earlier is not None:
                record_reuse(step, key, earlier)
                return Outcome("Completed")
            record_queued(step, key)
            with self._lock:
                self._under_way.append(step)
            outcome = self._in_slot(step)
        except (PlanError, EmulatorError) as refused:
            outcome = Outcome("Failed", failure(f"Step '{node.name}' could not be run: {refused}"))
        except Exception as defect:
            _log.exception("step %s ended by a defect of the emulator", node.name)
            outcome = Outcome("Failed", failure(f"the emulator failed: {defect!r}", code="ServiceError"))
        record_end(step, outcome)
        return outcome

    def _in_slot(self, step: StepRun) -> Outcome:
        """Run a step once there is room for its process."""
        while not self._slots.acquire(timeout=_POLL_SECONDS):
            if step.cancelled.is_set():
                return Outcome("Canceled")
        try:
            if self.cancelled.is_set() or step.cancelled.is_set():
                return Outcome("Canceled")
            record_start(step)
            return step.execute()
        finally:
            self._slots.release()


def _summary(failed: dict[str, str]) -> str:
    """Say which steps failed, and with what."""
    return "\n".join(f"Step '{name}' failed: {message}" for name, message in failed.items())

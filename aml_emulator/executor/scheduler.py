"""Which pipeline runs are under way, and how many steps run at the same time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aml_emulator.errors import ConflictError
from aml_emulator.executor.pipeline_run import PipelineRun
from aml_emulator.executor.step import failure
from aml_emulator.store.database import now
from aml_emulator.store.pipelines import FINAL

if TYPE_CHECKING:
    from aml_emulator.site import Site
    from aml_emulator.store.workspaces import Workspace

_CUT = "The emulator ended while this run was under way; it was not resumed."


class Scheduler:
    """Runs pipeline runs, each in a thread of its own.

    Args:
        site: The emulator.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._slots = threading.Semaphore(site.settings.processes)
        self._lock = threading.Lock()
        self._under_way: dict[str, tuple[PipelineRun, threading.Thread]] = {}

    def submit(self, workspace: Workspace, run: str) -> None:
        """Start a pipeline run.

        Raises:
            InvalidError: when it was started before.
        """
        site = self._site
        with self._lock, site.database.transaction():
            row = site.pipelines.run(workspace.id, run)
            if row["status"] != "NotStarted":
                raise ConflictError(f"pipeline run {run} was submitted before")
            site.pipelines.change_run(run, {"status": "Running"})
            site.runs.start(workspace.id, run)
            pipeline_run = PipelineRun(site, workspace, run, self._slots)
            thread = threading.Thread(target=self._execute, args=(run, pipeline_run), daemon=True)
            self._under_way[run] = (pipeline_run, thread)
        thread.start()

    def _execute(self, run: str, pipeline_run: PipelineRun) -> None:
        try:
            pipeline_run.execute()
        finally:
            with self._lock:
                self._under_way.pop(run, None)

    def cancel(self, workspace: Workspace, run: str) -> None:
        """End a pipeline run; one that is over stays as it is."""
        site = self._site
        row = site.pipelines.run(workspace.id, run)
        if row["status"] in FINAL:
            return
        site.pipelines.change_run(run, {"cancel_requested": 1})
        with self._lock:
            entry = self._under_way.get(run)
        if entry is not None:
            entry[0].cancel()
        elif site.pipelines.run(workspace.id, run)["status"] == "NotStarted":
            site.pipelines.change_run(run, {"status": "Canceled", "ended": now()})
            site.runs.end(workspace.id, run, "Canceled")

    def recover(self) -> None:
        """End as Failed what an earlier process of the emulator left under way."""
        site = self._site
        with site.database.transaction():
            for row in site.database.all("select * from pipeline_runs where status = 'Running'"):
                site.pipelines.change_run(row["id"], {"status": "Failed", "ended": now()})
                for node in site.pipelines.nodes(row["id"]):
                    if node["status"] in ("Queued", "Running"):
                        site.pipelines.change_node(row["id"], node["node"], {"status": "Failed", "ended": now()})
                below = site.database.all(
                    "select id from runs where workspace = ? and root = ?", row["workspace"], row["id"]
                )
                for run in below:
                    site.runs.end(row["workspace"], run["id"], "Failed", failure(_CUT, code="ServiceError"))

    def stop(self) -> None:
        """Cancel all that is under way and wait for it."""
        with self._lock:
            entries = list(self._under_way.values())
        for pipeline_run, _ in entries:
            pipeline_run.cancel()
        for _, thread in entries:
            thread.join()

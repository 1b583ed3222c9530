"""What only goes wrong at the wrong moment, without processes: the steps here do nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aml_emulator.executor import pipeline_run
from aml_emulator.executor.logs import RunLog
from aml_emulator.executor.records import Outcome, Record, failure
from aml_emulator.executor.step import StepRun
from aml_emulator.executor.task import Task
from aml_emulator.store.blobs import BlobError
from test.aml_emulator.in_process import Emulator
from test.aml_emulator.support import until


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    found = Emulator(tmp_path)
    yield found
    found.site.close()


def test_a_step_that_begins_as_another_fails_is_stopped(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    store, workspace = emulator.store, emulator.workspace
    graph = store.graphs.add(workspace.id, {}, {})
    document = {"ExperimentName": "e"}
    row = store.pipelines.create_run(workspace.id, graph, ["fails", "late"], pipeline=None, document=document)
    store.runs.create(workspace.id, "e", run=row["id"], kind="azureml.PipelineRun")
    stopping, queued = threading.Event(), Record.queued

    def wait_and_queue(record: Record, key: str) -> None:
        queued(record, key)
        if record.task.name == "late":
            assert stopping.wait(30)

    def execute(step: StepRun) -> Outcome:
        if step.record.task.name == "fails":
            return Outcome("Failed", failure("no"))
        return Outcome("Canceled") if step.cancelled.wait(5) else Outcome("Completed")

    stop = pipeline_run.PipelineRun._stop_tasks

    def stop_and_tell(run: pipeline_run.PipelineRun) -> None:
        stop(run)
        stopping.set()

    monkeypatch.setattr(Record, "queued", wait_and_queue)
    monkeypatch.setattr(StepRun, "execute", execute)
    monkeypatch.setattr(pipeline_run.PipelineRun, "_stop_tasks", stop_and_tell)
    tasks = [Task(id=name, name=name, kind="t", code="none", script="s") for name in ("fails", "late")]
    emulator.site.scheduler.submit(workspace, row["id"], lambda: tasks)
    until(lambda: store.pipelines.run(workspace.id, row["id"])["status"] == "Failed", what="the end of the run")
    assert {node["node"]: node["status"] for node in store.pipelines.nodes(row["id"])} == {
        "fails": "Failed",
        "late": "Canceled",
    }


def test_a_log_that_cannot_be_added_to_is_whole_in_the_end(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, kept = emulator.store.blobs, {}

    def refuse(container: str, blob: str, content: bytes) -> None:
        raise BlobError(409, "append", "BlockCountExceedsLimit")

    def keep(container: str, blob: str, source: Path) -> None:
        kept[blob] = source.read_bytes()

    monkeypatch.setattr(blobs, "create_append_blob", lambda container, blob: None)
    monkeypatch.setattr(blobs, "append", refuse)
    monkeypatch.setattr(blobs, "put_file", keep)
    log = RunLog(emulator.workspace.id, "r", tmp_path / "logs", emulator.store)
    for number in range(3):
        log.note(f"line {number}")
    log.close()
    assert kept == {"ExperimentRun/dcid.r/azureml-logs/70_driver_log.txt": b"line 0\nline 1\nline 2\n"}

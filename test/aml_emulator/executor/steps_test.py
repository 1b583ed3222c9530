"""What steps get and leave, through the SDK: data, logs, metrics, models, endings."""

import contextlib
import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from test.aml_emulator.support import DEADLINE_SECONDS, ended, python_step, step_of, submit, write_scripts

WRITE = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--out")
folder = parser.parse_args().out
os.makedirs(os.path.join(folder, "deep"), exist_ok=True)
open(os.path.join(folder, "a.txt"), "w").write("a")
open(os.path.join(folder, "deep", "b.txt"), "w").write("b")
"""
READ = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--data")
folder = pathlib.Path(parser.parse_args().data)
print(sorted(str(p.relative_to(folder).as_posix()) for p in folder.rglob("*") if p.is_file()))
"""


def test_data_goes_from_step_to_step(workspace: Any, tmp_path: Path) -> None:
    from azureml.pipeline.core import PipelineData

    middle = PipelineData("middle", datastore=workspace.get_default_datastore())
    write = python_step(tmp_path, "write", WRITE, arguments=["--out", middle], outputs=[middle])
    read = python_step(tmp_path, "read", READ, arguments=["--data", middle], inputs=[middle])
    run = submit([read])
    assert ended(run) == "Finished"
    assert step_of(run, "read").get_stdout_log() == "['a.txt', 'deep/b.txt']\n"
    output = step_of(run, "write").get_output_data("middle")
    assert output.download(str(tmp_path / "down")) == 2
    assert write.name == "write"


def test_an_output_becomes_a_registered_dataset(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset
    from azureml.data import OutputFileDatasetConfig

    store = workspace.get_default_datastore()
    prepared = OutputFileDatasetConfig("prepared", destination=(store, "prepared/{run-id}")).register_on_complete(
        "prepared-data", description="by a step", tags={"made": "here"}
    )
    write = python_step(tmp_path, "write", WRITE, arguments=["--out", prepared])
    mounted = python_step(tmp_path, "mounted", READ, arguments=["--data", prepared.as_input("in").as_mount()])
    downloaded = python_step(tmp_path, "downloaded", READ, arguments=["--data", prepared.as_input("in").as_download()])
    run = submit([mounted, downloaded])
    assert ended(run) == "Finished"
    for name in ("mounted", "downloaded"):
        assert step_of(run, name).get_stdout_log() == "['a.txt', 'deep/b.txt']\n"
    dataset = Dataset.get_by_name(workspace, "prepared-data")
    (made,) = step_of(run, "write").get_details()["outputDatasets"]
    assert made["dataset"].id == dataset.id
    assert sorted(dataset.to_path()) == ["/a.txt", "/deep/b.txt"]
    assert dataset.description == "by a step"
    dataset.download(str(tmp_path / "down"))
    assert (tmp_path / "down" / "deep" / "b.txt").read_text(encoding="utf-8") == "b"
    again = submit([python_step(tmp_path, "write", WRITE, arguments=["--out", prepared])])
    assert ended(again) == "Finished"
    assert Dataset.get_by_name(workspace, "prepared-data").version == dataset.version + 1
    assert write.name == "write"


NAMED = """
import os, sys
from azureml.core import Run
run = Run.get_context()
files = run.input_datasets["files"]
assert files == os.environ["files"] == sys.argv[1], (files, sys.argv)
print(sorted(os.listdir(files)))
one = run.input_datasets["one"]
print(os.path.isfile(one), open(one).read())
print(run.input_datasets["table"].to_pandas_dataframe().to_dict("list"))
"""


def test_what_is_written_into_a_mounted_path_of_a_datastore_is_kept(workspace: Any, tmp_path: Path) -> None:
    from azureml.data.data_reference import DataReference

    store = workspace.get_default_datastore()
    write_scripts(tmp_path / "up", {"old.txt": "old"})
    store.upload(str(tmp_path / "up"), target_path="mounted", show_progress=False)
    place = DataReference(store, data_reference_name="place", path_on_datastore="mounted", mode="mount")
    script = "import pathlib, sys; pathlib.Path(sys.argv[1], 'new.txt').write_text('new')"
    run = submit([python_step(tmp_path, "writes", script, arguments=[place], inputs=[place])])
    assert ended(run) == "Finished", run.get_details()["error"]
    store.download(str(tmp_path / "down"), prefix="mounted", show_progress=False)
    found = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "down" / "mounted").iterdir()}
    assert found == {"old.txt": "old", "new.txt": "new"}


def test_named_inputs_are_delivered(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset

    source = tmp_path / "up"
    source.mkdir()
    (source / "a.csv").write_text("k,v\n007,1\n", encoding="utf-8")
    (source / "b.csv").write_text("k,v\n008,2\n", encoding="utf-8")
    store = workspace.get_default_datastore()
    store.upload(str(source), target_path="named", show_progress=False, overwrite=True)
    folder = Dataset.File.from_files((store, "named"), validate=False).register(
        workspace, "named", create_new_version=True
    )
    single = Dataset.File.from_files((store, "named/a.csv"), validate=False)
    table = Dataset.Tabular.from_delimited_files((store, "named/*.csv"), validate=False, infer_column_types=False)
    files = folder.as_named_input("files").as_download()
    one = single.as_named_input("one").as_mount()
    step = python_step(tmp_path, "named", NAMED, arguments=[files], inputs=[files, one, table.as_named_input("table")])
    run = submit([step])
    ended(run)
    said = step_of(run, "named").get_stdout_log()
    assert said.startswith("['a.csv', 'b.csv']\nTrue k,v\n007,1\n\n")
    assert "{'k': ['007', '008'], 'v': ['1', '2']}\n" in said
    details = step_of(run, "named").get_details()
    assert {one["consumptionDetails"]["inputName"] for one in details["inputDatasets"]} == {
        "files",
        "one",
        "table",
    }


def test_a_dataset_parameter_is_replaced(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset
    from azureml.data.dataset_consumption_config import DatasetConsumptionConfig
    from azureml.pipeline.core import Pipeline, PipelineParameter

    store = workspace.get_default_datastore()
    datasets = {}
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.txt").write_text(name, encoding="utf-8")
        store.upload(str(folder), target_path=f"parameter/{name}", show_progress=False, overwrite=True)
        datasets[name] = Dataset.File.from_files((store, f"parameter/{name}/"), validate=False)
    parameter = PipelineParameter("data", default_value=datasets["first"])
    consumed = DatasetConsumptionConfig("data", parameter, mode="mount")
    step = python_step(tmp_path, "read", READ, arguments=["--data", consumed], inputs=[consumed])
    published = Pipeline(workspace, steps=[step]).publish("dataset parameter")
    runs = {
        "first": published.submit(workspace, "tests"),
        "second": published.submit(workspace, "tests", pipeline_parameters={"data": datasets["second"]}),
    }
    for name, run in runs.items():
        assert ended(run) == "Finished"
        assert step_of(run, "read").get_stdout_log() == f"['{name}.txt']\n"


RECORD = """
import os
from azureml.core import Model, Run
run = Run.get_context()
run.log("rmse", 0.5)
run.log_list("folds", [1, 2, 3])
run.parent.log("best", 0.25)
run.parent.tag("gate", "passed")
os.makedirs("outputs/model", exist_ok=True)
open("outputs/model/weights.json", "w").write("[1]")
workspace = run.experiment.workspace
model = Model.register(workspace, "outputs/model", "by-a-step", tags={"run": run.id})
run.upload_folder("kept", "outputs/model")
own = run.register_model("of-the-run", model_path="kept")
print(model.name, own.version, workspace.get_default_datastore().name)
print("a last word", flush=True)
"""


def test_a_step_records_what_it_did(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Model

    run = submit([python_step(tmp_path, "record", RECORD)])
    assert ended(run) == "Finished"
    step = step_of(run, "record")
    assert step.get_metrics() == {"rmse": 0.5, "folds": [1, 2, 3]}
    assert run.get_metrics() == {"best": 0.25}
    assert run.get_tags()["gate"] == "passed"
    assert {"kept/weights.json", "outputs/model/weights.json"} <= set(step.get_file_names())
    (model,) = Model.list(workspace, name="by-a-step", tags=[["run", step.id]])
    model.download(str(tmp_path / "down"))
    assert (tmp_path / "down" / "model" / "weights.json").read_text(encoding="utf-8") == "[1]"
    assert [one.name for one in Model.list(workspace, run_id=step.id)] == ["of-the-run"]
    assert step.get_stdout_log().endswith("a last word\n")


def test_a_failure_is_told(workspace: Any, tmp_path: Path) -> None:
    from azureml.exceptions import ActivityFailedException

    script = "import sys\nprint('to err', file=sys.stderr)\nraise ValueError('the batch 007 is empty')"
    run = submit([python_step(tmp_path, "fails", script)])
    with pytest.raises(ActivityFailedException, match="ValueError: the batch 007 is empty"):
        run.wait_for_completion(show_output=False)
    assert run.get_status() == "Failed"
    step = step_of(run, "fails")
    assert step.get_status() == "Failed"
    assert "Exit code 1" in step.get_details()["error"]["error"]["message"]
    assert step.get_stderr_log().startswith("to err\nTraceback (most recent call last):\n")
    assert "step_entry" not in step.get_stderr_log()
    assert "runpy" not in step.get_stderr_log()
    exits = submit([python_step(tmp_path, "exits", "raise SystemExit(3)")])
    assert ended(exits) == "Failed"
    assert "Exit code 3" in exits.get_details()["error"]["error"]["message"]


def test_output_is_shown_while_a_step_runs(workspace: Any, tmp_path: Path) -> None:
    from azureml.core.runconfig import RunConfiguration

    script = """
    import os, time
    print("before the signal", flush=True)
    while not os.path.exists(os.environ["SIGNAL"]):
        time.sleep(0.05)
    """
    configuration = RunConfiguration()
    configuration.environment_variables = {"SIGNAL": str(tmp_path / "signal")}
    run = submit([python_step(tmp_path, "streams", script, runconfig=configuration)])
    shown = io.StringIO()
    seen = threading.Event()

    def answer() -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline and not seen.is_set():
            if "before the signal" in shown.getvalue():
                seen.set()
            time.sleep(0.05)
        (tmp_path / "signal").touch()

    thread = threading.Thread(target=answer)
    thread.start()
    with contextlib.redirect_stdout(shown):
        assert run.wait_for_completion(show_output=True) == "Finished"
    thread.join()
    assert seen.is_set()
    (step,) = run.get_steps()
    assert "before the signal" in step.get_details_with_logs()["logFiles"]["azureml-logs/70_driver_log.txt"]
    assert "PipelineRun Status: Finished" in shown.getvalue()


def test_a_step_is_tried_again_where_it_asks_for_that(workspace: Any, tmp_path: Path) -> None:
    from azureml.core.runconfig import RunConfiguration

    script = f"""
    import pathlib, sys
    tries = pathlib.Path({str(tmp_path / "tries")!r})
    with tries.open("a") as file:
        file.write("x")
    sys.exit(0 if tries.stat().st_size == 3 else 1)
    """
    configuration = RunConfiguration()
    configuration.paralleltask.max_retries_per_worker = 2
    run = submit([python_step(tmp_path, "retries", script, runconfig=configuration)])
    assert ended(run) == "Finished"
    assert step_of(run, "retries").get_stdout_log() == "attempt 2 of 3\nattempt 3 of 3\n"


def test_a_time_limit_ends_a_step(workspace: Any, tmp_path: Path) -> None:
    from azureml.core.runconfig import RunConfiguration

    configuration = RunConfiguration()
    configuration.max_run_duration_seconds = 1
    run = submit([python_step(tmp_path, "long", "import time; time.sleep(600)", runconfig=configuration)])
    assert ended(run) == "Failed"
    assert "longer than its limit of 1 seconds" in run.get_details()["error"]["error"]["message"]


def test_a_step_sees_nothing_of_the_clients_environment(
    workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azureml.core.runconfig import RunConfiguration

    monkeypatch.setenv("CLIENT_SECRET", "of the client")
    configuration = RunConfiguration()
    configuration.environment_variables = {"MODE": "PROD"}
    script = "import os; print(os.environ.get('CLIENT_SECRET'), os.environ['MODE'], os.listdir('.'))"
    run = submit([python_step(tmp_path, "environment", script, runconfig=configuration)])
    assert ended(run) == "Finished"
    assert step_of(run, "environment").get_stdout_log() == "None PROD ['main.py', 'outputs', 'logs']\n"

"""Scripts without a pipeline, through the SDK's ScriptRunConfig."""

from pathlib import Path
from typing import Any

import pytest

from test.aml_emulator.support import until, write_scripts

SCRIPT = """
import os, sys
from azureml.core import Run
run = Run.get_context()
run.log("rmse", 0.5)
with open(os.path.join(sys.argv[2], "out.txt"), "w") as file:
    file.write(open(os.path.join(sys.argv[1], "in.txt")).read().upper())
os.makedirs("outputs", exist_ok=True)
open("outputs/model.txt", "w").write(run.id)
print("word", os.environ["WORD"], sys.argv[3])
"""


def _configuration(folder: Path, text: str, **options: Any) -> Any:
    from azureml.core import ScriptRunConfig

    source = write_scripts(folder / "source", {"main.py": text})
    return ScriptRunConfig(source, compute_target="cpu-cluster", **{"script": "main.py", **options})


def test_a_script_runs_with_data_and_is_recorded(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Dataset, Environment, Experiment
    from azureml.data import OutputFileDatasetConfig

    store = workspace.get_default_datastore()
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "in.txt").write_text("words", encoding="utf-8")
    store.upload(str(tmp_path / "up"), target_path="script/in", show_progress=False)
    consumed = Dataset.File.from_files((store, "script/in/"), validate=False).as_named_input("data").as_mount()
    written = OutputFileDatasetConfig("written", destination=(store, "script/out/{run-id}"))
    environment = Environment("script")
    environment.environment_variables = {"WORD": "α"}
    configuration = _configuration(tmp_path, SCRIPT, arguments=[consumed, written, "last one"], environment=environment)
    run = Experiment(workspace, "scripts").submit(configuration, tags={"k": "v"})
    run.wait_for_completion(show_output=False)
    assert (run.get_status(), run.get_metrics(), run.get_tags()["k"]) == ("Completed", {"rmse": 0.5}, "v")
    assert "outputs/model.txt" in run.get_file_names()
    log = run.get_details_with_logs()["logFiles"]["azureml-logs/70_driver_log.txt"]
    assert log == "word α last one\n"
    store.download(str(tmp_path / "down"), prefix=f"script/out/{run.id}", show_progress=False)
    assert (tmp_path / "down" / "script" / "out" / run.id / "out.txt").read_text(encoding="utf-8") == "WORDS"


def test_a_command_runs_and_a_failure_is_told(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Experiment

    configuration = _configuration(tmp_path, "", script=None, command=["echo", "said;", "exit", "3"])
    run = Experiment(workspace, "scripts").submit(configuration)
    with pytest.raises(Exception, match=r"Exit code 3.*\n?.*said"):
        run.wait_for_completion(show_output=False)
    assert run.get_status() == "Failed"


def test_a_script_is_cancelled(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Experiment

    run = Experiment(workspace, "scripts").submit(_configuration(tmp_path, "import time; time.sleep(600)"))
    until(lambda: run.get_status() == "Running", what="the script to be up")
    run.cancel()
    until(lambda: run.get_status() == "Canceled", what="the end of the script")

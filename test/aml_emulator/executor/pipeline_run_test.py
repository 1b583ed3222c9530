"""How pipeline runs go, through the SDK: order, failures, cancelling, reuse."""

from pathlib import Path
from typing import Any

import pytest

from test.aml_emulator.support import ended, python_step, step_of, submit, until, write_scripts

_AT_ONCE = 4  # python -m benchmarks.emulator_load has eight
MEET = """
import pathlib, sys, time
mine, other = (pathlib.Path(name) for name in sys.argv[1:])
mine.touch()
deadline = time.monotonic() + 60
while not other.exists():
    assert time.monotonic() < deadline, "the other step does not run at the same time"
    time.sleep(0.02)
"""


def test_independent_steps_run_side_by_side(workspace: Any, tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    run = submit(
        [
            python_step(tmp_path, "one", MEET, arguments=[a, b]),
            python_step(tmp_path, "two", MEET, arguments=[b, a]),
        ]
    )
    assert ended(run) == "Finished"


def test_run_after_is_kept(workspace: Any, tmp_path: Path) -> None:
    line = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"
    log = str(tmp_path / "log")
    first = python_step(tmp_path, "first", line, arguments=[log, "1"])
    second = python_step(tmp_path, "second", line, arguments=[log, "2"])
    third = python_step(tmp_path, "third", line, arguments=[log, "3"])
    second.run_after(first)
    third.run_after(second)
    assert ended(submit([third, second, first])) == "Finished"
    assert Path(log).read_text(encoding="utf-8") == "123"


@pytest.mark.parametrize("goes_on", [False, True])
def test_steps_behind_a_failure_are_not_begun(workspace: Any, tmp_path: Path, *, goes_on: bool) -> None:
    fails = python_step(tmp_path, "fails", "raise ValueError('no')")
    behind = python_step(tmp_path, "behind", "print('behind')")
    behind.run_after(fails)
    sleeper = "import time; time.sleep(0 if 'GO_ON' == 'True' else 600)".replace("GO_ON", str(goes_on))
    apart = python_step(tmp_path, "apart", sleeper)
    run = submit([fails, behind, apart], continue_on_step_failure=goes_on)
    assert ended(run) == "Failed"
    statuses = {step.name: step.get_status() for step in run.get_steps()}
    assert statuses == {"fails": "Failed", "apart": "Finished" if goes_on else "Canceled"}


def test_a_run_is_cancelled_from_outside(workspace: Any, tmp_path: Path) -> None:
    script = "import time; print('up', flush=True); time.sleep(600)"
    slow = python_step(tmp_path, "slow", script)
    behind = python_step(tmp_path, "behind", "print('behind')")
    behind.run_after(slow)
    run = submit([slow, behind])
    until(lambda: any(step.get_stdout_log() for step in run.get_steps()), what="the step to be up")
    run.cancel()
    assert ended(run) == "Canceled"
    assert {step.name: step.get_status() for step in run.get_steps()} == {"slow": "Canceled"}
    assert run.wait_for_completion(show_output=False) == "Canceled"


def test_a_run_is_cancelled_by_a_client_that_knows_no_pipelines(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Experiment, Run

    run = submit([python_step(tmp_path, "slow", "import time; time.sleep(600)")])
    Run(Experiment(workspace, "tests"), run.id).cancel()
    assert ended(run) == "Canceled"


def test_a_step_cancels_its_own_run(workspace: Any, tmp_path: Path) -> None:
    script = """
    import time
    from azureml.core import Run
    run = Run.get_context()
    run.log("new_model", 0)
    run.flush()
    run.parent.tag("reason", "not better")
    run.parent.cancel()
    time.sleep(600)
    """
    gate = python_step(tmp_path, "gate", script)
    register = python_step(tmp_path, "register", "print('registered')")
    register.run_after(gate)
    run = submit([register])
    assert ended(run) == "Canceled"
    assert run.get_tags()["reason"] == "not better"
    (step,) = run.get_steps()
    assert (step.name, step.get_status(), step.get_metrics()) == ("gate", "Canceled", {"new_model": 0})


def test_an_unchanged_step_is_reused(workspace: Any, tmp_path: Path) -> None:
    from azureml.data import OutputFileDatasetConfig
    from azureml.pipeline.core import PipelineParameter

    def steps(text: str) -> list[Any]:
        word = PipelineParameter("word", "w")
        out = OutputFileDatasetConfig("out", destination=(workspace.get_default_datastore(), "reuse/{run-id}"))
        make = f"import sys; print('made'); open(sys.argv[1] + '/f', 'w').write({text!r} + sys.argv[2])"
        use = "import sys; print(open(sys.argv[1] + '/f').read())"
        producer = python_step(tmp_path, "producer", make, arguments=[out, word], allow_reuse=True)
        consumer = python_step(tmp_path, "consumer", use, arguments=[out.as_input("out")], allow_reuse=True)
        return [producer, consumer]

    first = submit(steps("x"))
    assert ended(first) == "Finished"
    second = submit(steps("x"))
    assert ended(second) == "Finished"
    for name in ("producer", "consumer"):
        earlier, later = step_of(first, name), step_of(second, name)
        assert later.get_status() == "Finished"
        assert later.get_properties()["azureml.reusedrunid"] == earlier.id
        assert later.get_file_names() == earlier.get_file_names()
    assert step_of(second, "consumer").get_stdout_log() == "xw\n"
    other_parameter = submit(steps("x"), pipeline_parameters={"word": "v"})
    assert ended(other_parameter) == "Finished"
    assert step_of(other_parameter, "consumer").get_stdout_log() == "xv\n"
    other_code = submit(steps("y"))
    assert ended(other_code) == "Finished"
    assert step_of(other_code, "consumer").get_stdout_log() == "yw\n"
    asked_for = submit(steps("x"), regenerate_outputs=True)
    assert ended(asked_for) == "Finished"
    assert "azureml.reusedrunid" not in step_of(asked_for, "producer").get_properties()


def test_what_cannot_be_imitated_is_told(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Environment
    from azureml.core.runconfig import RunConfiguration

    environment = Environment("with-docker")
    environment.docker.base_image = "python:3.10"
    configuration = RunConfiguration()
    configuration.environment = environment
    configuration.docker.use_docker = True
    configuration.node_count = 3
    run = submit([python_step(tmp_path, "asks", "print(1)", runconfig=configuration)])
    assert ended(run) == "Finished"
    told = step_of(run, "asks").get_properties()["emulator.not_imitated"]
    assert told == "docker image python:3.10; conda environment; 3 nodes"


def test_snapshots_follow_the_folder(workspace: Any, tmp_path: Path) -> None:
    from azureml.core.runconfig import RunConfiguration
    from azureml.pipeline.steps import PythonScriptStep

    def run_folder() -> Any:
        step = PythonScriptStep(
            "src/main.py",
            name="follow",
            compute_target="cpu-cluster",
            source_directory=str(folder),
            runconfig=RunConfiguration(),
            allow_reuse=False,
        )
        run = submit([step])
        assert ended(run) == "Finished", run.get_details()
        return step_of(run, "follow").get_stdout_log()

    folder = tmp_path / "follow"
    write_scripts(folder, {"src/main.py": "import helper; print(helper.TEXT)", "src/helper.py": "TEXT = 'one'"})
    write_scripts(folder, {"ignored/big.bin": "x", ".amlignore": "ignored/\n"})
    assert run_folder() == "one\n"
    write_scripts(folder, {"src/helper.py": "TEXT = 'two'"})
    assert run_folder() == "two\n"
    write_scripts(folder, {"src/main.py": "import os; print(sorted(os.listdir('src')), os.path.exists('ignored'))"})
    (folder / "src" / "helper.py").unlink()
    assert run_folder() == "['main.py'] False\n"


def test_runs_at_once_lose_nothing(workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Model
    from azureml.pipeline.core import Pipeline

    script = """
    from azureml.core import Model, Run
    run = Run.get_context()
    for value in range(30):
        run.log("series", value)
    for number in range(100):
        print("line", number)
    open("weights.json", "w").write(run.id)
    Model.register(run.experiment.workspace, "weights.json", "at-once", tags={"run": run.id})
    """
    published = Pipeline(workspace, [python_step(tmp_path, "load", script)]).publish("at once")
    runs = [published.submit(workspace, "at-once") for _ in range(_AT_ONCE)]
    assert [ended(run) for run in runs] == ["Finished"] * _AT_ONCE
    for run in runs:
        step = step_of(run, "load")
        assert step.get_metrics() == {"series": list(range(30))}
        assert [line for line in step.get_stdout_log().splitlines() if line.startswith("line")] == [
            f"line {number}" for number in range(100)
        ]
        assert len(Model.list(workspace, name="at-once", tags=[["run", step.id]])) == 1
    assert sorted(model.version for model in Model.list(workspace, name="at-once")) == list(range(1, _AT_ONCE + 1))


def test_one_step_is_cancelled(workspace: Any, tmp_path: Path) -> None:
    slow = python_step(tmp_path, "slow", "import time; print('up', flush=True); time.sleep(600)")
    behind = python_step(tmp_path, "behind", "print('behind')")
    behind.run_after(slow)
    run = submit([behind])
    (step,) = until(lambda: [one for one in run.get_steps() if one.get_stdout_log()], what="the step to be up")
    step.cancel()
    assert ended(run) == "Failed"
    assert {one.name: one.get_status() for one in run.get_steps()} == {"slow": "Canceled"}
    assert "Step 'slow' failed: it was canceled" in run.get_details()["error"]["error"]["message"]


def test_tags_for_steps_are_kept(workspace: Any, tmp_path: Path) -> None:
    import requests
    from azureml.pipeline.core import Pipeline, PipelineRun

    published = Pipeline(workspace, [python_step(tmp_path, "tagged", "print(1)")]).publish("tagged")
    # as microsoft/MLOpsPython sends it from Azure DevOps
    sent: dict[str, Any] = {
        "ExperimentName": "tests",
        "tags": {"BuildId": "7"},
        "StepTags": {"BuildId": "7", "BuildUri": "u"},
    }
    answer = requests.post(
        published.endpoint, json=sent, headers=workspace._auth.get_authentication_header(), timeout=30
    )
    run = PipelineRun(workspace.experiments["tests"], answer.json()["Id"])
    assert ended(run) == "Finished"
    assert run.get_tags()["BuildId"] == "7"
    assert step_of(run, "tagged").get_tags().items() >= sent["StepTags"].items()

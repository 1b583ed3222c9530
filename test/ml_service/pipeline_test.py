from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ml_service.pipeline import Folder, Parameter, Pipeline, Source, Spread, Step, mermaid
from ml_service.pipelines.batchai_training_pipeline import PREPARE, batchai_training_pipeline, training_steps
from ml_service.pipelines.helloworld_training_pipeline import helloworld_training_pipeline
from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT
from src.settings.batchai.batchai_settings import Backend, BatchaiSettings
from test.support.settings import load_settings

RAW = Source("raw", "input_url")
PREPARED = Folder("prepared", "prepared_folder")
MODEL = Folder("model", "outputs_folder", "model")
WORD = Parameter("word", "which word", default="all")
MAKE = Step("make", "make.py", inputs={"source": RAW}, outputs={"prepared": PREPARED}, parameters={"word": WORD})
USE = Step("use", "use.py", inputs={"prepared": PREPARED}, outputs={"model": MODEL}, parameters={"word": WORD})
SPREAD = replace(USE, spread=Spread(over="prepared", nodes="train_nodes"))

TWO_NODES = replace(load_settings(environment={}), train_nodes=2)
DECLARED = [
    (pipeline, step)
    for pipeline in (batchai_training_pipeline(), helloworld_training_pipeline())
    for step in pipeline.steps
]
DECLARED += [(batchai_training_pipeline(TWO_NODES), step) for step in training_steps(TWO_NODES)]
each_declared_step = pytest.mark.parametrize(
    ("pipeline", "step"), DECLARED, ids=[f"{pipeline.name}-{step.name}" for pipeline, step in DECLARED]
)

WRONG: dict[str, tuple[tuple[Step, ...], tuple[str, ...]]] = {
    "no_steps": ((), ("there are no steps",)),
    "unknown_folder": (
        (MAKE, replace(USE, inputs={"data": Folder("preparde", "prepared_folder")})),
        ("use: --data reads 'preparde', which no earlier step writes, did you mean 'prepared'?",),
    ),
    "folder_far_from_any_name": (
        (MAKE, replace(USE, inputs={"data": Folder("xyz", "training_folder")})),
        ("use: --data reads 'xyz', which no earlier step writes; written are prepared",),
    ),
    "read_before_it_is_written": (
        (USE, MAKE),
        ("use: --prepared reads 'prepared', which no earlier step writes; written are none",),
    ),
    "reads_its_own_output": (
        (replace(MAKE, inputs={"model": PREPARED}),),
        ("make: --model reads 'prepared', which no earlier step writes; written are none",),
    ),
    "two_writers": (
        (MAKE, replace(USE, outputs={"model": PREPARED})),
        ("use: 'prepared' is written by 'make' already",),
    ),
    "two_writers_of_one_place": (
        (MAKE, replace(USE, outputs={"model": Folder("another name", "prepared_folder")})),
        ("use: 'another name' is written by 'make' already",),
    ),
    "one_step_writes_a_place_twice": (
        (replace(MAKE, outputs={"one": PREPARED, "two": PREPARED}),),
        ("make: 'prepared' is written by 'make' already",),
    ),
    "step_names_twice": ((MAKE, replace(USE, name="make")), ("two steps are called 'make'",)),
    "parameters_that_differ": (
        (MAKE, replace(USE, parameters={"word": Parameter("word", "another", default="")})),
        ("two different parameters are called 'word'",),
    ),
    "missing_script": ((replace(MAKE, script="makes.py"),), ("make: there is no script makes.py",)),
    "script_is_a_folder": ((replace(MAKE, script="folder"),), ("make: there is no script folder",)),
    "argument_twice": (
        (MAKE, replace(USE, parameters={"prepared": WORD, "model": WORD})),
        ("use: the argument --prepared is given twice", "use: the argument --model is given twice"),
    ),
    "unknown_setting_of_a_source": (
        (replace(MAKE, inputs={"source": Source("raw", "input_ulr")}),),
        ("make: there is no setting 'input_ulr', did you mean 'input_url'?",),
    ),
    "unknown_setting_of_a_folder": (
        (replace(MAKE, outputs={"prepared": Folder("prepared", "prepared_foldre")}),),
        ("make: there is no setting 'prepared_foldre', did you mean 'prepared_folder'?",),
    ),
    "spread_over_no_input": (
        (MAKE, replace(USE, spread=Spread(over="prepard", nodes="train_nodes"))),
        ("use: it is spread over --prepard, which is no input of it, did you mean 'prepared'?",),
    ),
    "spread_over_a_name_far_from_any": (
        (MAKE, replace(USE, spread=Spread(over="model", nodes="train_nodes"))),
        ("use: it is spread over --model, which is no input of it; its inputs are prepared",),
    ),
    "spread_over_data_from_outside": (
        (replace(MAKE, spread=Spread(over="source", nodes="train_nodes")),),
        ("make: it is spread over 'raw', which is no folder that a step commits",),
    ),
    "spread_over_an_unknown_number_of_nodes": (
        (MAKE, replace(USE, spread=Spread(over="prepared", nodes="train_node"))),
        ("use: its number of nodes, 'train_node', is no setting with a whole number, did you mean 'train_nodes'?",),
    ),
    "spread_over_no_number_of_nodes": (
        (MAKE, replace(USE, spread=Spread(over="prepared", nodes="model_name"))),
        ("use: its number of nodes, 'model_name', is no setting with a whole number",),
    ),
    "spread_with_two_outputs": (
        (MAKE, replace(SPREAD, outputs={"model": MODEL, "more": Folder("more", "outputs_folder", "more")})),
        ("use: it is spread, and writes 2 folders; expected is one",),
    ),
    "several_together": (
        (replace(MAKE, script="gone.py"), replace(USE, name="make")),
        ("two steps are called 'make'", "make: there is no script gone.py"),
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("make.py", "use.py"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(("steps", "problems"), WRONG.values(), ids=WRONG)
def test_wrong_wiring_fails_when_it_is_declared(root: Path, steps: tuple[Step, ...], problems: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as raised:
        Pipeline("trial", steps, BatchaiSettings, root=root)
    assert tuple(raised.value.what.splitlines()) == problems
    assert str(raised.value.where) == "the declaration of the pipeline 'trial'"


def test_right_wiring_is_kept(root: Path) -> None:
    pipeline = Pipeline("trial", (MAKE, USE), BatchaiSettings, root=root)
    assert pipeline.step("use") is USE
    assert pipeline.parameters == (WORD,)


def test_a_step_that_is_spread_is_given_the_same_arguments(root: Path) -> None:
    spread = Pipeline("trial", (MAKE, SPREAD), BatchaiSettings, root=root).step("use")
    given = [step.arguments(lambda what: what.name, lambda parameter: parameter.name) for step in (spread, USE)]
    assert given[0] == given[1]


def test_an_unknown_step_gets_the_near_name(root: Path) -> None:
    with pytest.raises(SettingsError, match=r"has no step 'mkae', did you mean 'make'\?\n.*expected: make, use"):
        Pipeline("trial", (MAKE, USE), BatchaiSettings, root=root).step("mkae")


def test_arguments_are_inputs_then_outputs_then_parameters() -> None:
    step = Step(
        "all",
        "all.py",
        parameters={"word": WORD},
        outputs={"b": MODEL, "a": PREPARED},
        inputs={"z": RAW, "y": PREPARED},
    )
    given = step.arguments(lambda what: f"<{what.name}>", lambda parameter: f"{parameter.name}!")
    assert given == [
        *("--z", "<raw>", "--y", "<prepared>"),
        *("--b", "<model>", "--a", "<prepared>"),
        *("--word", "word!"),
    ]


def test_folders_lie_where_the_settings_say() -> None:
    settings = load_settings(environment={"OUTPUTS_DIR": "somewhere", "DATAPREP_OUTPUTS_DIR": "else"})
    assert MODEL.path(settings) == PROJECT_ROOT / "somewhere" / "model"
    assert PREPARED.path(settings) == PROJECT_ROOT / "else"


def test_the_picture_of_a_pipeline(root: Path) -> None:
    quoting = replace(
        MAKE, name='make "all"', outputs={"prepared": PREPARED, "log": Folder("a --> b", "inputs_folder")}
    )
    assert mermaid(Pipeline("trial", (quoting, USE), BatchaiSettings, root=root)).splitlines() == [
        "flowchart LR",
        '    step1["make #quot;all#quot;<br/>make.py"]',
        '    data1[("raw")]',
        '    data2[("prepared")]',
        '    data3[("a --> b")]',
        '    step2["use<br/>use.py"]',
        '    data4[("model")]',
        "    data1 --> step1",
        "    step1 --> data2",
        "    step1 --> data3",
        "    data2 --> step2",
        "    step2 --> data4",
    ]


def test_the_picture_of_batchai() -> None:
    assert mermaid(batchai_training_pipeline()).splitlines() == [
        "flowchart LR",
        '    step1["prepare<br/>src/data_preparation/batchai/batchai_datapreparation.py"]',
        '    data1[("raw exports")]',
        '    data2[("DataPrep_inputs")]',
        '    data3[("DataPrep_outputs")]',
        '    step2["train<br/>src/training/batchai/batchai_training.py"]',
        '    data4[("Training_Output")]',
        '    data5[("outputs/model")]',
        '    step3["evaluate<br/>src/evaluation/batchai/batchai_evaluation.py"]',
        '    data6[("outputs/evaluation")]',
        '    step4["register<br/>src/registration/batchai/batchai_registration.py"]',
        '    data7[("outputs/registration")]',
        '    data8[("outputs/registered_model")]',
        '    step5["infer<br/>src/inference/batchai/batchai_inference.py"]',
        '    data9[("outputs/predictions")]',
        '    step6["monitor<br/>src/monitoring/batchai/batchai_monitoring.py"]',
        '    data10[("outputs/monitoring")]',
        '    step7["report<br/>src/reporting/batchai/batchai_report.py"]',
        '    data11[("outputs/report")]',
        "    data1 --> step1",
        "    step1 --> data2",
        "    step1 --> data3",
        "    data3 --> step2",
        "    step2 --> data4",
        "    step2 --> data5",
        "    data3 --> step3",
        "    data5 --> step3",
        "    step3 --> data6",
        "    data5 --> step4",
        "    data6 --> step4",
        "    step4 --> data7",
        "    step4 --> data8",
        "    data3 --> step5",
        "    data8 --> step5",
        "    step5 --> data9",
        "    data3 --> step6",
        "    data8 --> step6",
        "    step6 --> data10",
        "    data3 --> step7",
        "    data5 --> step7",
        "    data10 --> step7",
        "    data6 --> step7",
        "    step7 --> data11",
    ]


@each_declared_step
def test_a_script_understands_every_argument_that_it_is_given(pipeline: Pipeline, step: Step) -> None:
    script = pipeline.root / step.script
    shown = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=True)
    options = set(re.findall(r"--\w+", shown.stdout))
    given = step.arguments(lambda _: "x", lambda _: "x")[::2]
    assert given
    assert set(given) <= options


@each_declared_step
def test_the_data_files_that_a_step_names_exist(pipeline: Pipeline, step: Step) -> None:
    assert [pattern for pattern in step.files if not any(path.is_file() for path in pipeline.root.glob(pattern))] == []


def test_training_is_one_step_on_one_node_and_four_on_several(tmp_path: Path) -> None:
    one = replace(TWO_NODES, train_nodes=1)
    assert [step.name for step in training_steps(one)] == ["train"]
    assert training_steps(None) == training_steps(one)
    assert batchai_training_pipeline(one) == batchai_training_pipeline(None)
    steps = training_steps(TWO_NODES)
    assert [(step.name, step.spread is not None) for step in steps] == [
        ("plan", False),
        ("sum", True),
        ("fit", True),
        ("train", False),
    ]
    assert steps[-1].outputs == training_steps(one)[0].outputs
    for step in (PREPARE, *steps):
        (tmp_path / step.script).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / step.script).touch()
    declared = Pipeline("trial", (PREPARE, *steps), BatchaiSettings, root=tmp_path)
    names = {
        parameter.name for parameter in Pipeline("trial", (PREPARE, *training_steps(one)), BatchaiSettings).parameters
    }
    assert {parameter.name for parameter in declared.parameters} == names


def test_the_pipeline_on_several_nodes_differs_in_training_alone() -> None:
    one, two = (batchai_training_pipeline(settings).steps for settings in (None, TWO_NODES))
    assert (one[0], one[2:]) == (two[0], two[5:])


def test_training_is_not_spread_in_two_ways_at_once() -> None:
    with pytest.raises(SettingsError, match="TRAIN_NODES and TRAIN_BACKEND both spread training"):
        training_steps(replace(TWO_NODES, train_backend=Backend.DASK))

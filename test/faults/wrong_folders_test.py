"""A folder in a setting or an argument that is the wrong one: a clear error, and nothing is destroyed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from test.faults.trained_plant import contents, copy_of, run
from test.support.small_plant import SmallPlant

pytestmark = pytest.mark.fault("a wrong folder in a setting or an argument destroys nothing", sample=6)

VERSION = "outputs/registry/batchai/1"
# the step that is run, the variable or argument, and the wrong folder
CASES = [
    ("prepare", "DATAPREP_INPUTS_DIR", "source"),
    ("prepare", "DATAPREP_INPUTS_DIR", "prepared"),
    ("prepare", "DATAPREP_INPUTS_DIR", "results"),
    ("prepare", "DATAPREP_INPUTS_DIR", "outputs"),
    ("prepare", "DATAPREP_INPUTS_DIR", "thesis"),
    ("prepare", "DATAPREP_OUTPUTS_DIR", "source"),
    ("prepare", "DATAPREP_OUTPUTS_DIR", "inputs"),
    ("prepare", "DATAPREP_OUTPUTS_DIR", "results"),
    ("prepare", "DATAPREP_OUTPUTS_DIR", "link-to-results"),
    ("prepare", "--prepared_folder", f"{VERSION}/model"),
    ("prepare", "--prepared_folder", "results"),
    ("prepare", "--prepared_folder", "inputs"),
    ("prepare", "--prepared_folder", "inputs/plant"),
    ("prepare", "--inputs_folder", "outputs/model"),
    ("prepare", "--inputs_folder", f"{VERSION}/new"),
    ("train", "TRAINING_OUTPUT_DIR", "prepared"),
    ("train", "TRAINING_OUTPUT_DIR", "prepared/location=plant"),
    ("train", "TRAINING_OUTPUT_DIR", "inputs"),
    ("train", "TRAINING_OUTPUT_DIR", "source"),
    ("train", "TRAINING_OUTPUT_DIR", "."),
    ("train", "TRAINING_OUTPUT_DIR", "outputs"),
    ("train", "TRAINING_OUTPUT_DIR", "outputs/model"),
    ("train", "TRAINING_OUTPUT_DIR", "outputs/registry"),
    ("train", "TRAINING_OUTPUT_DIR", VERSION),
    ("train", "TRAINING_OUTPUT_DIR", "thesis"),
    ("train", "TRAINING_OUTPUT_DIR", "thesis/chapter.txt"),
    ("train", "TRAINING_OUTPUT_DIR", "loop"),
    ("train", "OUTPUTS_DIR", "prepared"),
    ("train", "OUTPUTS_DIR", "source/new"),
    ("train", "OUTPUTS_DIR", "thesis/chapter.txt"),
    ("train", "--training_folder", "outputs/model"),
    ("train", "--training_folder", "prepared"),
    ("train", "--model_folder", f"{VERSION}/model"),
    ("train", "--model_folder", VERSION),
    ("train", "--model_folder", "outputs/registry/batchai/7"),
    ("train", "--model_folder", "outputs/registry/other"),
    ("train", "--model_folder", "results"),
    ("train", "--model_folder", "link-to-prepared"),
    ("evaluate", "--evaluation_folder", "outputs/model"),
    ("evaluate", "--evaluation_folder", "outputs/predictions"),
    ("register", "--registration_folder", "outputs/evaluation"),
    ("register", "--registration_folder", VERSION),
    ("infer", "--predictions_folder", "prepared"),
    ("infer", "--predictions_folder", "inputs"),
    ("infer", "--predictions_folder", "outputs/report"),
    ("monitor", "--monitoring_folder", "prepared"),
    ("monitor", "--monitoring_folder", "outputs/registered_model"),
    ("report", "--report_folder", "outputs"),
    ("report", "--report_folder", "thesis"),
    ("report", "--report_folder", "project/src"),
    ("report", "--report_folder", "project"),
    ("report", "--report_folder", "home"),
    ("fetch", "--model_folder", "prepared"),
    ("prepare", "BATCHAI_INPUT_URL", "loop"),
    ("prepare", "BATCHAI_INPUT_URL", "thesis/chapter.txt"),
    ("prepare", "BATCHAI_INPUT_URL", "nowhere"),
    ("prepare", "DATAPREP_INPUTS_DIR", "loop"),
    ("prepare", "DATAPREP_INPUTS_DIR", "thesis/chapter.txt"),
    ("prepare", "DATAPREP_INPUTS_DIR", "thesis/chapter.txt/below"),
    ("train", "DATAPREP_OUTPUTS_DIR", "loop"),
    ("train", "DATAPREP_OUTPUTS_DIR", "thesis/chapter.txt"),
    ("train", "DATAPREP_OUTPUTS_DIR", "outputs/model"),
    ("infer", "--model_folder", "loop"),
    ("infer", "--model_folder", "loop/below"),
    ("infer", "--model_folder", "thesis/chapter.txt"),
    ("infer", "--model_folder", "prepared"),
    ("report", "OUTPUTS_DIR", "loop"),
    ("register", "--evaluation_folder", "loop"),
    ("fetch", "--model_folder", f"{VERSION}/model"),
]


@pytest.fixture(scope="module")
def plant(trained_plant: SmallPlant, tmp_path_factory: pytest.TempPathFactory) -> SmallPlant:
    made = copy_of(trained_plant, tmp_path_factory.mktemp("wrong") / "plant")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in made.variables.items():
            patch.setenv(variable, value)
        assert run("prepare") == 0, "the mirror knows the new place of its source"
    for name in ("thesis/chapter.txt", "home/.profile", "home/letters/one.txt", "project/src/a.py"):
        path = made.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    (made.root / "link-to-results").symlink_to(made.root / "results")
    (made.root / "link-to-prepared").symlink_to(made.root / "prepared")
    (made.root / "loop").symlink_to(made.root / "loop")
    return made


@pytest.mark.parametrize(("step", "name", "wrong"), CASES)
def test_a_wrong_folder(
    plant: SmallPlant,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    step: str,
    name: str,
    wrong: str,
) -> None:
    for variable, value in plant.variables.items():
        monkeypatch.setenv(variable, value)
    argv: list[str] = []
    path = str(plant.root / wrong)
    if name.startswith("--"):
        argv = [name, path]
    else:
        monkeypatch.setenv(name, path)
    before, places = contents(plant.root), everything(plant.root)
    assert run(step, *argv) in (2, 3)
    said = capsys.readouterr().err
    assert said.count("error: ") == 1
    assert "Traceback" not in said
    assert wrong.rpartition("/")[2] in said or name in said, "the folder or the variable is named"
    assert contents(plant.root) == before
    assert everything(plant.root) == places


def everything(root: Path) -> set[str]:
    """Every name below a folder."""
    return {str(Path(folder, name)) for folder, folders, files in os.walk(root) for name in (*folders, *files)}

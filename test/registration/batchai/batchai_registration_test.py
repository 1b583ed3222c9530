"""The script of the registration on the small plant, in DEV."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.common.committed_folder import read_manifest, replace_folder, verify_files
from src.common.console import run_script
from src.common.local_registry import LocalRegistry
from src.common.model_registry import CONTENT, DATA_VERSION
from src.registration import fetch_model
from src.registration.registration_script import KIND
from src.training.batchai.model_files import load_model
from test.faults.promises import NO_BAD_NUMBER
from test.support.models import changed_model, small_model, write_model
from test.support.registered import downloaded
from test.support.small_plant import SmallPlant, damage, evaluate, register
from test.support.trees import read_content, read_tree


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallPlant:
    """One on which a model is trained, by pressure alone."""
    laptop = SmallPlant(tmp_path)
    for name, value in {**laptop.variables, "BUILD_BUILDID": "17", "BUILD_SOURCEVERSION": "abc"}.items():
        monkeypatch.setenv(name, value)
    laptop.train(50, columns=("pressure",))
    return laptop


def record_of(plant: SmallPlant) -> dict[str, Any]:
    """What was registered, after checking that the folder is whole."""
    folder = plant.root / "outputs" / "registration"
    manifest = read_manifest(folder, kind=KIND, made_by="")
    verify_files(folder, manifest)
    document: dict[str, Any] = json.loads((folder / "registration.json").read_text(encoding="utf-8"))
    assert set(document) == {"registered", "name", "version", "reason"}
    return document


def newest(plant: SmallPlant) -> int:
    model = LocalRegistry(plant.registry).newest("batchai")
    return 0 if model is None else model.version


def test_the_first_model_becomes_version_1(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate() == 0
    capsys.readouterr()
    assert register() == 0
    record = record_of(plant)
    assert (record["registered"], record["name"], record["version"]) == (True, "batchai", 1)
    assert f"registered: batchai version 1 ({record['reason']})" in capsys.readouterr().out
    registry = LocalRegistry(plant.registry)
    model = registry.newest("batchai")
    assert model is not None
    manifest = read_manifest(plant.model, kind="batchai model", made_by="")
    decision = json.loads((plant.root / "outputs" / "evaluation" / "decision.json").read_text(encoding="utf-8"))
    assert model.tags == {
        "build_id": "17",
        "commit": "abc",
        DATA_VERSION: load_model(plant.model).data_version,
        CONTENT: manifest.version,
        "skill": str(decision["challenger_skill"]),
        "groups": "2",
        "decision": record["reason"],
    }
    assert downloaded(registry, model) == read_tree(plant.model)


def test_what_is_not_better_is_not_registered(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    assert (evaluate(), register(), evaluate()) == (0, 0, 0)
    capsys.readouterr()
    assert register() == 0
    assert capsys.readouterr().out.startswith("not registered: its skill over all groups is ")
    assert (record_of(plant)["registered"], record_of(plant)["version"]) == (False, None)
    assert newest(plant) == 1


def test_what_is_better_becomes_version_2(plant: SmallPlant) -> None:
    assert (evaluate(), register()) == (0, 0)
    first = LocalRegistry(plant.registry).newest("batchai")
    plant.train(72)
    assert (evaluate(), register()) == (0, 0)
    assert (record_of(plant)["registered"], record_of(plant)["version"]) == (True, 2)
    registry = LocalRegistry(plant.registry)
    assert registry.get("batchai", 1) == first
    assert newest(plant) == 2
    fetched = plant.root / "fetched"
    assert run_script(lambda: fetch_model.main(["--model_name", "batchai", "--model_folder", str(fetched)])) == 0
    assert read_content(fetched) == read_content(plant.model)
    assert load_model(fetched).registered_as == "batchai 2"


def test_the_same_content_is_registered_once(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    assert (evaluate(), register()) == (0, 0)
    capsys.readouterr()
    assert register() == 0
    assert "it is registered already, as version 1" in capsys.readouterr().out
    assert (record_of(plant)["registered"], record_of(plant)["version"], newest(plant)) == (True, 1, 1)


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize("evaluated", ["true", "false"])
def test_a_model_of_nan_is_never_registered(
    plant: SmallPlant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], evaluated: str
) -> None:
    with replace_folder(plant.model, kind="batchai model") as staged:
        write_model(staged, changed_model(coefficients=np.array([math.nan, 1.0])))
        staged.write("out_of_fold.csv", "location,product_id,target,batch_id,measured,predicted,mean,fold\n")
    monkeypatch.setenv("RUN_EVALUATION", evaluated)
    if evaluated == "true":
        assert evaluate() == 3
        assert "plant/007, purity: coefficients is not finite" in capsys.readouterr().err
    assert register() == 3
    assert newest(plant) == 0


def test_errors_of_nan_are_never_registered(plant: SmallPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    with replace_folder(plant.model, kind="batchai model") as staged:
        write_model(staged, small_model())
        staged.write(
            "out_of_fold.csv",
            "location,product_id,target,batch_id,measured,predicted,mean,fold\nplant,007,purity,B1,1,nan,1,0\n",
        )
    monkeypatch.setenv("RUN_EVALUATION", "false")
    assert (evaluate(), register(), newest(plant)) == (3, 3, 0)


def test_without_an_evaluation_every_model_is_registered(plant: SmallPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_EVALUATION", "false")
    assert register() == 0
    assert record_of(plant) == {
        "registered": True,
        "name": "batchai",
        "version": 1,
        "reason": "RUN_EVALUATION is false: it was not compared",
    }
    assert register() == 0
    assert newest(plant) == 1
    plant.train(72)
    damage(plant.registry / "batchai" / "1" / "model" / "model.json")
    assert register() == 0
    assert newest(plant) == 2
    monkeypatch.setenv("RUN_EVALUATION", "true")
    assert evaluate() == 0


def test_an_older_model_may_become_the_newest_again(plant: SmallPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_EVALUATION", "false")
    for batches, version in ((50, 1), (72, 2), (50, 3)):
        plant.train(batches)
        assert register() == 0
        assert newest(plant) == version


@pytest.mark.parametrize("file", ["model.json", "coefficient.csv", "ranges.csv", "out_of_fold.csv"])
def test_a_changed_model_is_refused_before_anything_is_registered(
    plant: SmallPlant, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    assert evaluate() == 0
    damage(plant.model / file)
    assert register() == 3
    assert f"{file} was changed" in capsys.readouterr().err
    assert not plant.registry.exists()
    assert not (plant.root / "outputs" / "registration").exists()


def test_nothing_evaluated_is_one_clear_error(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    assert register() == 3
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "error: there is no evaluation here"
    assert others[-1].strip() == "to do:    run: python src/evaluation/batchai/batchai_evaluation.py"
    assert not plant.registry.exists()


def test_a_changed_decision_is_refused(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    assert (evaluate(), register(), evaluate()) == (0, 0, 0)
    path = plant.root / "outputs" / "evaluation" / "decision.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"better": false', '"better": true'), encoding="utf-8")
    assert register() == 3
    assert "decision.json was changed" in capsys.readouterr().err
    assert newest(plant) == 1


def test_the_evaluation_of_another_model_is_refused(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that was trained since must not be registered by what was decided before."""
    assert evaluate() == 0
    plant.train(72)
    assert register() == 3
    assert "error: the evaluation judged another model" in capsys.readouterr().err
    assert not plant.registry.exists()
    assert (evaluate(), register(), newest(plant)) == (0, 0, 1)


def test_a_model_that_was_compared_with_an_older_version_is_refused(
    plant: SmallPlant, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs interleaved: both compare with version 1, and the other one registers first."""
    assert (evaluate(), register()) == (0, 0)
    plant.train(72)
    assert evaluate() == 0
    registry = LocalRegistry(plant.registry)
    first = registry.newest("batchai")
    assert first is not None
    with registry.files(first) as files:
        registry.register(files, "batchai", {})
    capsys.readouterr()
    assert register() == 3
    said = capsys.readouterr().err
    assert "another model was registered after this one was compared" in said
    assert "found:    version 2" in said
    assert newest(plant) == 2
    assert (evaluate(), register(), newest(plant)) == (0, 0, 3)


def test_a_registry_that_lost_its_version_is_not_filled_unseen(plant: SmallPlant) -> None:
    assert (evaluate(), register()) == (0, 0)
    plant.train(72)
    assert evaluate() == 0
    shutil.rmtree(plant.registry)
    assert register() == 3
    assert (evaluate(), register(), newest(plant)) == (0, 0, 1)


def test_what_is_left_to_predict_with_is_the_registered_model(
    plant: SmallPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not the new one was registered."""
    predicts = plant.root / "outputs" / "registered_model"
    assert (evaluate(), register()) == (0, 0)
    champion = read_content(plant.model)
    assert read_content(predicts) == champion
    monkeypatch.setenv("MIN_IMPROVEMENT", "1")
    plant.train(72)
    assert (evaluate(), register()) == (0, 0)
    assert not record_of(plant)["registered"]
    assert read_content(plant.model) != champion
    assert read_content(predicts) == champion
    assert load_model(predicts).registered_as == "batchai 1"


def test_nothing_trained_is_one_clear_error(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(plant.model)
    assert register() == 3
    assert "run: python src/training/batchai/batchai_training.py" in capsys.readouterr().err

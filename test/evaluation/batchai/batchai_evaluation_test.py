"""The script of the evaluation on the small plant, in DEV."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from src.common.committed_folder import read_manifest, verify_files
from src.data_preparation.batchai import batchai_datapreparation
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.evaluation.gate import HEADER, KIND
from src.training.batchai import batchai_training
from src.training.batchai.location_fit import TrainingOptions
from src.training.batchai.units import work_units
from src.training.batchai.units.work_units import plan_units
from test.support.small_plant import SmallPlant, damage, evaluate, register

KEYS = [("plant", product, target) for product in ("007", "NA") for target in ("purity", "yield")]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallPlant:
    laptop = SmallPlant(tmp_path)
    for name, value in laptop.variables.items():
        monkeypatch.setenv(name, value)
    return laptop


def decision_of(plant: SmallPlant) -> dict[str, Any]:
    """What was decided, after checking that the folder is whole."""
    folder = plant.root / "outputs" / "evaluation"
    manifest = read_manifest(folder, kind=KIND, made_by="")
    verify_files(folder, manifest)
    assert set(manifest.files) == {"decision.json", "evaluation.csv"}
    document: dict[str, Any] = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
    assert manifest.facts["better"] is document["better"]
    return document


def table_of(plant: SmallPlant) -> dict[tuple[str, str, str], dict[str, str]]:
    with (plant.root / "outputs" / "evaluation" / "evaluation.csv").open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = {(row["location"], row["product_id"], row["target"]): row for row in reader}
    assert tuple(reader.fieldnames or ()) == HEADER
    return rows


def test_the_first_model_is_better_than_none(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    plant.train(50)
    capsys.readouterr()
    assert evaluate() == 0
    printed = capsys.readouterr().out
    document = decision_of(plant)
    assert (document["better"], document["champion"], document["batches"]) == (True, None, 95)
    assert list(table_of(plant)) == KEYS
    assert {row["compared_on"] for row in table_of(plant).values()} == {"first model"}
    with (plant.root / "results" / "rmse.csv").open(encoding="utf-8", newline="") as stream:
        skills = {(row["location"], row["product_id"], row["target"]): row for row in csv.DictReader(stream)}
    for key, row in table_of(plant).items():
        assert float(row["skill_challenger"]) == pytest.approx(float(skills[key]["skill"]))
        assert row["batches"] == skills[key]["batches"]
    header, *rows = printed.splitlines()[:5]
    assert header.split() == ["location", "product_id", "target", "compared", "on", "batches", "champion", "challenger"]
    assert [tuple(row.split()[:3]) for row in rows] == KEYS
    assert f"better: {document['reason']}" in printed
    assert "next: python src/registration/batchai/batchai_registration.py" in printed


def test_the_same_model_again_is_not_better(plant: SmallPlant, capsys: pytest.CaptureFixture[str]) -> None:
    plant.train(50)
    assert (evaluate(), register()) == (0, 0)
    capsys.readouterr()
    assert evaluate() == 0
    printed = capsys.readouterr().out
    document = decision_of(plant)
    assert (document["better"], document["improvement"]) == (False, 0.0)
    assert document["champion"] == {"name": "batchai", "version": 1}
    assert {row["compared_on"] for row in table_of(plant).values()} == {"cross-validated"}
    assert "not better: its skill over all groups is" in printed
    assert "next:" not in printed


def test_newer_batches_and_a_feature_that_matters(plant: SmallPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.train(50, columns=("pressure",))
    assert (evaluate(), register()) == (0, 0)
    plant.train(72)
    assert evaluate() == 0
    document = decision_of(plant)
    assert document["better"]
    assert document["improvement"] > 0.2
    assert {key: (row["compared_on"], row["batches"]) for key, row in table_of(plant).items()} == {
        key: ("newer batches", "8" if key[2] == "purity" else "7") for key in KEYS
    }
    monkeypatch.setenv("MIN_IMPROVEMENT", "0.9")
    assert evaluate() == 0
    assert (decision_of(plant)["better"], decision_of(plant)["min_improvement"]) == (False, 0.9)


def test_newer_batches_are_compared_and_the_same_method_comes_close(plant: SmallPlant) -> None:
    """The plant's relation does not change, so that training on more batches changes little."""
    plant.train(50)
    assert (evaluate(), register()) == (0, 0)
    plant.train(72)
    assert evaluate() == 0
    assert {row["compared_on"] for row in table_of(plant).values()} == {"newer batches"}
    document = decision_of(plant)
    assert document["improvement"] == pytest.approx(0, abs=0.15)  # eight batches say little
    assert document["better"] is (document["improvement"] > 0)


def test_a_large_location_is_judged_part_by_part_with_the_same_result(
    plant: SmallPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.train(50)
    assert (evaluate(), register()) == (0, 0)
    plant.train(72)
    assert evaluate() == 0
    folder = plant.root / "outputs" / "evaluation"
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    units = plan_units(PreparedFolder.open(plant.root / "prepared"), ["plant"], TrainingOptions(folds=3), unit_bytes=1)
    assert len(units) == 2
    monkeypatch.setattr(work_units, "UNIT_BYTES", 1)
    assert evaluate() == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_what_has_changed_since_the_champion_was_trained_is_named(plant: SmallPlant) -> None:
    plant.train(60)
    assert (evaluate(), register()) == (0, 0)
    description = plant.root / "source" / "plant" / "location.yml"
    plant.export(60, columns=("pressure",))
    text = description.read_text(encoding="utf-8")
    assert "unit: kg" in text
    description.write_text(text.replace("unit: kg", "unit: g"), encoding="utf-8")
    export = plant.root / "source" / "plant" / "batches.csv"
    header, *rows = export.read_text(encoding="cp1252").splitlines()
    cells = [row.rpartition(";") for row in rows]
    grams = [f"{start};" + (f"{float(kg.replace(',', '.')) * 1000:.0f}" if kg else "") for start, _, kg in cells]
    export.write_text("\n".join([header, *grams]) + "\n", encoding="cp1252")
    assert batchai_datapreparation.main([]) == 0
    assert batchai_training.main([]) == 0
    assert evaluate() == 0
    document = decision_of(plant)
    assert document["changes"]["plant"] == [
        "features gone: temperature, log_temperature",
        "the unit of yield was kg and is g",
        "the values of yield are 1000 × the earlier ones in 007, NA; the registered model's are converted",
    ]
    assert "changed since then: plant: features gone" in document["reason"]
    assert document["better"] is False
    assert {row["compared_on"] for row in table_of(plant).values()} == {"cross-validated"}


def test_a_fresh_model_passes_by_its_policy_alone(plant: SmallPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.train(50)
    assert (evaluate(), register()) == (0, 0)
    monkeypatch.setenv("GATE_POLICY", "fresh")
    monkeypatch.setenv("FRESH_MARGIN", "1")
    assert evaluate() == 0
    document = decision_of(plant)
    assert (document["better"], document["policy"], document["newer_batches"]) == (False, "fresh", 0)
    assert "needed: more than 0, for it knows no newer batches" in document["reason"]
    plant.train(72)
    assert evaluate() == 0
    document = decision_of(plant)
    assert (document["better"], document["newer_batches"], document["margin"]) == (True, 30, 1.0)
    assert "needed: more than -1, for it knows newer batches" in document["reason"]
    monkeypatch.setenv("FRESH_MARGIN", "0")
    assert evaluate() == 0
    assert decision_of(plant)["better"] is (decision_of(plant)["at_least"] > 0)


@pytest.mark.parametrize("broken", ["model.json", "out_of_fold.csv", "manifest.json"])
@pytest.mark.parametrize("how", [damage, Path.unlink])
def test_a_damaged_champion_ends_with_one_error_and_the_way_around(
    plant: SmallPlant, capsys: pytest.CaptureFixture[str], broken: str, how: Any
) -> None:
    plant.train(50)
    assert (evaluate(), register()) == (0, 0)
    how(plant.registry / "batchai" / "1" / "model" / broken)
    before = decision_of(plant)
    capsys.readouterr()
    assert evaluate() == 3
    errors = capsys.readouterr().err
    first, *others = errors.splitlines()
    assert first == "error: the registered model batchai version 1 can't be read, so nothing can be compared"
    assert "batchai version 1 is not what was registered" in errors
    assert "RUN_EVALUATION=false" in others[-1]
    assert decision_of(plant) == before


def test_without_a_model_or_data_the_step_that_makes_it_is_named(
    plant: SmallPlant, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate() == 3
    assert "run: python src/training/batchai/batchai_training.py" in capsys.readouterr().err
    plant.train(50)
    assert (evaluate(), register()) == (0, 0)
    shutil.rmtree(plant.root / "prepared")
    assert evaluate() == 3
    assert "batchai_datapreparation.py" in capsys.readouterr().err


def test_folders_and_names_from_the_command_line(plant: SmallPlant) -> None:
    plant.train(50)
    assert (evaluate(), register("--model_name", "other")) == (0, 0)
    elsewhere = plant.root / "elsewhere"
    plant.model.rename(plant.root / "moved")
    folders = ["--model_folder", str(plant.root / "moved"), "--evaluation_folder", str(elsewhere)]
    assert evaluate(*folders, "--model_name", "other") == 0
    document = json.loads((elsewhere / "decision.json").read_text(encoding="utf-8"))
    assert document["champion"] == {"name": "other", "version": 1}
    assert decision_of(plant)["champion"] is None

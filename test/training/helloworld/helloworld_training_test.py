from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from src.common.errors import DataError, IntegrityError
from src.common.settings import PROJECT_ROOT, every_setting
from src.data_preparation.helloworld.patients import load_patients
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from src.training.helloworld.fitting import train
from src.training.helloworld.helloworld_training import main
from src.training.helloworld.linear_model import LinearModel
from src.training.helloworld.model_file import MODEL_FILE, load_model, save_model

MODEL = LinearModel({"bmi": 2.5, "age": -1.0}, intercept=3.0, rmse=4.0, rmse_mean=8.0)


def test_withheld_patients_are_others_than_the_known_ones() -> None:
    known, withheld = load_patients()
    assert (len(known.progression), len(withheld.progression)) == (397, 45)
    assert not {row.tobytes() for row in known.values} & {row.tobytes() for row in withheld.values}


def test_training_finds_the_coefficients_that_made_the_data() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(50, 20, size=(200, 2))
    target = 7 + values @ [3.0, -0.5] + generator.normal(0, 1, size=200)
    model = train(values, target, features=["a", "b"], folds=5)
    assert model.coefficients == pytest.approx({"a": 3.0, "b": -0.5}, abs=0.02)
    assert model.intercept == pytest.approx(7, abs=1.5)
    assert model.rmse == pytest.approx(1, abs=0.15)
    assert model.rmse_mean == pytest.approx(target.std(), rel=0.05)


def test_noise_is_not_promised_to_be_predictable() -> None:
    generator = np.random.default_rng(1)
    values, target = generator.normal(size=(60, 10)), generator.normal(size=60)
    model = train(values, target, features=[f"x{i}" for i in range(10)], folds=5)
    assert model.rmse > 0.97 * model.rmse_mean


def test_error_agrees_with_a_nested_grid_search() -> None:
    known, _ = load_patients()
    model = train(known.values, known.progression, features=known.features, folds=5)
    grid = GridSearchCV(
        Pipeline([("scaler", StandardScaler()), ("ridge", Ridge())]),
        {"ridge__alpha": np.logspace(-2, 4, 25)},
        cv=KFold(10, shuffle=True, random_state=3),
        scoring="neg_mean_squared_error",
    )
    folds = KFold(5, shuffle=True, random_state=0)
    errors = -cross_val_score(grid, known.values, known.progression, cv=folds, scoring="neg_mean_squared_error")
    assert model.rmse == pytest.approx(np.sqrt(errors.mean()), rel=0.01)
    assert 1 - model.rmse / model.rmse_mean > 0.2


def test_prediction_is_the_sum_that_the_coefficients_say() -> None:
    predicted = MODEL.predict(np.array([[10.0, 1.0], [0.0, 0.0]]), features=["bmi", "age"])
    assert predicted.tolist() == [27.0, 3.0]


def test_columns_may_stand_in_any_order() -> None:
    assert MODEL.predict(np.array([[1.0, 9.0, 10.0]]), features=["age", "sex", "bmi"]).tolist() == [27.0]


@pytest.mark.parametrize("features", [["age"], ["bmi"], ["bmii", "age"]])
def test_a_missing_feature_is_refused(features: list[str]) -> None:
    with pytest.raises(DataError, match="features of the model are missing") as caught:
        MODEL.predict(np.zeros((1, len(features))), features=features)
    assert "bmi, age" in str(caught.value)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.text(), finite, min_size=1), finite)
def test_a_stored_model_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, coefficients: dict[str, float], intercept: float
) -> None:
    folder = tmp_path_factory.mktemp("model")
    model = LinearModel(coefficients, intercept, rmse=1.5, rmse_mean=2.5)
    save_model(folder, model)
    assert load_model(folder) == model


def test_a_missing_model_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"python helloworld_training\.py"):
        load_model(tmp_path / "model")


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    save_model(tmp_path, MODEL)
    file = tmp_path / MODEL_FILE
    good = file.read_bytes()
    for position in range(len(good)):
        file.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with pytest.raises(IntegrityError, match=r"model\.json was changed"):
            load_model(tmp_path)
    file.write_bytes(good)
    assert load_model(tmp_path) == MODEL


def test_a_model_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other_version:
        other_version.setattr("src.training.helloworld.model_file.asdict", lambda model: {"slope": model.intercept})
        save_model(tmp_path, MODEL)
    with pytest.raises(IntegrityError, match="another version"):
        load_model(tmp_path)


def test_main_stores_the_model_and_prints_its_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model_folder", str(tmp_path / "model")]) == 0
    model = load_model(tmp_path / "model")
    printed = capsys.readouterr().out
    assert f"expected error (rmse, {every_setting(HelloworldSettings).folds} folds): {model.rmse:.1f}" in printed
    assert all(feature in printed for feature in model.coefficients)
    assert not list(tmp_path.rglob("*.pkl"))
    assert json.loads((tmp_path / "model" / MODEL_FILE).read_text())["rmse"] == model.rmse


@pytest.mark.parametrize("script", ["helloworld_training.py", "src/training/helloworld/helloworld_training.py"])
def test_script_runs_from_any_folder(script: str, tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT_ROOT / script), "--model_folder", str(tmp_path / "model")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert load_model(tmp_path / "model").rmse > 0


@pytest.mark.parametrize("script", ["helloworld_training.py", "helloworld_inference.py"])
def test_help_needs_no_heavy_library(script: str) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(PROJECT_ROOT)!r})\n"
        f"sys.argv = [{script!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(PROJECT_ROOT / script)!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "print('loaded', sorted({'numpy', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "usage:" in done.stdout
    assert done.stdout.endswith("loaded []\n")

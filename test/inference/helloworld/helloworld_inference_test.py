from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import DataError, IntegrityError
from src.common.settings import PROJECT_ROOT
from src.data_preparation.helloworld.patients import load_patients
from src.inference.helloworld.helloworld_inference import SHOWN, main
from src.training.helloworld.fitting import train
from src.training.helloworld.model_file import MODEL_FILE, load_model, save_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    known, _ = load_patients()
    folder = tmp_path_factory.mktemp("helloworld") / "model"
    save_model(folder, train(known.values, known.progression, features=known.features, folds=5))
    return folder


def test_predictions_stand_beside_measured_values(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model_folder", str(trained)]) == 0
    printed = capsys.readouterr().out
    rows = [[float(cell) for cell in line.split()] for line in printed.splitlines()[1 : SHOWN + 1]]
    _, withheld = load_patients()
    assert [measured for _, measured, _ in rows] == withheld.progression[:SHOWN].tolist()
    expected = load_model(trained).predict(withheld.values[:SHOWN], features=withheld.features)
    assert [predicted for predicted, _, _ in rows] == pytest.approx(expected, rel=1e-3)
    assert "45 patients that training never saw, 8 of them shown" in printed


def test_the_error_on_withheld_patients_is_what_training_promised(trained: Path) -> None:
    model = load_model(trained)
    _, withheld = load_patients()
    residuals = withheld.progression - model.predict(withheld.values, features=withheld.features)
    assert np.sqrt((residuals**2).mean()) < 1.5 * model.rmse


def test_a_corrupted_model_predicts_nothing(tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = load_model(trained)
    save_model(tmp_path, model)
    file = tmp_path / MODEL_FILE
    file.write_text(re.sub(r"\d", lambda digit: str(9 - int(digit[0])), file.read_text(), count=1))
    with pytest.raises(IntegrityError, match=r"model\.json was changed"):
        main(["--model_folder", str(tmp_path)])
    assert capsys.readouterr().out == ""


def test_without_a_model_nothing_is_predicted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no helloworld model"):
        main(["--model_folder", str(tmp_path / "none")])


@pytest.mark.parametrize("script", ["helloworld_inference.py", "src/inference/helloworld/helloworld_inference.py"])
def test_script_exits_with_the_status_of_the_error(script: str, trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT_ROOT / script), "--model_folder"]
    good = subprocess.run([*command, str(trained)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    bad = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 3
    assert bad.stderr.startswith("error: there is no helloworld model here\n")
    assert "Traceback" not in bad.stderr

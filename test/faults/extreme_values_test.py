"""A cell of an export or of a batch file is extreme or no number: it is named, no model and no prediction holds it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from src.common.local_registry import LocalRegistry
from src.training.batchai.model_files import load_model
from test.faults.promises import NO_BAD_NUMBER
from test.faults.trained_plant import STEPS, run
from test.support.small_plant import SmallPlant

pytestmark = pytest.mark.fault(NO_BAD_NUMBER, sample=1)

# the largest number of IEEE 754 is 1.8e308; the square of what is above 1e154 is beyond it
VALUES = ["1e155", "-1e155", "1e200", "1e300", "1e308", "-1.7e308", "1e309", "inf", "-inf", "nan", "1e-320", "1e40"]
COLUMNS = ["temperature", "pressure", "purity", "yield"]
NOT_FINITE = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
MAY_BE_INFINITE = {"rmse.csv"}
"""The penalty of a product that has the mean is infinite there."""


def with_cell(plant: SmallPlant, column: str, value: str) -> str:
    """Write a value into a cell of a batch of 007. Returns the batch's id."""
    file = plant.root / "source" / "plant" / "batches.csv"
    header, *rows = (line.split(";") for line in file.read_text(encoding="cp1252").splitlines())
    row = next(row for row in rows[5:] if row[1] == "007")
    row[header.index(column)] = value.replace(".", ",")
    file.write_text("\n".join(map(";".join, [header, *rows])) + "\n", encoding="cp1252")
    return row[0]


def not_finite(root: Path) -> list[str]:
    """Where a table of results holds a number that is not finite."""
    return [
        f"{path.relative_to(root)}: {cell}"
        for path in root.rglob("*.csv")
        if path.name not in MAY_BE_INFINITE and path.name != "rejected.csv"
        for cell in {cell for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))) for cell in row}
        if NOT_FINITE.fullmatch(cell)
    ]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", VALUES)
def test_a_cell_of_the_export(
    column: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    plant = SmallPlant(tmp_path)
    for name, text in plant.variables.items():
        monkeypatch.setenv(name, text)
    plant.export(50)
    batch = with_cell(plant, column, value)
    codes = [run(step) for step in STEPS]
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "Warning" not in out + err
    assert not recwarn.list, "numpy warns"
    assert codes == [0] * len(STEPS), err
    for folder in ("prepared", "results", "outputs"):
        assert not_finite(tmp_path / folder) == []
    named = (tmp_path / "prepared" / "rejected.csv").read_text(encoding="utf-8")
    if value not in ("1e-320", "1e40"):
        assert f"{batch},batches.csv," in named
        assert f",{column}," in named
    registered = LocalRegistry(plant.registry).newest("batchai")
    assert registered is not None
    load_model(plant.registry / "batchai" / str(registered.version) / "model")


@pytest.mark.parametrize("value", VALUES)
def test_a_cell_of_a_batch_file(
    value: str,
    trained_plant: SmallPlant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in trained_plant.variables.items():
        monkeypatch.setenv(name, text)
    file = tmp_path / "new.csv"
    file.write_text(f"batch_id,location,product_id,pressure\nN1,plant,007,{value}\n", encoding="utf-8")
    code = run("infer", "--input", str(file), "--predictions_folder", str(tmp_path / "predictions"))
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "Warning" not in out + err
    if code == 0:
        assert not_finite(tmp_path / "predictions") == []
        rows = (tmp_path / "predictions" / "predictions.csv").read_text(encoding="utf-8")
        assert "pressure" in rows, "it is named as outside the range of training"
    else:
        assert code == 3
        assert "pressure" in err
        assert value in err

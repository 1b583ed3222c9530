"""A first description from files alone. The oracle: what people wrote for the same plants."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from src.common.errors import DataError
from src.common.settings import PROJECT_ROOT
from src.data_preparation.batchai import batchai_datapreparation, batchai_describe
from src.data_preparation.batchai.location_description import LocationDescription, read_description
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.inference.batchai import batchai_inference
from src.training.batchai import batchai_training

SAMPLE = PROJECT_ROOT / "sample_data" / "batchai"
PLANTS = Path(__file__).parents[2] / "resources" / "plants"


def described(source: Path, folder: Path) -> LocationDescription:
    """Describe the files of a plant, without what people wrote of them."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.yml"), copy_function=shutil.copy)
    assert batchai_describe.main([str(folder)]) == 0
    return read_description(folder / "location.yml", location=folder.name)


def test_the_pipeline_runs_on_what_was_guessed_of_three_real_plants(tmp_path: Path) -> None:
    for plant in ("concrete-lab", "food-lab", "pharma-plant"):
        guessed = described(SAMPLE / plant, tmp_path / "input" / plant)
        written = read_description(SAMPLE / plant / "location.yml", location=plant)
        assert (guessed.batch_id, guessed.product_id) == (written.batch_id, written.product_id)
        assert {target.column for target in guessed.targets} == {target.column for target in written.targets}
        assert guessed.repeated_rows == written.repeated_rows
    prepared = ["--prepared_folder", str(tmp_path / "prepared")]
    model = ["--model_folder", str(tmp_path / "model")]
    inputs = ["--input_url", str(tmp_path / "input"), "--inputs_folder", str(tmp_path / "inputs")]
    assert batchai_datapreparation.main([*inputs, *prepared]) == 0
    assert batchai_training.main([*prepared, *model, "--training_folder", str(tmp_path / "training")]) == 0
    assert batchai_inference.main([*prepared, *model, "--predictions_folder", str(tmp_path / "predictions")]) == 0
    assert len(PreparedFolder.open(tmp_path / "prepared").features("food-lab")) == 100


@pytest.mark.skipif("TEST_PLANTS" not in os.environ, reason="the plants' data is not shipped")
@pytest.mark.parametrize("plant", ["tablet-plant", "boxcrete-lab"])
def test_plants_that_are_not_shipped_are_prepared_as_guessed(plant: str, tmp_path: Path) -> None:
    described(Path(os.environ["TEST_PLANTS"]) / plant, tmp_path / "input" / plant)
    folders = ["--inputs_folder", str(tmp_path / "inputs"), "--prepared_folder", str(tmp_path / "prepared")]
    assert batchai_datapreparation.main(["--input_url", str(tmp_path / "input"), *folders]) == 0


def test_german_files_and_what_is_open_are_described(tmp_path: Path) -> None:
    found = described(PLANTS / "concrete-mixes", tmp_path / "mixes")
    (table,) = found.tables
    assert (table.delimiter, table.decimal, table.missing) == (";", ",", ("k.A.",))
    assert table.encoding in {"cp1252", "cp1250"}
    assert (found.batch_id, found.product_id) == ("Mischung", "Rezeptur")
    text = (tmp_path / "mixes" / "location.yml").read_text(encoding="utf-8")
    assert "# - mischungen.csv: 'k.A.' among numbers: does it mean that nothing was measured?" in text
    assert "the encoding cp125" in text


def test_lots_are_aggregated_and_named(tmp_path: Path) -> None:
    found = described(PLANTS / "pharma-batches", tmp_path / "pharma")
    assert found.tables[1].join_on == {"batch": "Batch"}
    assert [table.file for table in found.tables] == ["batches.csv", "lots.csv"]
    assert {name: how.rule for name, how in found.tables[1].aggregate.items()} == {"moisture": "mean", "kg": "mean"}
    assert found.order_by is not None
    assert (found.order_by.column, found.order_by.format) == ("released", "%Y-%m-%d %H:%M")
    text = (tmp_path / "pharma" / "location.yml").read_text(encoding="utf-8")
    assert "lots.csv has several rows for a batch: the mean is a guess" in text
    assert "texts that may be features, as categories: 'supplier'" in text


def test_limits_are_censored_values_and_named(tmp_path: Path) -> None:
    found = described(PLANTS / "food", tmp_path / "food")
    assert (found.censored, found.tables[0].missing) == ({"count": "limit"}, ())
    assert "what do limits such as <0.05 become in 'count'?" in (tmp_path / "food" / "location.yml").read_text()


def test_a_copy_of_the_result_is_no_feature(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    rows = [(f"B{n}", "P", n * 37 % 11, 80 + n * 7 % 13) for n in range(40)]
    table = pd.DataFrame(rows, columns=["batch", "product", "x", "yield"])
    table["second"] = (table["yield"] * 2 + table["x"] / 100).round(1)
    table["site"] = "north"
    table.to_csv(tmp_path / "source" / "a.csv", index=False)
    found = described(tmp_path / "source", tmp_path / "plant")
    assert found.features == ("x",)
    assert found.never_features == ("site", "second")
    text = (tmp_path / "plant" / "location.yml").read_text(encoding="utf-8")
    assert '"second"  # alone explains' in text


def test_what_is_there_stays_and_what_is_no_table_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        batchai_describe.main([str(tmp_path / "nowhere")])
    with pytest.raises(DataError, match="no file can be read as a table"):
        batchai_describe.main([str(tmp_path)])
    (tmp_path / "a.csv").write_text("b,x\n1\n")
    with pytest.raises(DataError, match="1 rows have another number of cells"):
        batchai_describe.main([str(tmp_path)])
    shutil.copytree(SAMPLE / "pharma-plant", tmp_path / "plant")
    before = (tmp_path / "plant" / "location.yml").read_bytes()
    with pytest.raises(DataError, match="there is a description already"):
        batchai_describe.main([str(tmp_path / "plant")])
    assert batchai_describe.main([str(tmp_path / "plant"), "--print"]) == 0
    assert 'batch_id: "batch"' in capsys.readouterr().out
    assert (tmp_path / "plant" / "location.yml").read_bytes() == before

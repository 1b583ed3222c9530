"""The two plants whose data is not shipped: 25 products of one factory, and concrete mixes of a laboratory.

Their descriptions are the project's own (`src/data_preparation/batchai/locations/`) and name the sources. The tests
skip where the data is not there.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from statistics import mean, median

import pytest

from src.data_preparation.batchai import batchai_datapreparation
from src.training.batchai import batchai_training

ROOT = Path(__file__).parents[3]
PLANTS = Path(os.environ.get("TEST_PLANTS", ROOT.parent / "shared" / "data"))

pytestmark = pytest.mark.skipif(
    not (PLANTS / "tablet-plant").is_dir() or not (PLANTS / "boxcrete-lab").is_dir(),
    reason="the plants' data is not shipped; TEST_PLANTS names the folder that holds tablet-plant and boxcrete-lab",
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plants")
    arguments = ["--inputs_folder", str(folder / "inputs"), "--prepared_folder", str(folder / "prepared")]
    assert batchai_datapreparation.main(["--input_url", str(PLANTS), *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def errors(prepared: Path) -> dict[tuple[str, str, str], tuple[float, float]]:
    """The error and that of the mean, by location, product and target, of what has coefficients of its own."""
    folders = ["--training_folder", str(prepared / "results"), "--model_folder", str(prepared / "model")]
    assert batchai_training.main(["--prepared_folder", str(prepared / "prepared"), *folders]) == 0
    with (prepared / "results" / "rmse.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if not row["not_trained"] and int(row["batches"]) >= 20]
    return {
        (row["location"], row["product_id"], row["target"]): (float(row["rmse"]), float(row["rmse_mean"]))
        for row in rows
    }


def test_every_batch_of_the_plants_is_accounted_for(prepared: Path) -> None:
    with (prepared / "prepared" / "groups.csv").open(encoding="utf-8", newline="") as stream:
        groups = list(csv.DictReader(stream))
    tablets = [row for row in groups if row["location"] == "tablet-plant"]
    assert len(tablets) == 25
    assert sum(int(row["batches"]) for row in tablets) == sum(int(row["kept"]) for row in tablets) == 1005
    with (prepared / "prepared" / "rejected.csv").open(encoding="utf-8", newline="") as stream:
        rejected = list(csv.DictReader(stream))
    assert [(row["batch_id"], row["column"], row["value"]) for row in rejected] == [
        ("M38", "Strength (Mean)", "0"),
        ("M54", "Strength (Mean)", "0"),
    ]


def test_results_copied_into_the_process_table_are_no_features(prepared: Path) -> None:
    (header,) = {
        path.read_text(encoding="utf-8").split("\n", maxsplit=1)[0]
        for path in (prepared / "prepared").glob("location=tablet-plant/*/data.csv")
    }
    features = header.split(",")[1:]
    assert len(features) == 66
    assert not [name for name in features if name.startswith(("Drug", "Residual", "Total", "Impurity", "dissolution"))]


def test_the_tablet_plant(errors: dict[tuple[str, str, str], tuple[float, float]]) -> None:
    ratios = [rmse / mean for (location, *_), (rmse, mean) in errors.items() if location == "tablet-plant"]
    assert len(ratios) == 63
    assert 0.80 < median(ratios) <= 0.905
    assert 0.80 < mean(ratios) <= 0.86
    assert max(ratios) < 1.09


def test_the_concrete_laboratory(errors: dict[tuple[str, str, str], tuple[float, float]]) -> None:
    skill = {product: 1 - rmse / mean for (_, product, target), (rmse, mean) in errors.items() if target == "strength"}
    assert 0.59 <= skill["Concrete"] < 0.8
    assert 0.55 <= skill["Mortar"] < 0.8

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai import batchai_datapreparation
from src.training.batchai import batchai_training
from src.training.batchai.intervals import forward_coverage, interval_radius
from src.training.batchai.out_of_fold import OutOfFold, read_out_of_fold

SAMPLE = Path(__file__).parents[3] / "sample_data" / "batchai"
NUMBERS = st.floats(-1e6, 1e6)


@pytest.fixture(scope="module")
def out_of_fold(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], OutOfFold]:
    root = tmp_path_factory.mktemp("coverage")
    prepared = ["--prepared_folder", str(root / "prepared")]
    batchai_datapreparation.main(["--input_url", str(SAMPLE), "--inputs_folder", str(root / "inputs"), *prepared])
    batchai_training.main([*prepared, "--training_folder", str(root / "r"), "--model_folder", str(root / "model")])
    return read_out_of_fold(root / "model")


def held_by_others(rows: OutOfFold, parts: int = 10) -> int:
    """How many rows lie in the interval that the residuals of other batches make: a tenth of the batches at a time."""
    residuals = rows.measured - rows.predicted
    batches = list(dict.fromkeys(rows.batch_ids.tolist()))
    part_of = {batch: place % parts for place, batch in enumerate(batches)}
    part = np.array([part_of[batch] for batch in rows.batch_ids.tolist()])
    held = 0
    for number in range(parts):
        mine = part == number
        others = len(batches) - sum(place == number for place in part_of.values())
        held += int(np.sum(np.abs(residuals[mine]) <= interval_radius(residuals[~mine], batches=others)))
    return held


def test_nine_of_ten_held_out_batches_lie_in_their_interval(
    out_of_fold: dict[tuple[str, str, str], OutOfFold],
) -> None:
    held = {key: held_by_others(rows) for key, rows in out_of_fold.items()}
    total = sum(len(rows.measured) for rows in out_of_fold.values())
    assert total > 1700
    assert 0.87 <= sum(held.values()) / total <= 0.93
    for key, rows in out_of_fold.items():
        assert 0.85 <= held[key] / len(rows.measured) <= 0.95, key


def test_the_correction_for_few_batches() -> None:
    residuals = np.array([3.0, -1.0, 2.0, -4.0, 5.0, 6.0, -7.0, 8.0, 9.0])
    assert interval_radius(residuals, batches=9) == 9  # the ninth of ten, and none is left out
    assert interval_radius(residuals[:8], batches=8) == math.inf  # eight can't promise nine in ten
    assert interval_radius(np.append(residuals, 10.0), batches=10) == 10
    assert interval_radius(np.array([float(number) for number in range(1, 20)]), batches=19) == 18
    assert interval_radius(residuals, batches=9, coverage=0.5) == 5
    assert interval_radius(np.empty(0), batches=0) == math.inf


@given(st.lists(NUMBERS, min_size=20, max_size=60), st.floats(0.1, 0.9))
def test_the_radius_holds_at_least_its_share_and_ignores_order(values: list[float], coverage: float) -> None:
    residuals = np.array(values)
    radius = interval_radius(residuals, batches=len(values), coverage=coverage)
    assert np.mean(np.abs(residuals) <= radius) >= coverage
    assert radius == interval_radius(residuals[::-1], batches=len(values), coverage=coverage)
    assert radius in np.abs(residuals)


@pytest.mark.parametrize("batches", [20, 50])
def test_a_new_batch_of_the_same_kind_is_held_as_often_as_promised(batches: int) -> None:
    draws = np.random.default_rng(7).standard_t(3, size=(4000, batches + 1))
    radii = np.array([interval_radius(line[:-1], batches=batches) for line in draws])
    assert 0.885 <= np.mean(np.abs(draws[:, -1]) <= radii) <= 0.97


def test_forward_coverage_counts_what_an_interval_held() -> None:
    assert forward_coverage(np.array([0.5, -1.0, 3.0, -0.1]), 1.0) == 0.75
    assert math.isnan(forward_coverage(np.empty(0), 1.0))

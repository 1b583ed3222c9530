from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from src.data_preparation.batchai import batchai_datapreparation
from src.training.batchai import batchai_training
from src.training.batchai.intervals import Predicted, Radius, fit_radii, forward_coverage, widening
from src.training.batchai.out_of_fold import OutOfFold, read_out_of_fold

SAMPLE = Path(__file__).parents[3] / "sample_data" / "batchai"
NUMBERS = st.integers(-1_000_000, 1_000_000).map(lambda number: number / 1000)


@pytest.fixture(scope="module")
def out_of_fold(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], OutOfFold]:
    root = tmp_path_factory.mktemp("coverage")
    prepared = ["--prepared_folder", str(root / "prepared")]
    batchai_datapreparation.main(["--input_url", str(SAMPLE), "--inputs_folder", str(root / "inputs"), *prepared])
    batchai_training.main([*prepared, "--training_folder", str(root / "r"), "--model_folder", str(root / "model")])
    return read_out_of_fold(root / "model")


def fit_radius(
    residuals: NDArray[np.float64],
    predicted: NDArray[np.float64],
    *,
    lowest: float,
    highest: float,
    batches: int,
    coverage: float = 0.9,
) -> Radius:
    """The radius of a single target."""
    ends = {"lowest": np.array([[lowest]]), "highest": np.array([[highest]])}
    rows = Predicted((predicted + residuals)[None, None], predicted[None, None], np.ones((1, len(residuals))))
    radii = fit_radii(rows, batches=np.array([batches]), coverage=coverage, **ends)
    return Radius(*(float(part[0, 0]) for part in radii))


def held_by_others(rows: OutOfFold, parts: int = 10) -> NDArray[np.bool_]:
    """Which rows lie in the interval that the residuals of other batches make: a tenth of the batches at a time."""
    residuals = rows.measured - rows.predicted
    ends = {"lowest": float(rows.measured.min()), "highest": float(rows.measured.max())}
    batches = list(dict.fromkeys(rows.batch_ids.tolist()))
    part_of = {batch: place % parts for place, batch in enumerate(batches)}
    part = np.array([part_of[batch] for batch in rows.batch_ids.tolist()])
    held = np.zeros(len(residuals), dtype=bool)
    for number in range(parts):
        mine = part == number
        others = len(batches) - sum(place == number for place in part_of.values())
        radius = fit_radius(residuals[~mine], rows.predicted[~mine], batches=others, **ends)
        held[mine] = np.abs(residuals[mine]) <= radius.at(rows.predicted[mine], **ends)
    return held


def test_nine_of_ten_held_out_batches_lie_in_their_interval(
    out_of_fold: dict[tuple[str, str, str], OutOfFold],
) -> None:
    held = {key: held_by_others(rows) for key, rows in out_of_fold.items()}
    every = np.concatenate(list(held.values()))
    assert len(every) > 1700
    assert 0.87 <= every.mean() <= 0.93
    for key, flags in held.items():
        assert 0.85 <= flags.mean() <= 0.95, key


def test_low_and_high_predictions_are_held_alike(out_of_fold: dict[tuple[str, str, str], OutOfFold]) -> None:
    thirds: list[list[NDArray[np.bool_]]] = [[], [], []]
    for rows in out_of_fold.values():
        held = held_by_others(rows)[np.argsort(rows.predicted, kind="stable")]
        for third, part in zip(thirds, np.array_split(held, 3), strict=True):
            third.append(part)
    for third in thirds:
        assert 0.87 <= np.concatenate(third).mean() <= 0.93


def constant(values: list[float], *, batches: int, coverage: float = 0.9) -> float:
    """The radius where all predictions are the same, so that no slope can be found."""
    residuals = np.array(values)
    predicted = np.full(len(values), 5.0)
    radius = fit_radius(residuals, predicted, lowest=0, highest=10, batches=batches, coverage=coverage)
    assert radius.at_lowest == radius.at_highest
    return radius.at_lowest


def test_the_correction_for_few_batches() -> None:
    residuals = [3.0, -1.0, 2.0, -4.0, 5.0, 6.0, -7.0, 8.0, 9.0]
    assert constant(residuals, batches=9) == pytest.approx(9)  # the ninth of ten, and none is left out
    assert constant(residuals[:8], batches=8) == math.inf  # eight can't promise nine in ten
    assert constant([*residuals, 10.0], batches=10) == pytest.approx(10)
    assert constant([float(number) for number in range(1, 20)], batches=19) == pytest.approx(18)
    assert constant(residuals, batches=9, coverage=0.5) == pytest.approx(5)
    assert constant([], batches=9) == math.inf
    assert constant([0.0] * 20, batches=20) == 0


def test_where_errors_grow_with_the_prediction_so_does_the_interval() -> None:
    rng = np.random.default_rng(3)
    predicted = rng.uniform(0, 10, 2000)
    residuals = rng.normal(0, 8 + predicted)
    radius = fit_radius(residuals, predicted, lowest=0, highest=10, batches=2000)
    assert radius.at_lowest == pytest.approx(8 * 1.645, rel=0.1)
    assert radius.at_highest == pytest.approx(18 * 1.645, rel=0.1)
    beyond = radius.at(np.array([-5.0, 0.0, 5.0, 10.0, 99.0]), lowest=0, highest=10)
    ends = (radius.at_lowest, radius.at_highest)
    assert beyond.tolist() == pytest.approx([ends[0], ends[0], sum(ends) / 2, ends[1], ends[1]])


def test_a_slope_by_chance_is_left_out() -> None:
    rng = np.random.default_rng(5)
    flat = [
        fit_radius(rng.normal(0, 1, 60), rng.uniform(0, 10, 60), lowest=0, highest=10, batches=60) for _ in range(200)
    ]
    assert np.mean([radius.at_lowest == radius.at_highest for radius in flat]) > 0.9


def test_rows_of_one_batch_do_not_make_a_slope_clear() -> None:
    rng = np.random.default_rng(11)
    predicted, residuals = np.repeat(rng.uniform(0, 10, 20), 30), np.repeat(rng.normal(0, 1, 20), 30)
    few, many = (
        fit_radius(residuals, predicted, lowest=0, highest=10, batches=batches) for batches in (20, len(residuals))
    )
    assert few.at_lowest == few.at_highest
    assert many.at_lowest != many.at_highest, "as 600 batches they would"


@given(st.lists(st.tuples(NUMBERS, st.floats(-1, 11)), min_size=20, max_size=60), st.floats(0.1, 0.9))
def test_the_intervals_hold_at_least_their_share(pairs: list[tuple[float, float]], coverage: float) -> None:
    residuals, predicted = np.array(pairs).T
    radius = fit_radius(residuals, predicted, lowest=0, highest=10, batches=len(pairs), coverage=coverage)
    radii = radius.at(predicted, lowest=0, highest=10)
    assert bool(np.all(radii >= 0))
    assert np.mean(np.abs(residuals) <= radii * (1 + 1e-12)) >= coverage


@pytest.mark.parametrize("batches", [20, 50])
def test_a_new_batch_of_the_same_kind_is_held_as_often_as_promised(batches: int) -> None:
    rng = np.random.default_rng(7)
    draws, predicted = rng.standard_t(3, size=(2000, batches + 1)), rng.uniform(0, 10, size=(2000, batches + 1))
    held = []
    for residuals, values in zip(draws, predicted, strict=True):
        radius = fit_radius(residuals[:-1], values[:-1], lowest=0, highest=10, batches=batches)
        held.append(abs(residuals[-1]) <= radius.at(values[-1:], lowest=0, highest=10)[0])
    assert 0.875 <= np.mean(held) <= 0.97


def test_forward_coverage_counts_what_intervals_held() -> None:
    residuals, predicted = np.array([0.5, -1.0, 3.0, -0.1, 99.0]), np.array([5.0, 5.0, 10.0, 0.0, 5.0])
    rows = Predicted((predicted + residuals)[None, None], predicted[None, None], np.array([[1.0, 1.0, 1.0, 1.0, 0.0]]))
    ends = {"lowest": np.array([[0.0]]), "highest": np.array([[10.0]])}
    assert forward_coverage(rows, (np.array([[0.2]]), np.array([[2.0]])), **ends) == 0.75  # 1.1 in the middle
    assert forward_coverage(rows, (np.array([[math.inf]]), np.array([[math.inf]])), **ends) == 1
    nothing = Predicted(np.empty((1, 1, 0)), np.empty((1, 1, 0)), np.empty((1, 0)))
    assert math.isnan(forward_coverage(nothing, (np.array([[0.2]]), np.array([[2.0]])), **ends)[0, 0])


def widened(residuals: NDArray[np.float64], *, batches_per_row: float = 1.0) -> float:
    """By how much an interval of ± 1.645 is widened after these residuals: 90 % of a standard normal one."""
    ends = np.full((1, 1), 1.6449)
    rows = Predicted(residuals[None, None], np.zeros((1, 1, len(residuals))), np.ones((1, len(residuals))))
    found = widening(rows, (ends, ends), lowest=-ends, highest=ends, batches_per_row=np.asarray([batches_per_row]))
    return float(found[0, 0])


def test_intervals_that_hold_as_promised_are_hardly_widened() -> None:
    """A stable process: the factor wanders about 1 and is not below it."""
    random = np.random.default_rng(2)
    factors = [widened(random.standard_normal(40)) for _ in range(500)]
    assert min(factors) >= 1
    assert np.median(factors) < 1.15
    assert np.quantile(factors, 0.9) < 1.35


@pytest.mark.parametrize("spread", [1.5, 2.0, 3.0])
def test_intervals_are_widened_as_far_as_errors_have_grown(spread: float) -> None:
    """The quantile that is tracked is the one at 90 %, which grows by the same factor."""
    random = np.random.default_rng(3)
    factors = [widened(spread * random.standard_normal(200)) for _ in range(200)]
    assert np.mean(factors) == pytest.approx(spread, rel=0.15)


def test_ten_misses_in_a_row_more_than_double_an_interval() -> None:
    """Each adds 0.1 · (1 - 0.1) to the logarithm (Gibbs & Candès' step): exp(0.9) = 2.46."""
    assert widened(np.full(10, 100.0)) == pytest.approx(np.exp(0.9))
    assert widened(np.full(50, 100.0), batches_per_row=0.2) == pytest.approx(np.exp(0.9))


def test_without_later_batches_nothing_is_widened() -> None:
    assert widened(np.empty(0)) == 1

"""The uncertainty of a difference of skills, against resampling and the distributions of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from src.evaluation.paired_errors import errors_by_batch, influences, lowest_difference, rms


def ratio(batches: NDArray[np.int64], errors: NDArray[np.float64], mean: NDArray[np.float64], left_out: int) -> float:
    """The root mean square of errors relative to that of the mean, without a batch."""
    kept = batches != left_out
    return float(np.sqrt(np.mean(errors[kept] ** 2)) / np.sqrt(np.mean(mean[kept] ** 2)))


def test_the_variance_is_that_of_leaving_out_a_batch_at_a_time() -> None:
    """The jackknife: Efron & Tibshirani, An Introduction to the Bootstrap (1993), section 11.5."""
    chance = np.random.default_rng(0)
    batches = np.repeat(np.arange(120), chance.integers(1, 4, size=120))
    shared = chance.normal(size=120)[batches]  # the rows of a batch err together
    errors, mean = shared + chance.normal(size=len(batches)), 1.5 * chance.normal(size=len(batches))
    without = np.array([ratio(batches, errors, mean, batch) for batch in range(120)])
    jackknife = 119 / 120 * float(((without - without.mean()) ** 2).sum())
    ids = batches.astype(str).astype(object)
    by_batch = influences(*(errors_by_batch(ids, part, 0.0) for part in (errors, mean)))
    assert sum(by_batch.values()) == pytest.approx(0, abs=1e-12)
    assert sum(value**2 for value in by_batch.values()) * 120 / 119 == pytest.approx(jackknife, rel=0.05)


def test_the_lower_end_is_that_of_a_t_interval() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, size=12)
    depends = dict(zip("abcdefghijkl", (values - values.mean()) / 12, strict=True))
    expected = stats.ttest_1samp(values, 0.0, alternative="greater").confidence_interval(0.9).low
    assert lowest_difference(values.mean(), [(values.mean(), depends)], confidence=0.9) == pytest.approx(expected)


def test_a_single_batch_shows_nothing() -> None:
    assert lowest_difference(0.5, [(0.5, {"B1": 0.0})], confidence=0.9) < 0
    assert lowest_difference(0.5, [(0.5, {})], confidence=0.9) == 0.5


def test_rows_of_a_batch_are_added_up_and_the_error_is_that_of_rows() -> None:
    errors = errors_by_batch(np.array(["A", "B", "A"], dtype=object), np.array([1.0, 2.0, 3.0]), 0.0)
    assert errors == {"A": (10.0, 2), "B": (4.0, 1)}
    assert rms(errors) == pytest.approx((14 / 3) ** 0.5)

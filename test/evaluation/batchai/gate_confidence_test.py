"""Negative controls: models of which it is known that they are no better. The rates stand in docs/evaluation.md."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.gate_confidence import CASES


def passed(case: str, *, runs: int) -> int:
    """How often the gate called the challenger better."""
    return sum(CASES[case](np.random.default_rng(seed)).better for seed in range(runs))


@pytest.mark.parametrize(
    "case",
    [
        "equal: the very same",
        "worse: permuted targets",
        "worse: noise alone",
        "worse: a product is lost",
        "worse: lacks the weak feature",
    ],
)
def test_what_is_clearly_no_better_never_passes(case: str) -> None:
    assert passed(case, runs=5) == 0


@pytest.mark.parametrize("case", ["equal: another feature of noise", "no better: a new product of noise"])
def test_a_coin_flip_passes_no_more_often_than_is_said(case: str) -> None:
    assert passed(case, runs=30) <= stats.binom.ppf(0.98, 30, 0.1)


def test_what_is_clearly_better_passes() -> None:
    assert passed("better: the weak feature is new", runs=10) >= 8

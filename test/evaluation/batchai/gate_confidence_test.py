"""Negative controls: models of which it is known that they are no better. The rates stand in docs/evaluation.md."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.gate_confidence import CASES, CHAMPION, MARGIN, RULES, expected_as_fresh, passes_as_fresh
from src.evaluation.gate import Rule, decide

BETTER, FRESH = RULES


def passed(case: str, *, runs: int, rule: Rule = BETTER) -> int:
    """How often the gate let the challenger pass."""
    return sum(decide(CASES[case](np.random.default_rng(seed)), CHAMPION, rule=rule).better for seed in range(runs))


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


@pytest.mark.parametrize("case", ["equal: the very same", "worse: permuted targets", "worse: a product is lost"])
def test_nothing_is_fresh_without_newer_batches(case: str) -> None:
    assert passed(case, runs=3, rule=FRESH) == 0


@pytest.mark.parametrize("correlation", [0.9, 0.99])
def test_a_model_that_is_worse_by_the_margin_is_fresh_as_often_as_is_said(correlation: float) -> None:
    """One in ten: that is the level of the test, whatever the errors are."""
    assert expected_as_fresh(worse=MARGIN, correlation=correlation) == pytest.approx(0.1)
    found = passes_as_fresh(np.random.default_rng(1), 1000, worse=MARGIN, correlation=correlation)
    assert found <= stats.binom.ppf(0.999, 1000, 0.1) / 1000 + 0.02  # ratios of 60 squares are not quite normal


def test_an_equal_model_is_fresh_as_often_as_theory_expects() -> None:
    """Mean squares of normal errors follow chi-squared distributions, so the power can be computed by hand."""
    found = passes_as_fresh(np.random.default_rng(1), 1000, worse=0.0, correlation=0.99)
    assert found == pytest.approx(0.82, abs=0.06)


def test_a_process_that_drifts_calls_for_the_newer_model() -> None:
    case = "drifting by 4, the same method"
    assert passed(case, runs=5) == 5
    assert passed(case, runs=5, rule=FRESH) == 5

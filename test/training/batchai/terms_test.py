"""Curves are the natural cubic splines that scipy computes; a model with curves and pairs is the sum that it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from src.training.batchai.terms import Curve, Pair
from test.support.models import small_model

HEIGHTS = st.lists(st.floats(-100, 100), min_size=2, max_size=9)


def curve(knots: NDArray[np.float64], values: NDArray[np.float64], feature: int = 0) -> Curve:
    return Curve(feature, knots, values, np.zeros(len(knots)))


@given(HEIGHTS)
def test_a_curve_is_the_natural_spline(heights: list[float]) -> None:
    chance = np.random.default_rng(len(heights))
    knots = np.cumsum(chance.uniform(0.1, 5, len(heights)))
    made = curve(knots, np.array(heights))
    inside = np.linspace(knots[0], knots[-1], 57)
    expected = CubicSpline(knots, heights, bc_type="natural")(inside)
    np.testing.assert_allclose(made.at(inside), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(made.at(knots), heights, rtol=1e-12, atol=1e-12)


def test_a_curve_is_straight_beyond_its_knots() -> None:
    knots, values = np.array([0.0, 1.0, 3.0, 4.0]), np.array([0.0, 2.0, -1.0, 0.5])
    spline = CubicSpline(knots, values, bc_type="natural")
    made = curve(knots, values)
    assert made.at(np.array([-2.0]))[0] == pytest.approx(float(spline(0) - 2 * spline(0, 1)))
    assert made.at(np.array([7.0]))[0] == pytest.approx(float(spline(4) + 3 * spline(4, 1)))


def test_a_model_adds_its_curves_and_pairs() -> None:
    """By hand: 90 + 0.5 t − 2 p, 4 more at t = 10 and 0 at 5 and 20, and 0.1 (t − 12)(p − 1.5)."""
    bump = curve(np.array([5.0, 10.0, 20.0]), np.array([0.0, 4.0, 0.0]))
    plain = small_model().locations["plant"].groups["007"].targets["purity"]
    model = replace(plain, curves=(bump,), pairs=(Pair(0, 1, 0.1, 0.0),))
    rows = np.array([[10.0, 1.0], [5.0, 3.0], [12.0, 1.5], [np.nan, np.nan], [10.0, 99.0]])
    predicted = model.predict_unlimited(rows)
    np.testing.assert_allclose(predicted[:2], [90 + 5 - 2 + 4 + 0.1 * -2 * -0.5, 90 + 2.5 - 6 + 0.1 * -7 * 1.5])
    assert predicted[2] == predicted[3] == pytest.approx(model.mean_prediction)
    assert predicted[4] == pytest.approx(90 + 5 - 3 + 4)  # an implausible pressure counts as its mean
    parts = model.contributions(rows)
    np.testing.assert_allclose(model.mean_prediction + parts.sum(axis=1), predicted)
    assert parts[0, 1] == pytest.approx(-2 * -0.5 + 0.1 * -2 * -0.5 / 2)
    np.testing.assert_array_equal(parts[2:4], np.zeros((2, 2)))


def test_a_prediction_does_not_depend_on_the_rows_beside_it() -> None:
    chance = np.random.default_rng(3)
    bump = curve(np.array([5.0, 10.0, 20.0]), np.array([0.0, 4.0, 0.0]))
    model = replace(
        small_model().locations["plant"].groups["007"].targets["purity"], curves=(bump,), pairs=(Pair(0, 1, 0.1, 0.0),)
    )
    rows = np.column_stack([chance.uniform(0, 25, 40), chance.uniform(-1, 4, 40)])
    alone = [float(model.predict(row[None])[0]) for row in rows]
    np.testing.assert_array_equal(model.predict(rows), alone)

"""The basis of curves against scipy's splines and the quantiles of the published rule."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from src.training.batchai.ridge.bases import KNOTS, PLACES, cubes, find_knots, transform

AT = np.array([0.0, 0.7, 1.0, 2.5, 4.0])


def test_columns_are_natural_cubic_splines() -> None:
    columns = transform(AT)
    inside = np.linspace(AT[0], AT[-1], 301)
    at_knots, found = (cubes(values, AT).T @ columns for values in (AT, inside))
    expected = CubicSpline(AT, at_knots, bc_type="natural")(inside)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("beyond", [np.linspace(-5, 0, 20), np.linspace(4, 9, 20)], ids=["below", "above"])
def test_columns_are_straight_beyond_the_outer_knots(beyond: NDArray[np.float64]) -> None:
    columns = cubes(beyond, AT).T @ transform(AT)
    np.testing.assert_allclose(np.diff(columns, 2, axis=0), 0, atol=1e-11)


def test_columns_have_unit_curvature_and_none_in_common() -> None:
    """The integral of products of second derivatives, which are straight between the knots: Simpson's rule is exact."""
    columns = transform(AT)
    spline = CubicSpline(AT, cubes(AT, AT).T @ columns, bc_type="natural")
    curvature = np.zeros((KNOTS - 2, KNOTS - 2))
    for start, end in pairwise(AT):
        for place, weight in ((start, 1), ((start + end) / 2, 4), (end, 1)):
            curvature += (end - start) / 6 * weight * np.outer(spline(place, 2), spline(place, 2))
    np.testing.assert_allclose(curvature, np.eye(KNOTS - 2), atol=1e-10)


def test_knots_are_harrells_quantiles_of_the_rows_of_each_set() -> None:
    chance = np.random.default_rng(0)
    values, taken = chance.normal(size=(60, 2)), chance.random((3, 60)) < 0.8
    values[3, 0] = np.nan
    knots, curved = find_knots(values, taken)
    assert curved.all()
    for one, rows in enumerate(taken):
        np.testing.assert_allclose(knots[one].T, np.nanquantile(values[rows], PLACES, axis=0), rtol=1e-14)


def test_knots_of_values_that_repeat_are_quantiles_of_the_distinct_ones() -> None:
    values = np.r_[np.zeros(40), 1, 2, 3, 4, 5, 6][:, None]
    knots, curved = find_knots(values, np.ones((1, 46), dtype=bool))
    assert curved.all()
    np.testing.assert_allclose(knots[0, 0], np.quantile(np.arange(7), PLACES))


@pytest.mark.parametrize("values", [np.tile([0.0, 1.0], 30), np.full(60, 2.0), np.tile([1.0, 2, 3, 4], 15)])
def test_indicators_constants_and_a_few_levels_have_no_curve(values: NDArray[np.float64]) -> None:
    assert not find_knots(values[:, None], np.ones((1, 60), dtype=bool))[1].any()

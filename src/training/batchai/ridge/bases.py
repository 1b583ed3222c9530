"""The basis of curves: natural cubic splines whose columns have unit curvature and are independent of each other.

A natural cubic spline with knots ``k₁ < … < k_K`` is a straight line plus, with ``(x)₊ = max(x, 0)``,

    Σᵢ aᵢ (dᵢ(x) - d_{K-1}(x)),  i = 1 … K-2,    dᵢ(x) = ((x - kᵢ)₊³ - (x - k_K)₊³) / (k_K - kᵢ)

(Hastie, Tibshirani & Friedman, *The Elements of Statistical Learning*, 2nd ed. (2009), equation 5.4). Its curvature is
``∫ f″² = g'Rg`` with ``g`` the second derivatives at the inner knots and ``R`` tridiagonal, ``(hⱼ₋₁ + hⱼ) / 3`` beside
``hⱼ / 6`` for widths ``h`` (Green & Silverman, *Nonparametric Regression and Generalized Linear Models* (1994), section
2.1). With ``R = LL'`` the columns are those of ``g = L'⁻¹c``: so ``c'c`` is the curvature, and a normal prior on `c` is
the smoothing penalty as a variance component (Wood, *Generalized Additive Models*, 2nd ed. (2017), chapter 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KNOTS = 5
PLACES = (0.05, 0.275, 0.5, 0.725, 0.95)
"""The quantiles at which knots lie: Harrell, *Regression Modeling Strategies*, 2nd ed. (2015), table 2.3."""
APART = 1e-4
"""Knots are at least this share of the range between the outer ones apart; else there is no curve."""


def find_knots(values: NDArray[np.float64], taken: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The knots of each feature in each set: quantiles of its values or, where these coincide, of its distinct values.

    Args:
        values: Shape (rows, features), NaN where missing.
        taken: Shape (sets, rows): which rows are in each set.

    Returns:
        Shape (sets, features, knots), and (sets, features): whether there are as many distinct values as knots, and
        these lie apart.
    """
    import numpy as np

    several = np.sort(np.where(taken[:, :, None], values, np.nan).transpose(0, 2, 1), axis=2)
    knots = _quantiles(several)
    new = np.diff(several, axis=2, prepend=-np.inf) > 0
    distinct = new.sum(axis=2)
    for place in zip(*np.nonzero((distinct >= KNOTS) & ~_are_apart(knots)), strict=True):
        knots[place] = _quantiles(several[place][new[place]][None, None])[0, 0]
    curved = (distinct >= KNOTS) & _are_apart(knots)
    return np.where(curved[:, :, None], knots, np.arange(KNOTS)), curved


def _quantiles(several: NDArray[np.float64]) -> NDArray[np.float64]:
    """At `PLACES`, of sorted values with NaN at their end. From (sets, features, rows) to (sets, features, knots)."""
    import numpy as np

    place = np.maximum((~np.isnan(several)).sum(axis=2) - 1, 0)[:, :, None] * np.asarray(PLACES)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, several.shape[2] - 1)
    low, high = (np.take_along_axis(several, at, axis=2) for at in (below, above))
    quantiles: NDArray[np.float64] = np.where(place > below, low + (high - low) * (place - below), low)
    return quantiles


def _are_apart(knots: NDArray[np.float64]) -> NDArray[np.bool_]:
    import numpy as np

    apart: NDArray[np.bool_] = np.diff(knots, axis=2).min(axis=2) > APART * (knots[:, :, -1] - knots[:, :, 0])
    return apart


def cubes(values: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(x - k)₊³``: values of shape (..., rows) and knots of shape (..., knots). Returns shape (..., knots, rows)."""
    import numpy as np

    beyond = values[..., None, :] - knots[..., None]
    np.maximum(beyond, 0, out=beyond)
    cubed: NDArray[np.float64] = beyond * beyond
    cubed *= beyond
    return cubed


def transform(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """What turns `cubes` into the basis' columns: from (..., knots) to (..., knots, knots - 2)."""
    import numpy as np

    last, inner = knots.shape[-1] - 1, knots.shape[-1] - 2
    per_width = 1 / (knots[..., -1:] - knots[..., :-1])
    powers = np.zeros((*knots.shape, inner))
    powers[..., range(inner), range(inner)] = per_width[..., :inner]
    powers[..., inner, :] = -per_width[..., inner:]
    powers[..., last, :] = per_width[..., inner:] - per_width[..., :inner]
    bends = 6 * np.maximum(knots[..., 1:-1, None] - knots[..., None, :], 0) @ powers
    widths = np.diff(knots)
    curvature = np.zeros_like(bends)
    curvature[..., range(inner), range(inner)] = (widths[..., :-1] + widths[..., 1:]) / 3
    beside = widths[..., 1:-1] / 6
    curvature[..., range(inner - 1), range(1, inner)] = beside
    curvature[..., range(1, inner), range(inner - 1)] = beside
    factor = np.swapaxes(np.linalg.cholesky(curvature), -1, -2)
    return powers @ np.linalg.inv(factor @ bends)

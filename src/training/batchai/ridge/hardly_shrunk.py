"""Estimates for intervals: those of the averaged models are shrunk, and would pull the intervals with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from src.training.batchai.ridge.families import OWN_TERMS, Family
from src.training.batchai.ridge.training_sets import TrainingSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def estimate_widely(
    every: Sequence[TrainingSets],
    families: Sequence[Family],
    sums: Sequence[NDArray[np.float64]],
    weights: NDArray[np.float64],
    *,
    given: NDArray[np.float64],
    freedom: NDArray[np.float64],
    first: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the first set of each problem, `Averaged.wide` and `Averaged.knot_errors`; the problems are the first axis.

    Where there are further columns, a family that leaves out some of them has its weight where nothing is borrowed in
    these; else the one that uses all has it. The errors of curves are those of the latter: what the data can't tell
    apart is no less unknown where the evidence is for a line.
    """
    import numpy as np

    further = every[0].further
    alike = 1 if further is None else len(every[0].column_scales(OWN_TERMS))
    effects = range(0, len(families), alike)
    shapes = (len(first), 3, every[0].width, weights.shape[-1]), (len(first), *every[0].knots, weights.shape[-1])
    wide, errors = (np.zeros(shape) for shape in shapes)
    every_variance = None if further is None else np.einsum("csrpt,csrpt->st", weights[:, first], _some(sums, first))
    for start in effects:
        part = weights[start : start + alike, first].sum(axis=0)
        mass = part.sum(axis=(1, 2))
        if every_variance is None:
            variance = (part * sums[start][first]).sum(axis=(1, 2)) / np.maximum(mass, np.finfo(np.float64).tiny)
        else:
            variance = every_variance
        variance = variance[:, None] / np.maximum(freedom[first][:, None, None], 1)
        *less, whole = families[start : start + alike]
        estimates, at_knots = _hardly_shrunk(every, whole, variance, freedom[first], first)
        errors += mass[:, None, None] * at_knots
        for family, weight in zip(less, weights[start:, first].sum(axis=(2, 3)), strict=False):
            borrowed = given[first][:, family.scale == 0].any(axis=1)
            own = np.where(borrowed, 0, weight)
            wide += own[:, None, None] * _hardly_shrunk(every, family, variance, freedom[first], first)[0]
            mass = mass - own
        wide += mass[:, None, None] * estimates
    return wide, errors


def _some(sums: Sequence[NDArray[np.float64]], first: NDArray[np.int64]) -> NDArray[np.float64]:
    import numpy as np

    return np.stack([part[first] for part in sums])


def _hardly_shrunk(
    every: Sequence[TrainingSets],
    family: Family,
    variance: NDArray[np.float64],
    freedom: NDArray[np.float64],
    first: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimates of some sets for intervals: shrinkage would pull them, and the intervals with them, toward zero.

    Their prior says no more than that one standard deviation of a feature moves the target by about one at the most:
    ``β ~ N(0, 1)``, so ``α = σ²``. With few collinear features this is least squares; where the rows don't tell two
    features apart, the standard error says so, and is never infinite.

    Returns:
        Shape (some, 3, columns, targets): as `Averaged.wide`; and (some, curves, knots, targets): errors of curves.
    """
    import numpy as np

    found, free = family.found, freedom[:, None, None]
    squares, directions = found.squares[first][:, :, None], found.directions[first]
    shrink = 1 / np.maximum(squares + variance, np.finfo(np.float64).tiny)
    estimate = directions @ (found.cross[first] * shrink)
    shown = np.square(directions)
    spread = variance * (shown @ shrink) + np.maximum(1 - shown.sum(axis=2), 0)[:, :, None]
    used = (squares * shrink).sum(axis=1)[:, None]
    freedoms = np.broadcast_to(np.maximum(free - used, 1), estimate.shape)
    wide = np.stack([estimate, np.sqrt(spread), freedoms], axis=1)
    if family.scale is None:
        return wide, np.zeros((len(first), *every[0].knots, estimate.shape[2]))
    return _of_all_columns(wide, family.scale), _errors_at_knots(every, family.scale, directions, variance * shrink)


def _of_all_columns(wide: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the columns of a family to all, in their own units; those that are left out are 0 ± 0."""
    import numpy as np

    used = scale > 0
    found = np.zeros((*wide.shape[:2], len(scale), wide.shape[3]))
    found[:, :2, used] = wide[:, :2] * scale[used][:, None]
    found[:, 2] = wide[:, 2, :1]
    return found


def _errors_at_knots(
    every: Sequence[TrainingSets],
    scale: NDArray[np.float64],
    directions: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The standard errors of curves: shape (some, curves, knots, targets).

    Args:
        every: The training sets of each problem.
        scale: Shape (columns,): of the family.
        directions: Shape (some, used columns, directions).
        spread: Shape (some, directions, targets): the variance of each direction.
    """
    import numpy as np

    at_knots = np.stack([one.further.at_knots for one in every if one.further is not None])
    some, curves, _, columns = at_knots.shape
    start = every[0].scale.shape[1]
    place = slice(start, start + curves * columns)
    every_direction = np.zeros((some, len(scale), directions.shape[2]))
    every_direction[:, scale > 0] = directions * scale[scale > 0][:, None]
    shown = np.square(at_knots @ every_direction[:, place].reshape(some, curves, columns, directions.shape[2]))
    prior = np.square(at_knots * scale[place].reshape(curves, 1, columns)).sum(axis=3)
    not_shown = np.maximum(prior - shown.sum(axis=3), 0)[:, :, :, None]
    errors: NDArray[np.float64] = np.sqrt(shown @ spread[:, None] + not_shown)
    return errors

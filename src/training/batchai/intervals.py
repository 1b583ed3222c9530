"""Prediction intervals from out-of-fold residuals: conformal prediction.

The interval of a prediction is ``prediction ± radius``. The radius is a width that is linear in the prediction (errors
often grow with what is predicted), times the quantile of ``|residual| / width`` over the out-of-fold residuals at the
level ``coverage · (1 + 1/batches)``. The share above `coverage` is the correction for few batches: the new batch is one
more draw, and may lie anywhere among those that were seen (Vovk, Gammerman & Shafer, *Algorithmic Learning in a Random
World*, Springer (2005), chapter 2; Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, *J. American Statistical Association*
113 (2018) 1094-1111, section 2, and 5.2 for the width). Rows of one batch are not independent, so batches are counted,
not rows (Dunn, Wasserman & Ramdas, *J. American Statistical Association* 118 (2023) 2491-2502, treat such groups).

The residuals come from the folds and the prediction from the fit on all batches, so this is the cross-validated form
of the jackknife in Barber, Candès, Ramdas & Tibshirani, *Annals of Statistics* 49 (2021) 486-507, not its CV+, which
would need the model of every fold at the plant. CV+ promises ``1 - 2 · (1 - coverage)`` for any data; this form
promises `coverage` when leaving a fold out moves the predictions little. It was measured, and so was the choice of
absolute residuals and of the width (see docs/inference.md).

All of this needs batches to come that are like those seen. `forward_coverage` says how far they were; where later
batches left the intervals too often, the intervals are widened until they would have held them (see `widening`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""At which the residuals of a model are kept."""
COVERAGE = 0.9
"""The share of batches whose measured value lies in the interval."""
CLEAR = 2.0
"""The width follows the prediction where its slope is more standard errors than this from zero."""
NARROWEST = 0.5
"""The width is nowhere less than this share of the mean absolute residual."""
FEW = 10
"""With fewer batches no slope is looked for."""
STEP = 0.1
"""By how much an interval that missed a batch is widened, as a logarithm; one that held gives a ninth of it back. Ten
misses in a row double it."""
NARROWEST_TRACKED = 0.2
"""Intervals that hold everything are thought no narrower than this."""
ROUNDING = 1e-9
"""A rank that is a whole number but for rounding is that number."""


@dataclass(frozen=True)
class Radius:
    """Half the width of the interval around a prediction, in the unit of the target.

    It is linear in the prediction between the lowest and the highest value measured in training, and constant beyond.

    Attributes:
        at_lowest: At the lowest value; infinite, like the other, where so few batches can't promise any.
        at_highest: At the highest.
    """

    at_lowest: float = math.inf
    at_highest: float = math.inf

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.at_lowest)

    def at(self, predicted: NDArray[np.float64], *, lowest: float, highest: float) -> NDArray[np.float64]:
        """The radius at each prediction; the shape of `predicted`."""
        import numpy as np

        if not self.known:
            return np.full(predicted.shape, math.inf)
        return self.at_lowest + (self.at_highest - self.at_lowest) * _share(predicted, lowest, highest)


@dataclass(frozen=True)
class Predicted:
    """What was predicted for the rows of some problems without their batches, beside what was measured.

    Attributes:
        measured: Shape (problems, targets, rows).
        predicted: Shape (problems, targets, rows).
        taken: Shape (problems, rows): 1 where there is a row, 0 where a problem has fewer; there nothing counts.
    """

    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    taken: NDArray[np.float64]

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Shape (problems, targets, rows): measured minus predicted, 0 where there is no row."""
        import numpy as np

        return np.where(self.taken[:, None] > 0, self.measured - self.predicted, 0)

    @property
    def counts(self) -> NDArray[np.float64]:
        """Shape (problems,): how many rows there are."""
        counts: NDArray[np.float64] = self.taken.sum(axis=1)
        return counts


def fit_radii(
    rows: Predicted,
    *,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    batches: NDArray[np.int64],
    coverage: float = COVERAGE,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find how wide intervals have to be.

    Args:
        rows: The out-of-fold predictions.
        lowest: Shape (problems, targets): the lowest value that was measured.
        highest: Shape (problems, targets): the highest.
        batches: Shape (problems,): how many batches the rows belong to.
        coverage: The share of new batches that the interval should hold.

    Returns:
        The radius at the lowest and at the highest value, as in `Radius`. Two of the shape (problems, targets).
    """
    import numpy as np

    count = rows.counts
    rank = np.maximum(np.ceil(coverage * (1 + 1 / batches) * count - ROUNDING), 1)
    sizes = np.abs(rows.residuals)
    share = _share(rows.predicted, lowest[:, :, None], highest[:, :, None])
    start, end = _width_at_ends(sizes, share, rows.taken, batches)
    widths = start[:, :, None] + (end - start)[:, :, None] * share
    scores = np.divide(sizes, widths, out=np.zeros_like(sizes), where=widths > 0)
    scores = np.sort(np.where(rows.taken[:, None] > 0, scores, np.inf), axis=2)
    place = np.minimum(rank, max(1, scores.shape[2])).astype(np.int64) - 1
    quantile = np.take_along_axis(scores, place[:, None, None], axis=2)[:, :, 0] if scores.shape[2] else np.inf
    known = (rank <= count)[:, None]
    quantile = np.where(known, quantile, 0)
    return np.where(known, quantile * start, np.inf), np.where(known, quantile * end, np.inf)


def _share(
    predicted: NDArray[np.float64], lowest: NDArray[np.float64] | float, highest: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Where predictions lie between the lowest and the highest measured value, from 0 to 1."""
    import numpy as np

    width = np.asarray(highest) - lowest
    share: NDArray[np.float64] = np.clip((predicted - lowest) / np.where(width > 0, width, np.inf), 0, 1)
    return share


def _width_at_ends(
    sizes: NDArray[np.float64], share: NDArray[np.float64], taken: NDArray[np.float64], batches: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The usual size of a residual at both ends: least squares over `share`, or the mean where no slope is clear.

    Args:
        sizes: Shape (problems, targets, rows): how large residuals are.
        share: Shape (problems, targets, rows): where the predictions lie.
        taken: Shape (problems, rows): see `Predicted`.
        batches: Shape (problems,): how many batches the rows belong to.

    Returns:
        Two of the shape (problems, targets).
    """
    import numpy as np

    some = taken[:, None]
    count = np.maximum(taken.sum(axis=1), 1)[:, None]
    mean = sizes.sum(axis=2) / count
    middle = (share * some).sum(axis=2) / count
    centred = (share - middle[:, :, None]) * some
    spread = np.square(centred).sum(axis=2)
    spread = np.where(spread > ROUNDING * count, spread, np.inf)
    slope = (centred * sizes).sum(axis=2) / spread
    left = (sizes - mean[:, :, None]) * some - slope[:, :, None] * centred
    # the rows of a batch err alike, so that there are as many independent ones as batches
    error = np.sqrt(np.square(left).sum(axis=2) / np.maximum(batches - 2, 1)[:, None] / spread)
    clear = (np.abs(slope) > CLEAR * error) & (batches >= FEW)[:, None]
    slope = np.where(clear, slope, 0)
    start = np.where(clear, np.maximum(mean - slope * middle, NARROWEST * mean), mean)
    return start, np.where(clear, np.maximum(mean + slope * (1 - middle), NARROWEST * mean), mean)


def forward_coverage(
    rows: Predicted,
    radii: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The share of later batches, predicted from earlier ones only, that an interval would have held.

    Args:
        rows: The predictions from earlier batches.
        radii: As `fit_radii` returned them.
        lowest: Shape (problems, targets): the lowest value that was measured.
        highest: Shape (problems, targets): the highest.

    Returns:
        Shape (problems, targets); NaN where there are no such predictions, 1 where the interval holds everything.
    """
    import numpy as np

    share = _share(rows.predicted, lowest[:, :, None], highest[:, :, None])
    start, end = (np.minimum(part, np.finfo(np.float64).max)[:, :, None] for part in radii)
    held = (np.abs(rows.residuals) <= start + (end - start) * share) & (rows.taken[:, None] > 0)
    count = rows.counts[:, None]
    return np.where(count > 0, held.sum(axis=2) / np.maximum(count, 1), math.nan)


def widening(
    rows: Predicted,
    radii: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    batches_per_row: NDArray[np.float64],
    coverage: float = COVERAGE,
) -> NDArray[np.float64]:
    """By how much intervals have to be wider for batches to come: by how they did on later batches in order of time.

    The width follows its errors: an interval that missed makes the next one wider, one that held makes it a little
    narrower, so that in the long run `coverage` of them hold whatever the process does (Gibbs & Candès, Advances in
    Neural Information Processing Systems 34 (2021); the width itself is tracked as in Angelopoulos, Candès &
    Tibshirani, 36 (2023)). Where nothing drifts the factor stays near 1; it is never below.

    Args:
        rows: The predictions from earlier batches, oldest first.
        radii: As `fit_radii` returned them.
        lowest: Shape (problems, targets): the lowest value that was measured.
        highest: Shape (problems, targets): the highest.
        batches_per_row: Shape (problems,): 1 where each batch has one row; the rows of a batch count as one.
        coverage: The share of new batches that the interval should hold.

    Returns:
        Shape (problems, targets).
    """
    import numpy as np

    share = _share(rows.predicted, lowest[:, :, None], highest[:, :, None])
    start, end = (np.minimum(part, np.finfo(np.float64).max)[:, :, None] for part in radii)
    sizes = np.abs(rows.residuals)
    widths = start + (end - start) * share
    step = STEP * batches_per_row[:, None]
    factor = np.zeros(lowest.shape)
    for place in range(sizes.shape[2]):
        missed = sizes[:, :, place] > np.exp(factor) * widths[:, :, place]
        moved = np.maximum(factor + step * (missed - (1 - coverage)), np.log(NARROWEST_TRACKED))
        factor = np.where(rows.taken[:, None, place] > 0, moved, factor)
    found: NDArray[np.float64] = np.exp(np.maximum(factor, 0))
    return found

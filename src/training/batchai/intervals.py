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

All of this needs batches to come that are like those seen. `forward_coverage` says how far they were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COVERAGE = 0.9
"""The share of batches whose measured value lies in the interval."""
CLEAR = 2.0
"""The width follows the prediction where its slope is more standard errors than this from zero."""
NARROWEST = 0.5
"""The width is nowhere less than this share of the mean absolute residual."""
FEW = 10
"""With fewer batches no slope is looked for."""
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


def fit_radii(
    residuals: NDArray[np.float64],
    predicted: NDArray[np.float64],
    *,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    batches: int,
    coverage: float = COVERAGE,
) -> list[Radius]:
    """Find how wide the intervals of some targets have to be.

    Args:
        residuals: Shape (rows, targets): measured minus predicted, out of fold.
        predicted: Shape (rows, targets).
        lowest: Shape (targets,): the lowest value that was measured.
        highest: Shape (targets,): the highest.
        batches: How many batches the rows belong to.
        coverage: The share of new batches that the interval should hold.

    Returns:
        The radius of each target.
    """
    import numpy as np

    rows, targets = residuals.shape
    rank = math.ceil(coverage * (1 + 1 / batches) * rows - ROUNDING) if rows else 1
    if rank > rows:
        return [Radius()] * targets
    sizes = np.abs(residuals)
    share = _share(predicted, lowest, highest)
    start, end = _width_at_ends(sizes, share, batches)
    widths = start + (end - start) * share
    scores = np.divide(sizes, widths, out=np.zeros_like(sizes), where=widths > 0)
    quantile = np.partition(scores, rank - 1, axis=0)[rank - 1]
    return [Radius(*ends) for ends in zip((quantile * start).tolist(), (quantile * end).tolist(), strict=True)]


def _share(
    predicted: NDArray[np.float64], lowest: NDArray[np.float64] | float, highest: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Where predictions lie between the lowest and the highest measured value, from 0 to 1."""
    import numpy as np

    width = np.asarray(highest) - lowest
    share: NDArray[np.float64] = np.clip((predicted - lowest) / np.where(width > 0, width, np.inf), 0, 1)
    return share


def _width_at_ends(
    sizes: NDArray[np.float64], share: NDArray[np.float64], batches: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The usual size of a residual at both ends: least squares over `share`, or the mean where no slope is clear.

    Args:
        sizes: Shape (rows, targets): how large residuals are.
        share: Shape (rows, targets): where the predictions lie.
        batches: How many batches the rows belong to.

    Returns:
        Two of the shape (targets,).
    """
    import numpy as np

    mean = sizes.mean(axis=0)
    if batches < FEW:
        return mean, mean
    middle = share.mean(axis=0)
    centred = share - middle
    spread = np.square(centred).sum(axis=0)
    spread = np.where(spread > ROUNDING * len(share), spread, np.inf)
    slope = (centred * sizes).sum(axis=0) / spread
    left = sizes - mean - slope * centred
    # the rows of a batch err alike, so that there are as many independent ones as batches
    error = np.sqrt(np.square(left).sum(axis=0) / (batches - 2) / spread)
    slope = np.where(np.abs(slope) > CLEAR * error, slope, 0)
    start = np.maximum(mean - slope * middle, NARROWEST * mean)
    return start, np.maximum(mean + slope * (1 - middle), NARROWEST * mean)


def forward_coverage(residuals: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of later batches, predicted from earlier ones only, that an interval would have held.

    Args:
        residuals: Shape (rows, targets): measured minus predicted from earlier batches.
        radii: Shape (rows, targets): half the widths of their intervals.

    Returns:
        Shape (targets,); NaN where there are no such predictions.
    """
    import numpy as np

    if not len(residuals):
        return np.full(residuals.shape[1:], math.nan)
    return np.asarray(np.mean(np.abs(residuals) <= radii, axis=0))

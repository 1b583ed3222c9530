"""Prediction intervals from out-of-fold residuals: conformal prediction.

The interval of a prediction is ``prediction ± radius``: the radius is the quantile of the absolute out-of-fold
residuals at the level ``coverage · (1 + 1/batches)``. The share above `coverage` is the correction for few batches:
the new batch is one more draw, and may lie anywhere among those that were seen (Vovk, Gammerman & Shafer, *Algorithmic
Learning in a Random World*, Springer (2005), chapter 2; Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, *J. American
Statistical Association* 113 (2018) 1094-1111, section 2). Rows of one batch are not independent, so batches are
counted, not rows (Dunn, Wasserman & Ramdas, *J. American Statistical Association* 118 (2023) 2491-2502, treat such
groups).

The residuals come from the folds and the prediction from the fit on all batches, so this is the cross-validated form
of the jackknife in Barber, Candès, Ramdas & Tibshirani, *Annals of Statistics* 49 (2021) 486-507, not its CV+, which
would need the model of every fold at the plant. CV+ promises ``1 - 2 · (1 - coverage)`` for any data; this form
promises `coverage` when leaving a fold out moves the predictions little. It was measured (see docs/inference.md), and
so was the choice of absolute residuals: signed ones cover the same and are wider.

All of this needs batches to come that are like those seen. `forward_coverage` says how far they were.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COVERAGE = 0.9
"""The share of batches whose measured value lies in the interval."""
ROUNDING = 1e-9
"""A rank that is a whole number but for rounding is that number."""


def interval_radius(residuals: NDArray[np.float64], *, batches: int, coverage: float = COVERAGE) -> float:
    """Half the width of the interval around a prediction.

    Args:
        residuals: Shape (rows,): measured minus predicted, out of fold.
        batches: How many batches they belong to.
        coverage: The share of new batches that the interval should hold.

    Returns:
        The radius in the unit of the target; infinite where so few batches can't promise any.
    """
    import numpy as np

    rows = len(residuals)
    if not rows:
        return math.inf
    rank = math.ceil(coverage * (1 + 1 / batches) * rows - ROUNDING)
    if rank > rows:
        return math.inf
    return float(np.partition(np.abs(residuals), rank - 1)[rank - 1])


def forward_coverage(residuals: NDArray[np.float64], radius: float) -> float:
    """The share of later batches, predicted from earlier ones only, that an interval would have held.

    Args:
        residuals: Shape (rows,): measured minus predicted from earlier batches.
        radius: Half the width of the interval.

    Returns:
        The share; NaN where there are no such predictions.
    """
    import numpy as np

    return float(np.mean(np.abs(residuals) <= radius)) if len(residuals) else math.nan

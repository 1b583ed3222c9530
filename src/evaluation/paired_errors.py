"""The errors of two models on the same batches, and how sure their difference is.

What is compared are ratios of root mean squares, sums over batches. How much such a ratio depends on each batch is its
first derivative (linearisation; Cochran, *Sampling Techniques*, Wiley (1977), section 6.4); the sum of the squares of
these is the variance of the ratio. Errors of the rows and targets of one batch move together, so they are added up by
batch first: the variance holds whatever they share (Liang & Zeger, *Biometrika* 73 (1986) 13-22). Both models err on
the same batches, and what they share there cancels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BatchErrors = Mapping[str, tuple[float, int]]
"""The sum of squared errors of each batch, and its number of rows."""


def errors_by_batch(
    batch_ids: NDArray[np.object_], measured: NDArray[np.float64], predicted: NDArray[np.float64] | float
) -> BatchErrors:
    """The errors of predictions, all of the shape (rows,); infinite where they are too large for a number."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        squares = (measured - predicted) ** 2
    found: dict[str, tuple[float, int]] = {}
    for batch, error in zip(batch_ids.tolist(), squares.tolist(), strict=True):
        total, rows = found.get(batch, (0.0, 0))
        found[batch] = (total + error, rows + 1)
    return found


def only(errors: BatchErrors, batches: Collection[str]) -> BatchErrors:
    """The errors of some batches, in their order."""
    return {batch: part for batch, part in errors.items() if batch in batches}


def rms(errors: BatchErrors) -> float:
    """The root of the mean square over the rows."""
    total, rows = _totals(errors)
    root: float = (total / rows) ** 0.5
    return root


def influences(errors: BatchErrors, mean: BatchErrors) -> dict[str, float]:
    """How much ``rms(errors) / rms(mean)`` depends on each batch; they add up to zero."""
    total, rows = _totals(errors)
    total_mean, rows_mean = _totals(mean)
    found: defaultdict[str, float] = defaultdict(float)
    if not total or not total_mean:
        return found
    half = rms(errors) / rms(mean) / 2
    for batch, (error, number) in errors.items():
        found[batch] += half * (error / total - number / rows)
    for batch, (error, number) in mean.items():
        found[batch] -= half * (error / total_mean - number / rows_mean)
    return found


def _totals(errors: BatchErrors) -> tuple[float, int]:
    return sum(error for error, _ in errors.values()), sum(rows for _, rows in errors.values())


def lowest_difference(
    difference: float, parts: Sequence[tuple[float, Mapping[str, float]]], *, confidence: float
) -> float:
    """What a difference that is a sum of parts is at the least, with a confidence.

    Args:
        difference: The sum.
        parts: Of each part that is independent of the others its share of the sum, and how much that depends on each
            batch.
        confidence: The share of cases in which the true difference is no less, by Student's distribution.
    """
    from scipy.special import stdtrit

    variance, freedom = 0.0, 0
    for share, by_batch in parts:
        batches = len(by_batch)
        if batches == 1:  # its own share is all that is known of how much it varies
            variance += share**2
        elif batches:
            variance += sum(value**2 for value in by_batch.values()) * batches / (batches - 1)
            freedom += batches - 1
    quantile = float(stdtrit(max(1, freedom), confidence))
    return difference - quantile * math.sqrt(variance)

"""Cross-products of many problems at once: everything that ridge regression needs to know of the rows.

The rows of each problem are centred and scaled once, so that nothing cancels, and its cross-products are accumulated
per fold in one pass: ``WᵀW`` of ``W = [1, features, targets]`` holds the count, the sums and all products. The
cross-products of any training set are then sums and differences of small matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PADDING = 16
"""Segments are padded to a multiple of so many rows. The padded size depends on the problem alone, so that its sums,
to the last bit, don't depend on what is computed beside it."""


@dataclass(frozen=True)
class Segments:
    """The standardised rows of problems, parted into segments (folds, or blocks of time).

    Attributes:
        rows: Shape (problems, segments, padded rows, 1 + features + targets): a column of ones, standardised features,
            standardised targets; zeros where a segment has fewer rows.
        places: Shape (all rows,): where each row stands among ``problems · segments · padded rows``.
        products: Shape (problems, segments, 1 + features + targets, the same): `WᵀW` of each segment.
        low: Shape (problems, segments, features + targets): the smallest value, infinite in an empty segment.
        high: Shape (problems, segments, features + targets): the largest.
    """

    rows: NDArray[np.float64]
    places: NDArray[np.int64]
    products: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Stack:
    """Problems with the same number of targets, standardised.

    Attributes:
        center: Shape (problems, features): the mean of each feature.
        scale: Shape (problems, features): its standard deviation; 1 for a constant one.
        target_center: Shape (problems, targets).
        target_scale: Shape (problems, targets).
        standardised: Shape (all rows, 1 + features + targets).
        starts: Shape (problems + 1,): the rows of each problem.
        features: How many features there are.
    """

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    target_center: NDArray[np.float64]
    target_scale: NDArray[np.float64]
    standardised: NDArray[np.float64]
    starts: NDArray[np.int64]
    features: int

    def segments(self, labels: NDArray[np.int64], count: int) -> Segments:
        """Part the rows by label and accumulate each segment's cross-products.

        Args:
            labels: Shape (all rows,): the segment of each row within its problem, from 0.
            count: How many segments a problem has.
        """
        import numpy as np

        problems = len(self.center)
        width = self.standardised.shape[1]
        segment = np.repeat(np.arange(problems), np.diff(self.starts)) * count + labels
        sizes = np.bincount(segment, minlength=problems * count)
        padded = padded_rows(sizes.max())
        order = np.argsort(segment, kind="stable")
        within = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        places = np.empty(len(order), dtype=np.int64)
        places[order] = segment[order] * padded + within
        flat = np.zeros((problems * count * padded, width))
        flat[places] = self.standardised
        rows = flat.reshape(problems, count, padded, width)
        products = np.matmul(rows.transpose(0, 1, 3, 2), rows)
        low, high = self._extremes(order, sizes)
        return Segments(rows, places, products, low.reshape(problems, count, -1), high.reshape(problems, count, -1))

    def _extremes(
        self, order: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The smallest and largest value of each column in each segment. Shapes (problems · segments, columns)."""
        import numpy as np

        filled = np.flatnonzero(sizes)
        first = (np.cumsum(sizes) - sizes)[filled]
        values = self.standardised[order, 1:]
        low = np.full((len(sizes), values.shape[1]), np.inf)
        high = np.full((len(sizes), values.shape[1]), -np.inf)
        low[filled] = np.minimum.reduceat(values, first, axis=0)
        high[filled] = np.maximum.reduceat(values, first, axis=0)
        return low, high


def padded_rows(rows: int) -> int:
    """How many rows a segment of so many is padded to."""
    return -(-int(rows) // PADDING) * PADDING


def stack(problems: Sequence[Problem]) -> Stack:
    """Standardise the rows of problems that have the same numbers of features and targets, and no gaps."""
    import numpy as np

    lengths = np.asarray([len(problem.values) for problem in problems])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    features = problems[0].features.shape[1]
    width = 1 + features + problems[0].values.shape[1]
    whole = np.empty((starts[-1], width))
    whole[:, 0] = 1
    np.concatenate([problem.features for problem in problems], out=whole[:, 1 : 1 + features])
    np.concatenate([problem.values for problem in problems], out=whole[:, 1 + features :])
    values = whole[:, 1:]
    center = np.zeros((len(problems), width - 1))
    for _ in range(2):  # the second pass takes out what rounding left in the mean of numbers far from zero
        shift = np.add.reduceat(values, starts[:-1], axis=0) / lengths[:, None]
        values -= np.repeat(shift, lengths, axis=0)
        center += shift
    variance = np.add.reduceat(values**2, starts[:-1], axis=0) / lengths[:, None]
    tiny = np.finfo(np.float64).eps * np.maximum(np.abs(center), np.finfo(np.float64).tiny)
    scale = np.sqrt(variance)
    constant = scale <= 4 * tiny
    scale[constant] = 1
    values /= np.repeat(scale, lengths, axis=0)
    values *= ~np.repeat(constant, lengths, axis=0)
    return Stack(
        center=center[:, :features],
        scale=scale[:, :features],
        target_center=center[:, features:],
        target_scale=scale[:, features:],
        standardised=whole,
        starts=starts,
        features=features,
    )

"""Cross-products of many problems at once: everything that ridge regression needs to know of the rows.

The rows of each problem are centred and scaled once, so that nothing cancels, and its cross-products are accumulated
per fold in one pass: ``WWᵀ`` of ``W = [1; features; targets]`` holds the count, the sums and all products. The
cross-products of any training set are then sums and differences of small matrices.

Columns lie one after the other (a column's rows are next to each other in memory), because all that is done with rows
is done column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.ridge.problems import Problem

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
        columns: Shape (problems, 1 + features + targets, segments, padded rows): ones, standardised features,
            standardised targets; zeros where a segment has fewer rows.
        places: Shape (all rows,): where each row stands among ``problems · segments · padded rows``.
        products: Shape (problems, segments, 1 + features + targets, the same): `WWᵀ` of each segment.
        low: Shape (problems, segments, features + targets): the smallest value, infinite in an empty segment.
        high: Shape (problems, segments, features + targets): the largest.
    """

    columns: NDArray[np.float64]
    places: NDArray[np.int64]
    products: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Slots:
    """Where the rows of problems stand when they are parted into segments.

    Attributes:
        places: Shape (all rows,): the slot of each row.
        sources: Shape (problems · segments · padded rows,): the row in each slot; where a segment has fewer rows, its
            first one again, where it has none, any row of the problem.
        taken: Shape (problems, segments · padded rows): 1 where there is a row, 0 where not.
        empty: Shape (problems, segments): whether a segment has no rows.
    """

    places: NDArray[np.int64]
    sources: NDArray[np.int64]
    taken: NDArray[np.float64]
    empty: NDArray[np.bool_]

    @classmethod
    def of(cls, labels: Sequence[NDArray[np.int64]], count: int) -> Slots:
        """Part rows by label.

        Args:
            labels: For each problem, shape (rows,): the segment of each row, from 0.
            count: How many segments a problem has.
        """
        import numpy as np

        problems = len(labels)
        lengths = np.asarray([len(part) for part in labels])
        segment = np.concatenate(labels) + np.repeat(np.arange(problems) * count, lengths)
        sizes = np.bincount(segment, minlength=problems * count)
        padded = padded_rows(sizes.max())
        order = np.argsort(segment, kind="stable")
        starts = np.cumsum(sizes) - sizes
        slots = np.arange(len(order)) + np.repeat(np.arange(problems * count) * padded - starts, sizes)
        places = np.empty_like(order)
        places[order] = slots
        first = np.where(sizes > 0, starts, np.repeat(np.cumsum(lengths) - lengths, count))
        sources = np.repeat(order[first], padded)
        sources[slots] = order
        taken = np.zeros(problems * count * padded)
        taken[slots] = 1
        return cls(places, sources, taken.reshape(problems, -1), sizes.reshape(problems, count) == 0)


@dataclass(frozen=True)
class Stack:
    """Problems with the same numbers of features, targets and folds, standardised.

    Attributes:
        center: Shape (problems, features): the mean of each feature.
        scale: Shape (problems, features): its standard deviation; 1 for a constant one.
        target_center: Shape (problems, targets).
        target_scale: Shape (problems, targets).
        lowest: Shape (problems, features + targets): the smallest value of each, in original units.
        highest: Shape (problems, features + targets): the largest.
        measured: Shape (problems, targets, folds · padded rows): the targets in their slots, in their own units.
        taken: Shape (problems, folds · padded rows): 1 where there is a row, 0 where not.
        starts: Shape (problems + 1,): the rows of each problem.
        features: How many features there are.
        folds: The rows, parted into folds.
    """

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    target_center: NDArray[np.float64]
    target_scale: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    measured: NDArray[np.float64]
    taken: NDArray[np.float64]
    starts: NDArray[np.int64]
    features: int
    folds: Segments

    def segments(
        self, labels: Sequence[NDArray[np.int64]], count: int
    ) -> tuple[Segments, NDArray[np.float64], NDArray[np.float64]]:
        """Part the standardised rows in another way.

        Args:
            labels: For each problem, shape (rows,): the segment of each row, from 0.
            count: How many segments a problem has.

        Returns:
            The segments, and what was measured and whether there is a row, of the shapes (problems, targets, segments,
            padded rows) and (problems, segments, padded rows).
        """
        import numpy as np

        problems, width = self.folds.columns.shape[:2]
        slots = Slots.of(labels, count)
        flat = self.folds.columns.reshape(problems, width, -1)
        # the place of each row within its problem, as the folds have it
        lengths = np.diff(self.starts)
        inside = self.folds.places - np.repeat(np.arange(problems) * flat.shape[2], lengths)
        sources = inside[slots.sources].reshape(problems, 1, -1)
        measured = np.take_along_axis(self.measured, sources, axis=2)
        parted = _segments(np.take_along_axis(flat, sources, axis=2), slots, count)
        return (
            parted,
            measured.reshape(problems, -1, count, parted.columns.shape[3]),
            slots.taken.reshape(problems, count, -1),
        )


def padded_rows(rows: int) -> int:
    """How many rows a segment of so many is padded to."""
    return -(-int(rows) // PADDING) * PADDING


def stack(problems: Sequence[Problem]) -> Stack:
    """Standardise the rows of problems that have the same numbers of features, targets and folds, and no gaps."""
    import numpy as np

    features, targets = problems[0].features.shape[1], problems[0].values.shape[1]
    lengths = np.asarray([len(problem.values) for problem in problems])
    count = int(problems[0].folds.max()) + 1
    slots = Slots.of([problem.folds for problem in problems], count)
    whole = np.empty((lengths.sum(), features + targets))
    np.concatenate([problem.features for problem in problems], out=whole[:, :features])
    np.concatenate([problem.values for problem in problems], out=whole[:, features:])
    columns = np.empty((len(problems), 1 + features + targets, slots.taken.shape[1]))
    values = columns[:, 1:]
    values[...] = whole[slots.sources].reshape(len(problems), -1, features + targets).transpose(0, 2, 1)
    lowest, highest = values.min(axis=2), values.max(axis=2)
    measured = values[:, features:].copy()
    taken = slots.taken[:, :, None]
    center = np.zeros((len(problems), features + targets))
    for _ in range(2):  # the second pass takes out what rounding left in the mean of numbers far from zero
        shift = np.matmul(values, taken)[:, :, 0] / lengths[:, None]
        values -= shift[:, :, None]
        center += shift
    scale = np.sqrt(np.matmul(np.square(values), taken)[:, :, 0] / lengths[:, None])
    constant = scale <= 4 * np.finfo(np.float64).eps * np.maximum(np.abs(center), np.finfo(np.float64).tiny)
    scale[constant] = 1
    values *= (~constant / scale)[:, :, None]
    return Stack(
        center=center[:, :features],
        scale=scale[:, :features],
        target_center=center[:, features:],
        target_scale=scale[:, features:],
        lowest=lowest,
        highest=highest,
        measured=measured,
        taken=slots.taken,
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        features=features,
        folds=_segments(columns, slots, count),
    )


def _segments(columns: NDArray[np.float64], slots: Slots, count: int) -> Segments:
    """Accumulate each segment's cross-products.

    Args:
        columns: Shape (problems, 1 + features + targets, slots of a problem): the values in their slots. They are
            changed: the first column becomes ones, and slots without a row become zero.
        slots: The slots.
        count: How many segments a problem has.
    """
    import numpy as np

    problems, width = columns.shape[:2]
    columns[:, 0] = 1
    parted = columns.reshape(problems, width, count, -1)
    low, high = parted[:, 1:].min(axis=3), parted[:, 1:].max(axis=3)
    columns *= slots.taken[:, None]
    by_segment = parted.transpose(0, 2, 1, 3)
    low, high = low.transpose(0, 2, 1), high.transpose(0, 2, 1)
    if slots.empty.any():
        low, high = np.where(slots.empty[:, :, None], np.inf, low), np.where(slots.empty[:, :, None], -np.inf, high)
    return Segments(parted, slots.places, by_segment @ by_segment.transpose(0, 1, 3, 2), low, high)

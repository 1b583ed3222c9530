"""The training sets of a problem: all rows, all but a fold, what was there at a time. Each knows nothing of the rest.

A training set fills missing values, centres and scales by its own rows. Repeated rows of a batch have an effect in
common, so they tell less than as many batches: with its variance ``θσ²`` beside the ``σ²`` of a row, a batch of `m`
rows is made independent by subtracting ``(1 - 1/√(1 + θm))`` times its mean (quasi-demeaning; Fuller & Battese, Journal
of the American Statistical Association 68 (1973) 626-632).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from src.training.batchai.ridge.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONSTANT = 1e-7
"""A feature that varies in a training set by less than this share of its deviation in all rows is constant in it."""


@dataclass(frozen=True)
class Whitened:
    """The rows of training sets as independent ones about a common level.

    Attributes:
        columns: Shape (sets, rows, features + targets).
        level: Shape (sets, features + targets): the level of each column, beside its plain mean.
        log_determinant: Shape (sets,): what the batch effect and the level add to the log-likelihood.
    """

    columns: NDArray[np.float64]
    level: NDArray[np.float64]
    log_determinant: NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSets:
    """Standardised rows of training sets of one problem.

    Attributes:
        taken: Shape (sets, rows): 1 where a row is in the set.
        batch: Shape (rows,): the number of each row's batch.
        columns: Shape (sets, rows, features + targets): standardised; 0 where a row is not taken or a value is missing.
        fill: Shape (sets, features): the means, in original units like all that follows.
        scale: Shape (sets, features): the standard deviations; infinite for a constant feature.
        minimum: Shape (sets, features).
        maximum: Shape (sets, features).
        mean: Shape (sets, targets).
        unit: Shape (sets, targets): the standard deviations; 1 for a constant target.
        lowest: Shape (sets, targets).
        highest: Shape (sets, targets).
    """

    taken: NDArray[np.float64]
    batch: NDArray[np.int64]
    columns: NDArray[np.float64]
    fill: NDArray[np.float64]
    scale: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    unit: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]

    @property
    def rows(self) -> NDArray[np.float64]:
        """Shape (sets,): how many rows each has."""
        rows: NDArray[np.float64] = self.taken.sum(axis=1)
        return rows

    @property
    def has_repeats(self) -> bool:
        """Whether a batch has several rows."""
        return int(self.batch.max()) + 1 < len(self.batch)

    def some(self, count: int) -> TrainingSets:
        """The first of the sets."""
        parts = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "batch"}
        return replace(self, **{name: part[:count] for name, part in parts.items()})

    def whiten(self, ratio: float) -> Whitened:
        """Make the rows independent, for a ratio of the batch effect's variance to that of a row."""
        import numpy as np

        if not ratio:
            nothing = np.zeros((len(self.columns), self.columns.shape[2]))
            return Whitened(self.columns, nothing, -0.5 * np.log(self.rows))
        columns = np.concatenate([self.columns, self.taken[:, :, None]], axis=2)
        sums = self.sum_batches(columns)
        size = np.bincount(self.batch)
        share = (1 - 1 / np.sqrt(1 + ratio * size)) / size
        columns -= (share[:, None] * sums)[:, self.batch]
        ones = columns[:, :, -1:]
        weight = np.square(ones).sum(axis=1)
        level = (ones * columns[:, :, :-1]).sum(axis=1) / weight
        there = sums[:, :, -1] > 0
        log_determinant = -0.5 * ((there * np.log1p(ratio * size)).sum(axis=1) + np.log(weight[:, 0]))
        return Whitened(columns[:, :, :-1] - ones * level[:, None], level, log_determinant)

    def sum_batches(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum the rows of each batch: from (sets, rows, columns) to (sets, batches, columns)."""
        import numpy as np

        if not self.has_repeats:
            return columns
        order = np.argsort(self.batch, kind="stable")
        starts = np.searchsorted(self.batch[order], np.arange(self.batch.max() + 1))
        sums: NDArray[np.float64] = np.add.reduceat(columns[:, order], starts, axis=1)
        return sums


def training_sets(problem: Problem, taken: Sequence[NDArray[np.bool_]]) -> TrainingSets:
    """Make training sets of a problem.

    Args:
        problem: The problem.
        taken: For each set, which rows are in it: shape (rows,), at least one.
    """
    import numpy as np

    masks = np.stack(taken)
    weights = masks.astype(np.float64)
    features = problem.features.shape[1]
    center, deviation, whole, present = _standardised(np.concatenate([problem.features, problem.values], axis=1))
    rows = weights.sum(axis=1)[:, None]
    count = rows if present is None else np.maximum(weights @ present, 1)
    mean = (weights @ whole) / count
    # missing values are filled with the mean, so they add nothing to the sum of squares about it
    spread = np.sqrt(np.maximum(weights @ np.square(whole) - np.square(mean) * count, 0) / rows)
    varies = spread > CONSTANT
    per_spread = np.divide(1, spread, where=varies, out=np.zeros_like(spread))
    columns = whole - mean[:, None]
    columns *= per_spread[:, None]
    columns *= weights[:, :, None] if present is None else weights[:, :, None] * present
    low, high = _ranges(whole if present is None else np.where(present, whole, np.nan), masks)
    spread = np.where(varies, spread, np.inf) * deviation
    mean, low, high = (center + part * deviation for part in (mean, low, high))
    unit = spread[:, features:]
    return TrainingSets(
        taken=weights,
        batch=problem.batch,
        columns=columns,
        fill=mean[:, :features],
        scale=spread[:, :features],
        minimum=low[:, :features],
        maximum=high[:, :features],
        mean=mean[:, features:],
        unit=np.where(np.isinf(unit), 1, unit),
        lowest=low[:, features:],
        highest=high[:, features:],
    )


def _ranges(values: NDArray[np.float64], masks: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The smallest and the largest value of each column in each set, 0 where all are missing. Shape (sets, columns)."""
    import numpy as np

    kind = np.packbits(masks, axis=0)  # rows that are in the same sets are looked through once
    order = np.lexsort(kind)
    starts = np.flatnonzero(np.concatenate([[True], np.any(kind[:, order[1:]] != kind[:, order[:-1]], axis=0)]))
    inside = masks[:, order[starts], None]
    ends = []
    for smaller, worst in ((np.fmin, np.inf), (np.fmax, -np.inf)):
        parts = smaller.reduceat(values[order], starts, axis=0)
        end = smaller.reduce(np.where(inside, parts, worst), axis=1)
        ends.append(np.where(np.isfinite(end), end, 0))
    return ends[0], ends[1]


def _standardised(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_] | None]:
    """Take means off and divide by deviations, so that nothing cancels later.

    Returns:
        Mean and deviation (1 where constant) of each column; the columns, 0 where a value is missing; and which are
        there, None if all are.
    """
    import numpy as np

    missing = np.isnan(values)
    present = ~missing if missing.any() else None
    count = len(values) if present is None else np.maximum(present.sum(axis=0), 1)
    mean, rest = np.zeros(values.shape[1]), values if present is None else np.where(present, values, 0)
    for _ in range(2):  # the second time takes out what rounding left in the mean of numbers far from zero
        part = rest.sum(axis=0) / count
        rest = rest - part if present is None else np.where(present, rest - part, 0)
        mean += part
    deviation = np.sqrt(np.square(rest).sum(axis=0) / count)
    constant = deviation <= 4 * np.finfo(np.float64).eps * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
    deviation[constant] = 1
    rest *= ~constant / deviation
    return mean, deviation, rest, present

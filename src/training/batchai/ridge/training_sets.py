"""The training sets of a problem: all rows, all but a fold, what was there at a time. Each knows nothing of the rest.

A training set fills missing values, centres and scales by its own rows. Repeated rows of a batch have an effect in
common, so they tell less than as many batches: with its variance ``θσ²`` beside the ``σ²`` of a row, a batch of `m`
rows is made independent by subtracting ``(1 - 1/√(1 + θm))`` times its mean (quasi-demeaning; Fuller & Battese, Journal
of the American Statistical Association 68 (1973) 626-632).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from src.training.batchai.ridge.cells import Cells
from src.training.batchai.ridge.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONSTANT = 1e-7
"""A feature that varies in a training set by less than this share of its deviation in all rows is constant in it."""
WIDE = 0.5
"""Cross-products are sums of those of rows that are in the same sets, where every column varies in every training set
by more than this share of its deviation in all rows: what its mean takes off then costs about a digit."""


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
class Further:
    """Columns of training sets beside the features: curves, then products of two features (see `expansion`).

    Attributes:
        columns: Shape (sets, rows, columns); about their means, 0 where a row is not taken.
        at_knots: Shape (curves, knots, columns of a curve): of the first set, what each column adds at the knots.
        log_prior: What having pairs adds to the log-likelihood.
    """

    columns: NDArray[np.float64]
    at_knots: NDArray[np.float64]
    log_prior: float


@dataclass(frozen=True)
class TrainingSets:
    """Standardised rows of training sets of one problem.

    Attributes:
        taken: Shape (sets, rows): 1 where a row is in the set.
        batch: Shape (rows,): the number of each row's batch.
        whole: Shape (rows, features + targets): standardised by all rows of the problem, 0 where a value is missing.
        present: The same shape: which values are there; None if all are.
        shift: Shape (sets, features + targets): the means of `whole`.
        per_spread: The same shape: one over its standard deviations, 0 for a constant column.
        summed: Shape (sets, features + targets, features + targets): cross-products of `columns`; None where these
            have to be made from the rows.
        fill: Shape (sets, features): the means, in original units like all that follows.
        scale: Shape (sets, features): the standard deviations; infinite for a constant feature.
        minimum: Shape (sets, features).
        maximum: Shape (sets, features).
        mean: Shape (sets, targets).
        unit: Shape (sets, targets): the standard deviations; 1 for a constant target.
        lowest: Shape (sets, targets).
        highest: Shape (sets, targets).
        further: Columns beside the features; None in a linear model.
    """

    taken: NDArray[np.float64]
    batch: NDArray[np.int64]
    whole: NDArray[np.float64]
    present: NDArray[np.bool_] | None
    shift: NDArray[np.float64]
    per_spread: NDArray[np.float64]
    summed: NDArray[np.float64] | None
    fill: NDArray[np.float64]
    scale: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    unit: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    further: Further | None = None

    @property
    def width(self) -> int:
        """How many columns there are beside the targets."""
        return self.scale.shape[1] + (0 if self.further is None else self.further.columns.shape[2])

    @property
    def per_scale(self) -> NDArray[np.float64]:
        """Shape (sets, features): one over the standard deviations; 0 for a constant feature."""
        return 1 / self.scale

    @property
    def finite_scale(self) -> NDArray[np.float64]:
        """Shape (sets, features): the standard deviations; 0 for a constant feature."""
        import numpy as np

        return np.where(np.isinf(self.scale), 0, self.scale)

    @property
    def knots(self) -> tuple[int, int]:
        """How many curves there are, and how many knots each has."""
        curves, knots = (0, 0) if self.further is None else self.further.at_knots.shape[:2]
        return curves, knots

    def column_scales(self, terms: Sequence[tuple[float, float]]) -> list[NDArray[np.float64]]:
        """By how much columns are multiplied for variances of curves and pairs, each once; shape (columns,)."""
        import numpy as np

        features, (curves, _) = self.scale.shape[1], self.knots
        curved = 0 if self.further is None else curves * self.further.at_knots.shape[2]
        sizes = (features, curved, self.width - features - curved)
        kept = dict.fromkeys((curve * (curves > 0), pair * (sizes[2] > 0)) for curve, pair in terms)
        return [np.sqrt(np.repeat((1.0, *variances), sizes)) for variances in kept]

    @property
    def rows(self) -> NDArray[np.float64]:
        """Shape (sets,): how many rows each has."""
        rows: NDArray[np.float64] = self.taken.sum(axis=1)
        return rows

    @property
    def has_repeats(self) -> bool:
        """Whether a batch has several rows."""
        return int(self.batch.max()) + 1 < len(self.batch)

    @cached_property
    def columns(self) -> NDArray[np.float64]:
        """Shape (sets, rows, width + targets): standardised; 0 where a row is not taken or a value is missing."""
        import numpy as np

        columns = self._standardised(slice(None))
        if self.further is None:
            return columns
        features = self.scale.shape[1]
        return np.concatenate([columns[:, :, :features], self.further.columns, columns[:, :, features:]], axis=2)

    def fewer_carriers(self, fewest: float) -> NDArray[np.bool_]:
        """Whether fewer than so many batches carry a target's variance: ``(Σd²)² / Σd⁴``. Shape (sets, targets)."""
        import numpy as np

        if self.summed is not None and not self.has_repeats:  # Σd⁴ is no more than the largest d² times Σd²
            largest = np.maximum(self.highest - self.mean, self.mean - self.lowest) / self.unit
            if (self.rows[:, None] > (fewest + 1) * np.square(largest)).all():
                return np.zeros(self.unit.shape, dtype=bool)
        squares = self.sum_batches(np.square(self._standardised(slice(self.scale.shape[1], None))))
        fourth = np.square(squares).sum(axis=1)
        carriers = squares.sum(axis=1) ** 2 / np.maximum(fourth, np.finfo(np.float64).tiny)
        few: NDArray[np.bool_] = carriers < fewest
        return few

    def _standardised(self, which: slice) -> NDArray[np.float64]:
        columns: NDArray[np.float64] = self.whole[:, which] - self.shift[:, None, which]
        columns *= self.per_spread[:, None, which]
        columns *= self.taken[:, :, None] if self.present is None else self.taken[:, :, None] * self.present[:, which]
        return columns

    def cross_products(self, count: int) -> NDArray[np.float64]:
        """Of the features with all columns, in the first sets: shape (count, features, features + targets)."""
        features = self.scale.shape[1]
        if self.summed is not None:
            return self.summed[:count, :features]
        columns = self.columns[:count]
        return columns[:, :, :features].transpose(0, 2, 1) @ columns

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
    shift = (weights @ whole) / count
    # missing values are filled with the mean, so they add nothing to the sum of squares about it
    spread = np.sqrt(np.maximum(weights @ np.square(whole) - np.square(shift) * count, 0) / rows)
    varies = spread > CONSTANT
    per_spread = np.divide(1, spread, where=varies, out=np.zeros_like(spread))
    cells = Cells.of(masks)
    # with less spread, or few rows in a cell, sums about another mean are inexact, or more work than the rows
    sums = present is None and bool((spread > WIDE).all()) and cells.pay(masks.size, whole.shape[1])
    low, high = cells.ranges(whole if present is None else np.where(present, whole, np.nan))
    scale = np.where(varies, spread, np.inf) * deviation
    mean, low, high = (center + part * deviation for part in (shift, low, high))
    unit = scale[:, features:]
    return TrainingSets(
        taken=weights,
        batch=problem.batch,
        whole=whole,
        present=present,
        shift=shift,
        per_spread=per_spread,
        summed=cells.cross_products(whole, rows, shift, per_spread) if sums else None,
        fill=mean[:, :features],
        scale=scale[:, :features],
        minimum=low[:, :features],
        maximum=high[:, :features],
        mean=mean[:, features:],
        unit=np.where(np.isinf(unit), 1, unit),
        lowest=low[:, features:],
        highest=high[:, features:],
    )


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

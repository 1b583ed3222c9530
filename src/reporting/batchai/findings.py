"""What the report concludes from its sources: ranks, intervals of coefficients, the batches predicted worst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from src.reporting.batchai.feature_data import Key
from src.reporting.batchai.rows import rounded
from src.reporting.batchai.sources import Coefficient, Errors, Sources
from src.reporting.batchai.terms_shown import ShownCurve, ShownPair, curves_of, pairs_of
from src.training.batchai.out_of_fold import OutOfFold

WORST_BATCHES = 10
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A coefficient with its confidence interval, in original units and standardised.

    Attributes:
        direction: ``raises`` or ``lowers`` the target where the interval lies on one side of zero, else ``unclear``;
            ``unused`` for a feature that did not vary.
        term: As in ``coefficient.csv`` of training, like the next two.
    """

    feature: str
    coefficient: float | None
    error: float | None
    lower: float | None
    upper: float | None
    standardised: float | None
    standardised_lower: float | None
    standardised_upper: float | None
    direction: str
    term: str = ""
    with_feature: str = ""
    at: float | None = None


class Batch(NamedTuple):
    """A row of a batch, out of fold, with its place in the order of batches (1: the oldest)."""

    order: int
    batch_id: str
    measured: float
    predicted: float
    residual: float


class LeftOut(NamedTuple):
    """A product, or a target of it, without a model, and why."""

    location: str
    product_id: str
    target: str
    batches: int
    reason: str


class Findings:
    """What follows from the sources.

    Args:
        sources: The report's sources.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.trained = [errors for errors in sources.errors if not errors.not_trained]
        self.ranked = sorted(
            (errors for errors in self.trained if errors.skill is not None), key=lambda errors: -(errors.skill or 0)
        )
        self._batches: dict[Key, list[Batch]] = {}
        self._intervals: dict[Key, list[Interval]] = {}
        self._ranks = {errors.key: place for place, errors in enumerate(self.ranked, start=1)}

    def rank(self, key: Key) -> int | None:
        """The place of a target among all with a skill, 1 for the best; None where it has none."""
        return self._ranks.get(key)

    @property
    def best(self) -> Errors | None:
        """The target with the highest skill."""
        return self.ranked[0] if self.ranked else None

    @property
    def worst(self) -> Errors | None:
        """The target with the lowest skill."""
        return self.ranked[-1] if self.ranked else None

    @cached_property
    def groups(self) -> list[tuple[str, str, list[Errors]]]:
        """Location, product and its targets, in the order of training."""
        places = groupby(self.sources.errors, key=lambda errors: (errors.location, errors.product_id))
        return [(*place, list(part)) for place, part in places]

    @cached_property
    def left_out(self) -> list[LeftOut]:
        """What has no model: targets that training left out, and products of which preparation kept no batch."""
        known = {(location, product) for location, product, _ in self.groups}
        lost = [
            LeftOut(row["location"], row["product_id"], "", int(row["batches"] or 0), row["trainable"])
            for row in self.sources.groups
            if (row["location"], row["product_id"]) not in known and row["trainable"] != "yes"
        ]
        return [
            *(
                LeftOut(errors.location, errors.product_id, errors.target, errors.batches, errors.not_trained)
                for errors in self.sources.errors
                if errors.not_trained
            ),
            *lost,
        ]

    @cached_property
    def rejected_reasons(self) -> list[tuple[str, str, int]]:
        """Location, reason and how many rows or values were rejected for it, the most frequent first."""
        counts = Counter((row["location"], row["reason"]) for row in self.sources.rejected)
        return [(*what, rows) for what, rows in counts.most_common()]

    def intervals(self, key: Key) -> list[Interval]:
        """The coefficients of a trained target, the intercept first; then those of curves and pairs."""
        if key not in self._intervals:
            lines = self.sources.coefficients.get(key, ())
            self._intervals[key] = [_interval(line) for line in lines]
        return self._intervals[key]

    def curves(self, errors: Errors) -> list[ShownCurve]:
        """The curves of a trained target (see `terms_shown.curves_of`)."""
        import numpy as np

        key, found = errors.key, self.sources.out_of_fold.get(errors.key)
        measured = np.zeros(1) if found is None else found.measured
        logarithm = (errors.location, errors.target) in self.sources.logarithms
        spread = float(np.std(np.log(measured) if logarithm else measured))
        return curves_of(self.sources.coefficients.get(key, ()), self.sources.ranges.get(key, {}), spread=spread)

    def pairs(self, key: Key) -> list[ShownPair]:
        """The pairs of features that act together on a trained target (see `terms_shown.pairs_of`)."""
        return pairs_of(self.sources.coefficients.get(key, ()), self.sources.ranges.get(key, {}))

    def batches(self, key: Key) -> list[Batch]:
        """The rows of a trained target, oldest batch first."""
        found = self.sources.out_of_fold.get(key)
        if key not in self._batches:
            self._batches[key] = [] if found is None else _batches(found)
        return self._batches[key]


def worst_batches(batches: Sequence[Batch]) -> list[Batch]:
    """The batches that the model gets most wrong, the worst first."""
    return sorted(batches, key=lambda batch: -abs(batch.residual))[:WORST_BATCHES]


def _batches(found: OutOfFold) -> list[Batch]:
    lines = []
    numbers = zip(found.batch_ids.tolist(), found.measured.tolist(), found.predicted.tolist(), strict=True)
    for order, (batch_id, measured, predicted) in enumerate(numbers, start=1):
        known, guessed = rounded(measured) or 0.0, rounded(predicted) or 0.0
        lines.append(Batch(order, batch_id, known, guessed, rounded(known - guessed) or 0.0))
    return lines


def _interval(line: Coefficient) -> Interval:
    """The interval is that of an estimate that is hardly shrunk, so the coefficient need not be its middle."""
    standard_lower = standard_upper = None
    direction = ""
    if line.lower is not None and line.upper is not None:
        direction = _direction(line.lower, line.upper)
        if line.standardised is not None and line.value:
            scale = line.standardised / line.value
            standard_lower, standard_upper = rounded(line.lower * scale), rounded(line.upper * scale)
    return Interval(
        *(line.feature, line.value, line.error, line.lower, line.upper),
        *(line.standardised, standard_lower, standard_upper, direction),
        *(line.term, line.with_feature, line.at),
    )


def _direction(lower: float, upper: float) -> str:
    if lower == upper == 0:
        return "unused"
    if lower > 0:
        return "raises"
    return "lowers" if upper < 0 else "unclear"

"""The regression problems of a location: targets of a product that were measured in the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from src.common.errors import some_of
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.data_preparation.batchai.target_description import LOG
from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.ridge.folds import BLOCKS, Splits, folds_of_keys
from src.training.batchai.target_scale import to_scale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST_JUDGED = BLOCKS // 2
"""From this part on, batches are predicted from the parts before, for the forward error."""
FEWEST_FOLDS = 3
"""Held-out batches have to lie in at least so many folds: then each model without one of them knows two batches."""
LARGEST = 1e100
"""The largest value of a feature or target. Squares of larger ones, summed and multiplied, are not finite."""
MOST_NUMBERS = 4_000_000
"""Targets are fitted together as long as rows · features · targets is no more than this; memory is bounded by it."""


@dataclass(frozen=True)
class Problem:
    """Targets of a product that were measured in the same rows.

    Attributes:
        product_id: The product.
        targets: The names of the targets.
        features: Shape (rows, features), NaN where missing, oldest first.
        measured: Shape (rows, targets), without NaN, in the units of the targets.
        logs: Shape (targets,): which are fitted as logarithms.
        rows: Shape (rows,): their places among the rows of the product.
        batch: Shape (rows,): the number of each row's batch, from 0.
        folds: Shape (rows,): the fold of each row; what is kept together is in one.
        blocks: Shape (rows,): the part of time of each row, from 0.
        min_batches: With fewer batches a product says nothing to the others.
        timed: Whether the parts of time are those of the other products, too.
        own: Whether there are enough batches for coefficients of their own; if not, the location's are taken.
        terms: What a model may consist of.
    """

    product_id: str
    targets: tuple[str, ...]
    features: NDArray[np.float64]
    measured: NDArray[np.float64]
    logs: NDArray[np.bool_]
    rows: NDArray[np.int64]
    batch: NDArray[np.int64]
    folds: NDArray[np.int64]
    blocks: NDArray[np.int64]
    min_batches: int = 2
    timed: bool = False
    own: bool = True
    terms: Terms = Terms.LINEAR

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """What is fitted: `measured` on the scales of the targets. Shape (rows, targets)."""
        return to_scale(self.measured, self.logs)

    def by_rows_or_batches(self) -> Iterator[Problem]:
        """Fit a target with one value per batch on batches: its repetition on several rows is no measurement."""
        import numpy as np

        if self.batches == len(self.rows):
            yield self
            return
        _, first, place = np.unique(self.batch, return_index=True, return_inverse=True)
        once = (self.measured == self.measured[first][place]).all(axis=0)
        if not once.all():
            yield self if not once.any() else self._of_targets(~once)
        if once.any():
            some = self._of_targets(once)
            known = ~np.isnan(some.features)
            sums, counts = np.zeros((2, self.batches, some.features.shape[1]))
            np.add.at(sums, place, np.where(known, some.features, 0))
            np.add.at(counts, place, known)
            features = np.divide(sums, counts, where=counts > 0, out=np.full_like(sums, np.nan))
            of_rows = {name: getattr(some, name)[first] for name in ("measured", "rows", "batch", "folds", "blocks")}
            yield replace(some, features=features, **of_rows)

    def _of_targets(self, which: NDArray[np.bool_]) -> Problem:
        names = tuple(name for name, wanted in zip(self.targets, which, strict=True) if wanted)
        return replace(self, targets=names, measured=self.measured[:, which], logs=self.logs[which])

    @cached_property
    def batches(self) -> int:
        """How many batches there are."""
        return int(self.batch.max()) + 1


def earlier_rows(problem: Problem) -> NDArray[np.bool_]:
    """Which rows were there before each part of time that is judged. Shape (parts, rows)."""
    import numpy as np

    before: NDArray[np.bool_] = problem.blocks < np.arange(FIRST_JUDGED, BLOCKS)[:, None]
    return before


def count_batches(problem: Problem, taken: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many batches are in sets of rows, of shape (sets, rows), that hold batches whole. Shape (sets,)."""
    import numpy as np

    first = np.append(True, np.diff(np.maximum.accumulate(problem.batch)) > 0)
    counts: NDArray[np.int64] = (taken & first).sum(axis=1)
    return counts


def pooled_earlier(problem: Problem) -> NDArray[np.bool_]:
    """As `earlier_rows`, but no rows where there were too few batches to say something to the other products."""
    earlier = earlier_rows(problem)
    enough: NDArray[np.bool_] = (count_batches(problem, earlier) >= problem.min_batches)[:, None]
    return earlier & enough


@dataclass(frozen=True)
class Untrained:
    """A target of a product that is not fitted.

    Attributes:
        product_id: The product.
        target: The target.
        batches: How many batches measured it.
        reason: Why it is not fitted, for a person.
    """

    product_id: str
    target: str
    batches: int
    reason: str


def find_problems(
    prepared: PreparedLocation,
    *,
    folds: int,
    min_batches: int,
    shared: Splits,
    terms: Terms = Terms.LINEAR,
) -> Iterator[Problem | Untrained]:
    """Take a location apart into problems.

    Args:
        prepared: The prepared data of the location.
        folds: Folds of the cross-validation.
        min_batches: A target with fewer measured batches gets no coefficients of its own.
        shared: How batches are split in all products alike.
        terms: What a model may consist of.

    Yields:
        What to fit, and what not and why, group by group.
    """
    import numpy as np

    names = [target.name for target in prepared.targets]
    logs = np.array([target.scale == LOG for target in prepared.targets], dtype=bool)
    for group in prepared.groups:
        for rows, places in _targets_by_rows(group):
            part = group if len(rows) == len(group.batch_ids) else group.take(rows)
            count, batch = _numbered(part.batch_ids)
            keys, key = (count, batch) if part.keys is None else _numbered(part.keys)
            fold = folds_of_keys(
                list(keys), folds=folds, location=prepared.location, product_id=group.product_id, shared=shared.folds
            )
            blocks = shared.blocks(part.times, key)
            unfit = _too_large(part.features, names=prepared.feature_names)
            fitting = []
            for place in places:
                if reason := unfit or _why_not(
                    part.targets[:, place], len(count), len(set(fold.tolist())), min_batches
                ):
                    yield Untrained(group.product_id, names[place], len(count), reason)
                else:
                    fitting.append(place)
            most = max(1, MOST_NUMBERS // max(1, part.features.size))
            most = 1 if terms is Terms.PAIRS else most  # each target has pairs of its own
            for some in (fitting[start : start + most] for start in range(0, len(fitting), most)):
                problem = Problem(
                    product_id=group.product_id,
                    targets=tuple(names[place] for place in some),
                    features=part.features,
                    measured=part.targets if len(some) == len(names) else part.targets[:, some],
                    logs=logs[some],
                    rows=rows,
                    batch=batch,
                    folds=fold[key],
                    blocks=blocks,
                    min_batches=min_batches,
                    timed=bool(shared.cuts),
                    own=len(count) >= min_batches,
                    terms=terms,
                )
                yield from [problem] if terms is Terms.LINEAR else problem.by_rows_or_batches()


def _targets_by_rows(group: PreparedGroup) -> list[tuple[NDArray[np.int64], list[int]]]:
    """The targets, gathered by the rows in which they were measured."""
    import numpy as np

    measured = ~np.isnan(group.targets)
    if bool(measured.all()):
        return [(np.arange(len(measured)), list(range(measured.shape[1])))]
    gathered: dict[bytes, list[int]] = {}
    for place in range(measured.shape[1]):
        gathered.setdefault(measured[:, place].tobytes(), []).append(place)
    return [(np.flatnonzero(measured[:, places[0]]), places) for places in gathered.values()]


def _numbered(ids: NDArray[np.object_]) -> tuple[dict[str, int], NDArray[np.int64]]:
    """The distinct ids in order of first appearance, numbered, and the number of each."""
    import numpy as np

    names = ids.tolist()
    number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(number_of) == len(names):
        return number_of, np.arange(len(names))
    return number_of, np.fromiter(map(number_of.__getitem__, names), dtype=np.int64, count=len(names))


def _too_large(features: NDArray[np.float64], *, names: Sequence[str]) -> str:
    import numpy as np

    largest = np.fmax.reduce(np.abs(features), axis=0, initial=0)
    beyond = [f"{name} {size:g}" for name, size in zip(names, largest.tolist(), strict=True) if size > LARGEST]
    return f"values that are too large to compute with: {some_of(beyond)}; at most {LARGEST:g}" if beyond else ""


def _why_not(values: NDArray[np.float64], batches: int, folds: int, min_batches: int) -> str:
    if batches < FEWEST_FOLDS:
        return (
            f"{batches} measured batches, at least {FEWEST_FOLDS} are needed to take the location's coefficients, "
            f"{min_batches} for a model of its own"
        )
    if folds < FEWEST_FOLDS:
        return f"{batches} measured batches in {folds} folds, at least {FEWEST_FOLDS} folds are needed"
    largest = float(abs(values).max())
    if not largest <= LARGEST:
        return f"values that are too large to compute with: {largest:g}; at most {LARGEST:g}"
    if values[0] == values[-1] and bool((values == values[0]).all()):
        return f"constant: every batch measured {values[0]:g}"
    return ""

"""What is fitted: the rows of one product, and the targets that were measured in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.training.batchai.ridge.folds import folds_of_batches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCKS = 10
"""A group's batches are cut into so many blocks of time for the forward error; it has at least so many batches."""
FIRST_TRIED, FIRST_JUDGED = 4, 5
"""The first block that is predicted from earlier ones to choose a penalty, and the first one that is judged."""


@dataclass(frozen=True)
class Problem:
    """Targets of one product that were measured in the same rows, so that they share all cross-products.

    Attributes:
        product_id: The product.
        targets: The names of the targets.
        features: Shape (rows, features), NaN where missing, oldest first.
        values: Shape (rows, targets), without NaN.
        rows: Shape (rows,): their places among the rows of the product.
        folds: Shape (rows,): the fold of each row; all rows of a batch have the same.
        blocks: Shape (rows,): the block of time of each row, from 0.
        batches: How many batches there are.
    """

    product_id: str
    targets: tuple[str, ...]
    features: NDArray[np.float64]
    values: NDArray[np.float64]
    rows: NDArray[np.int64]
    folds: NDArray[np.int64]
    blocks: NDArray[np.int64]
    batches: int

    @cached_property
    def has_gaps(self) -> bool:
        """Whether any feature is missing in any row."""
        import numpy as np

        return bool(np.isnan(self.features).any())


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


def find_problems(prepared: PreparedLocation, *, folds: int, min_batches: int) -> Iterator[Problem | Untrained]:
    """Take a location apart into problems.

    Args:
        prepared: The prepared data of the location.
        folds: Folds of the cross-validation.
        min_batches: A target with fewer measured batches is not fitted.

    Yields:
        What to fit, and what not and why, group by group.
    """
    names = [target.name for target in prepared.targets]
    for group in prepared.groups:
        for measured, places in _targets_by_rows(group):
            ids, features, values = _rows_of(group, measured)
            batches, numbers = _batches(ids)
            fitting: list[int] = []
            for place in places:
                reason = _why_not(values[:, place], len(batches), min_batches)
                if reason:
                    yield Untrained(group.product_id, names[place], len(batches), reason)
                else:
                    fitting.append(place)
            if fitting:
                key = f"{prepared.location}/{group.product_id}"
                fold_of_batch = folds_of_batches(batches, folds=folds, key=key)
                yield Problem(
                    product_id=group.product_id,
                    targets=tuple(names[place] for place in fitting),
                    features=features,
                    values=values if len(fitting) == len(names) else values[:, fitting],
                    rows=measured,
                    folds=fold_of_batch[numbers],
                    blocks=numbers * BLOCKS // len(batches),
                    batches=len(batches),
                )


def problems_of(prepared: PreparedLocation, *, folds: int, min_batches: int) -> Iterator[Problem]:
    """What `find_problems` finds to fit."""
    for item in find_problems(prepared, folds=folds, min_batches=min_batches):
        if isinstance(item, Problem):
            yield item


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


def _rows_of(
    group: PreparedGroup, measured: NDArray[np.int64]
) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[np.float64]]:
    """Some rows of a group, without a copy where they are all: batch ids, features and targets."""
    if len(measured) == len(group.batch_ids):
        return group.batch_ids, group.features, group.targets
    return group.batch_ids[measured], group.features[measured], group.targets[measured]


def _batches(ids: NDArray[np.object_]) -> tuple[list[str], NDArray[np.int64]]:
    """The batches in order of first appearance, and the number of each row's batch among them."""
    import numpy as np

    names = ids.tolist()
    if len(set(names)) == len(names):
        return names, np.arange(len(names))
    number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return list(number_of), np.fromiter(map(number_of.__getitem__, names), dtype=np.int64, count=len(names))


def _why_not(values: NDArray[np.float64], batches: int, min_batches: int) -> str:
    if batches < min_batches:
        return f"{batches} measured batches, at least {min_batches} are needed"
    if values[0] == values[-1] and bool((values == values[0]).all()):
        return f"constant: every batch measured {values[0]:g}"
    return ""

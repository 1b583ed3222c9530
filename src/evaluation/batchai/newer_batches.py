"""Batches that the champion was not trained on, predicted by both models.

The champion predicts all of them as it was registered. For the challenger they are cut into parts by time, and each
part is predicted by a refit on everything before it: no batch is predicted by a model that knew it or a later one. So
the first part says whether the challenger's method is better on what the champion knew, and the others whether training
on newer batches helps, which is what the registered model will have done (prequential evaluation: Dawid, Journal of the
Royal Statistical Society A 147 (1984) 278-292). Without the later parts, a challenger that has nothing but more data
would be refitted to exactly the champion, and never be better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedGroup
from src.evaluation.batchai.location_parts import Data, cut, parts_of
from src.evaluation.comparison import Key
from src.training.batchai.model import LocationModel, TargetModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDS = 4
"""Into how many parts newer batches are cut at the most; each costs a training of the location."""


@dataclass(frozen=True)
class NewerBatches:
    """What both models predict for the newer batches of one product and target.

    Attributes:
        key: Location, product and target.
        batch_ids: Shape (rows,), of `str`.
        measured: Shape (rows,).
        champion: Shape (rows,): predicted by the champion.
        challenger: Shape (rows,): predicted by refits on earlier batches.
        mean: The mean of what the champion was trained on.
    """

    key: Key
    batch_ids: NDArray[np.object_]
    measured: NDArray[np.float64]
    champion: NDArray[np.float64]
    challenger: NDArray[np.float64]
    mean: float


def predict_newer(
    data: Data, champion: LocationModel, refit: Callable[[Data], LocationModel], *, rounds: int = ROUNDS
) -> Iterator[NewerBatches]:
    """Predict the batches of a location that are newer than the champion's last one.

    Args:
        data: All data of the location; of a large one no more than a part is in memory.
        champion: What is registered of it.
        refit: Trains the challenger's way on other data of the location.
        rounds: Into how many parts newer batches are cut.

    Yields:
        Each product and target that both know and that newer batches measured.
    """
    import numpy as np

    numbers = {group.product_id: _rounds(group, champion, rounds) for part in parts_of(data) for group in part.groups}
    predicted = _predict_rounds(data, refit, numbers)
    for part in parts_of(data):
        places = [part.feature_names.index(n) if n in part.feature_names else -1 for n in champion.feature_names]
        for group in part.groups:
            newer = numbers[group.product_id] >= 0
            for place, target in enumerate(part.targets):
                theirs = _target_model(champion, group.product_id, target.name)
                challenger = predicted[group.product_id][:, place]
                there = newer & ~np.isnan(group.targets[:, place]) & ~np.isnan(challenger)
                earlier = group.targets[~newer & ~np.isnan(group.targets[:, place]), place]
                if theirs is not None and there.any() and len(earlier):
                    yield NewerBatches(
                        key=(part.location, group.product_id, target.name),
                        batch_ids=group.batch_ids[there],
                        measured=group.targets[there, place],
                        champion=theirs.predict(_columns(group.features[there], places)),
                        challenger=challenger[there],
                        mean=float(earlier.mean()),
                    )


def _predict_rounds(
    data: Data, refit: Callable[[Data], LocationModel], numbers: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.float64]]:
    """What refits predict for newer batches: shape (rows, targets) by product, NaN where nothing does."""
    import numpy as np

    predicted: dict[str, NDArray[np.float64]] = {}
    for part in parts_of(data):
        predicted.update({group.product_id: np.full(group.targets.shape, np.nan) for group in part.groups})
    for number in sorted({number for found in numbers.values() for number in found.tolist() if number >= 0}):
        model = refit(cut(data, partial(_before, numbers, number)))
        for part in parts_of(data):
            for group in part.groups:
                rows = numbers[group.product_id] == number
                for place, target in enumerate(part.targets):
                    ours = _target_model(model, group.product_id, target.name)
                    if ours is not None and rows.any():
                        predicted[group.product_id][rows, place] = ours.predict(group.features[rows])
    return predicted


def _before(numbers: Mapping[str, NDArray[np.int64]], number: int, group: PreparedGroup) -> NDArray[np.bool_]:
    before: NDArray[np.bool_] = numbers[group.product_id] < number
    return before


def _rounds(group: PreparedGroup, champion: LocationModel, rounds: int) -> NDArray[np.int64]:
    """The part of each row, from 0; -1 for what the champion knew: everything, where its last batch is gone."""
    import numpy as np

    parts = np.full(len(group.batch_ids), -1, dtype=np.int64)
    if group.product_id not in champion.groups:
        return parts
    last = np.flatnonzero(group.batch_ids == champion.groups[group.product_id].last_batch)
    if len(last):
        newer = group.batch_ids[last[-1] + 1 :].tolist()
        number_of = {batch: number for number, batch in enumerate(dict.fromkeys(newer))}
        parts[last[-1] + 1 :] = [number_of[batch] * rounds // len(number_of) for batch in newer]
    return parts


def _target_model(location: LocationModel, product_id: str, target: str) -> TargetModel | None:
    group = location.groups.get(product_id)
    return None if group is None else group.targets.get(target)


def _columns(features: NDArray[np.float64], places: list[int]) -> NDArray[np.float64]:
    """The columns of features at some places; NaN, not measured, at those below zero."""
    import numpy as np

    absent = np.full((len(features), 1), np.nan)
    chosen: NDArray[np.float64] = np.concatenate([features, absent], axis=1)[:, places]
    return chosen

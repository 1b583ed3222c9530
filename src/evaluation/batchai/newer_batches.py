"""Batches that the champion was not trained on, predicted by both models.

The champion predicts all of them as it was registered. For the challenger they are cut into parts by time, and each
part is predicted by a refit on everything before it: no batch is predicted by a model that knew it or a later one. So
the first part says whether the challenger's method is better on what the champion knew, and the others whether training
on newer batches helps, which is what the registered model will have done (prequential evaluation: Dawid, Journal of the
Royal Statistical Society A 147 (1984) 278-292). Without the later parts, a challenger that has nothing but more data
would be refitted to exactly the champion, and never be better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.evaluation.comparison import Key
from src.training.batchai.model import LocationModel, TargetModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDS = 4
"""Into how many parts newer batches are cut at the most; each costs a training of the location."""

Refit = Callable[[PreparedLocation], LocationModel]


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
    prepared: PreparedLocation, champion: LocationModel, refit: Refit, *, rounds: int = ROUNDS
) -> Iterator[NewerBatches]:
    """Predict the batches of a location that are newer than the champion's last one.

    Args:
        prepared: All data of the location.
        champion: What is registered of it.
        refit: Trains the challenger's way on other data of the location.
        rounds: Into how many parts newer batches are cut.

    Yields:
        Each product and target that both know and that newer batches measured.
    """
    import numpy as np

    parts = {group.product_id: _parts(group, champion, rounds) for group in prepared.groups}
    predicted = {group.product_id: np.full_like(group.targets, np.nan) for group in prepared.groups}
    for number in sorted({part for found in parts.values() for part in found.tolist() if part >= 0}):
        cut = replace(prepared, groups=tuple(group.take(parts[group.product_id] < number) for group in prepared.groups))
        model = refit(cut)
        for group in prepared.groups:
            rows = parts[group.product_id] == number
            for place, target in enumerate(prepared.targets):
                ours = _target_model(model, group.product_id, target.name)
                if ours is not None and rows.any():
                    predicted[group.product_id][rows, place] = ours.predict(group.features[rows])
    places = [prepared.feature_names.index(n) if n in prepared.feature_names else -1 for n in champion.feature_names]
    for group in prepared.groups:
        newer = parts[group.product_id] >= 0
        for place, target in enumerate(prepared.targets):
            theirs = _target_model(champion, group.product_id, target.name)
            challenger = predicted[group.product_id][:, place]
            there = newer & ~np.isnan(group.targets[:, place]) & ~np.isnan(challenger)
            earlier = group.targets[~newer & ~np.isnan(group.targets[:, place]), place]
            if theirs is not None and there.any() and len(earlier):
                yield NewerBatches(
                    key=(prepared.location, group.product_id, target.name),
                    batch_ids=group.batch_ids[there],
                    measured=group.targets[there, place],
                    champion=theirs.predict(_columns(group.features[there], places)),
                    challenger=challenger[there],
                    mean=float(earlier.mean()),
                )


def _parts(group: PreparedGroup, champion: LocationModel, rounds: int) -> NDArray[np.int64]:
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

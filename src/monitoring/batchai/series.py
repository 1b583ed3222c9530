"""What a registered model's residuals were in training and since: each a series in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.data_preparation.batchai.target_description import LINEAR
from src.training.batchai.model import GroupModel, LocationModel, TargetModel
from src.training.batchai.out_of_fold import OutOfFold
from src.training.batchai.target_scale import one_to_scale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Key = tuple[str, str, str]
"""Location, product, target."""


@dataclass(frozen=True)
class Series:
    """The residuals of one model, a batch each (the mean where a batch has several rows), oldest first.

    Attributes:
        key: Location, product and target.
        unit: Of the target and of the residuals.
        batch_ids: Shape (batches,), of `str`: of training.
        residuals: Shape (batches,): measured minus predicted by a model that did not know the batch.
        new_ids: Shape (new batches,), of `str`: measured since training.
        new_residuals: Shape (new batches,): measured minus predicted by the model.
        held: Shape (new batches,): whether they lie in the interval of their prediction; None: there are no intervals.
    """

    key: Key
    unit: str
    batch_ids: NDArray[np.object_]
    residuals: NDArray[np.float64]
    new_ids: NDArray[np.object_]
    new_residuals: NDArray[np.float64]
    held: NDArray[np.bool_] | None

    @property
    def number_held(self) -> int | None:
        """How many of the new batches lie in the interval of their prediction."""
        return None if self.held is None else int(self.held.sum())


def newly_measured(series: Iterable[Series]) -> int:
    """How many batches were measured since training: each counts once, whatever was measured of it."""
    batches: dict[tuple[str, str], set[str]] = {}
    for one in series:
        batches.setdefault(one.key[:2], set()).update(one.new_ids.tolist())
    return sum(len(ids) for ids in batches.values())


def first_new_row(group: PreparedGroup, model: GroupModel) -> int:
    """The first row of a product that came after the model's last batch; past the end, where that batch is gone."""
    import numpy as np

    last = np.flatnonzero(group.batch_ids == model.last_batch)
    return int(last[-1]) + 1 if len(last) else len(group.batch_ids)


def series_of(
    prepared: PreparedLocation, model: LocationModel, out_of_fold: Mapping[Key, OutOfFold]
) -> Iterator[Series]:
    """The residuals of every model of a location.

    Args:
        prepared: All data of the location.
        model: Its registered model.
        out_of_fold: The model's out-of-fold predictions.
    """
    places = feature_places(prepared, model)
    for group in prepared.groups:
        group_model = model.groups.get(group.product_id)
        if group_model is None:
            continue
        start = first_new_row(group, group_model)
        features = columns_at(group.features[start:], places)
        for place, target in enumerate(prepared.targets):
            key = (prepared.location, group.product_id, target.name)
            trained = group_model.targets.get(target.name)
            if trained is None or key not in out_of_fold:
                continue
            known = out_of_fold[key]
            batch_ids, residuals = _by_batch(known.batch_ids, _residuals(trained, known.measured, known.predicted))
            new = _new_residuals(group.batch_ids[start:], group.targets[start:, place], features, trained)
            unit = target.unit if target.scale == LINEAR else f"log {target.unit}".rstrip()
            yield Series(key, unit, batch_ids, residuals, *new)


def _residuals(
    model: TargetModel, measured: NDArray[np.float64], predicted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measured minus predicted on the scale of the fit, where errors are alike. Shapes as given."""
    return one_to_scale(measured, model.scale) - one_to_scale(predicted, model.scale)


def feature_places(prepared: PreparedLocation, model: LocationModel) -> list[int]:
    """Where the model's features stand among those of the data; -1 for one that is missing there."""
    place = {name: number for number, name in enumerate(prepared.feature_names)}
    return [place.get(name, -1) for name in model.feature_names]


def columns_at(features: NDArray[np.float64], places: list[int]) -> NDArray[np.float64]:
    """The columns of features at some places; NaN, not measured, at those below zero."""
    import numpy as np

    absent = np.full((len(features), 1), np.nan)
    chosen: NDArray[np.float64] = np.concatenate([features, absent], axis=1)[:, places]
    return chosen


def _new_residuals(
    batch_ids: NDArray[np.object_],
    measured: NDArray[np.float64],
    features: NDArray[np.float64],
    model: TargetModel,
) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[np.bool_] | None]:
    import numpy as np

    there = ~np.isnan(measured)
    predicted = model.predict(features[there])
    residuals = _residuals(model, measured[there], predicted)
    lower, upper = model.interval(predicted)
    found, means = _by_batch(batch_ids[there], residuals)
    if not model.radius.known:
        return found, means, None
    _, inside = _by_batch(
        batch_ids[there], ((lower <= measured[there]) & (measured[there] <= upper)).astype(np.float64)
    )
    return found, means, inside >= 0.5


def _by_batch(
    batch_ids: NDArray[np.object_], values: NDArray[np.float64]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """The mean of the rows of each batch, in the order of their first rows."""
    import numpy as np

    number = {batch: place for place, batch in enumerate(dict.fromkeys(batch_ids.tolist()))}
    if len(number) == len(batch_ids):
        return batch_ids, values
    of_row = np.asarray([number[batch] for batch in batch_ids.tolist()])
    means = np.bincount(of_row, weights=values) / np.bincount(of_row)
    return np.asarray(list(number), dtype=object), means

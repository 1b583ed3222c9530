"""Models for the gate, so small that their errors can be computed beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.evaluation.batchai.product_comparisons import Contender
from src.evaluation.comparison import Key
from src.training.batchai.model import GroupModel, Limits, LocationModel, Model, TargetModel
from src.training.batchai.out_of_fold import OutOfFold

FEATURES = ("a", "b")
FAR = 1e9


def linear(intercept: float, *coefficients: float, fill: float = 0.0) -> TargetModel:
    """A model that limits nothing."""
    many = len(coefficients)
    return TargetModel(
        intercept=intercept,
        coefficients=np.array(coefficients),
        minimum=np.full(many, -FAR),
        maximum=np.full(many, FAR),
        fill=np.full(many, fill),
        lowest=-FAR,
        highest=FAR,
        residuals=np.zeros(5),
        limits=Limits(),
    )


def location_model(
    groups: Mapping[str, Mapping[str, TargetModel]],
    last_batch: str,
    *,
    location: str = "plant",
    features: Sequence[str] = FEATURES,
) -> LocationModel:
    """A location; all its products end with the same batch."""
    made = {name: GroupModel(name, targets, {}, batches=20, last_batch=last_batch) for name, targets in groups.items()}
    targets = tuple(PreparedTarget(name) for name in sorted({target for part in groups.values() for target in part}))
    return LocationModel(location, tuple(features), targets, made)


def contender(out_of_fold: Mapping[Key, OutOfFold], *locations: LocationModel) -> Contender:
    """A contender of these locations."""
    model = Model({part.location: part for part in locations}, data_version="0123456789ab", training={})
    return Contender(model, dict(out_of_fold))


def judged(
    errors: Sequence[float], *, ids: Sequence[str] | None = None, mean_error: float = 1.0, measured: float = 10.0
) -> OutOfFold:
    """Out-of-fold predictions that are wrong by `errors`, where the mean is wrong by `mean_error`."""
    values = np.full(len(errors), measured)
    names = [f"B{row}" for row in range(len(errors))] if ids is None else ids
    return OutOfFold(np.array(names, dtype=object), values, values - np.array(errors), values - mean_error)


def prepared(
    groups: Mapping[str, int],
    *,
    location: str = "plant",
    features: Sequence[str] = FEATURES,
    targets: Sequence[str] = ("y",),
    rows_per_batch: int = 1,
    seed: int = 3,
) -> PreparedLocation:
    """Products with so many rows of batches ``B0``, ``B1``, ... each."""
    chance = np.random.default_rng(seed)
    names = tuple(features)
    none = FeatureRows(np.empty(0, dtype=object), np.empty((0, len(names))))
    made = []
    for product, rows in groups.items():
        values = chance.normal(size=(rows, len(names)))
        measured = values @ chance.normal(size=(len(names), len(targets))) + chance.normal(size=(rows, len(targets)))
        ids = np.array([f"B{row // rows_per_batch}" for row in range(rows)], dtype=object)
        made.append(PreparedGroup(product, ids, values, measured, none))
    return PreparedLocation(location, names, tuple(PreparedTarget(name) for name in targets), tuple(made))


class LeastSquares:
    """Refits with scikit-learn, and remembers on what."""

    def __init__(self) -> None:
        self.got: list[PreparedLocation] = []

    def __call__(self, location: PreparedLocation) -> LocationModel:
        """Fit every product and target of a location."""
        self.got.append(location)
        groups = {
            group.product_id: {
                target.name: linear(fit.intercept_, *fit.coef_)
                for place, target in enumerate(location.targets)
                for fit in [fitted(group.features, group.targets[:, place])]
            }
            for group in location.groups
        }
        return location_model(groups, "", location=location.location, features=location.feature_names)


def fitted(features: NDArray[np.float64], values: NDArray[np.float64]) -> LinearRegression:
    """Least squares on the rows that were measured."""
    there = ~np.isnan(values)
    return LinearRegression().fit(features[there], values[there])

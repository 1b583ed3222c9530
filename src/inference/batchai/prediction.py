"""Predictions of batches with a trained model, and whether the batches are like those that the model has seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.common.errors import DataError
from src.data_preparation.batchai.group_tables import FeatureRows
from src.training.batchai.input_space import LEVEL, InputSpace
from src.training.batchai.model import LocationModel, TargetModel
from src.training.batchai.shown_features import ShownFeature, shown_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = (
    *("location", "product_id", "batch_id", "row", "target", "unit"),
    *("prediction", "lower", "upper", "limited", "outside_training", "likeness", "unusual_features"),
    *("outside_features", "note"),
)


NAMED = 0.1
"""A feature is named for an unusual batch where so much of its distance comes from it."""


@dataclass(frozen=True)
class Estimate:
    """What a model says of one target of one batch.

    Attributes:
        value: The prediction, in the unit of the target.
        lower: The lower end of its interval (see `src.training.batchai.intervals`); minus infinity: no promise.
        upper: The upper end.
        limited: Whether the prediction was clipped to what was measured in training, and a little beyond.
        outside: The features outside the range seen in training, as ``name above 12.5`` or ``supplier B not seen``.
    """

    value: float
    lower: float
    upper: float
    limited: bool
    outside: tuple[str, ...]


@dataclass(frozen=True)
class Likeness:
    """How like those of training a batch is, in all features together (see `src.training.batchai.input_space`).

    Attributes:
        chance: The share of batches like those of training that are at least as far out.
        features: What makes an unusual batch unusual, as ``name 52%``; empty for one that is not.
    """

    chance: float
    features: tuple[str, ...] = ()

    @property
    def unusual(self) -> bool:
        """Whether it is as far out as few batches of training would be."""
        return self.chance <= LEVEL


@dataclass(frozen=True)
class Prediction:
    """What a batch will probably measure.

    Attributes:
        location: Where it was made.
        product_id: Its product.
        batch_id: Its id; a batch may have several rows.
        row: The row of the batch among those of its group, from 1.
        target: The predicted quality.
        unit: Its unit.
        estimate: The prediction and its interval; None where there is no model.
        likeness: How like those of training the batch is; None where training had too few batches to say.
        note: Why there is no prediction, or which values were filled.
    """

    location: str
    product_id: str
    batch_id: str
    row: int
    target: str
    unit: str
    estimate: Estimate | None
    likeness: Likeness | None = None
    note: str = ""

    @property
    def outside_training(self) -> bool:
        """Whether the batch is unlike those of training; by the ranges of its features where nothing else is known."""
        return self.likeness.unusual if self.likeness else bool(self.estimate and self.estimate.outside)

    def cells(self) -> tuple[object, ...]:
        """The row of ``predictions.csv``, as `HEADER` names it."""
        keys = (self.location, self.product_id, self.batch_id, self.row, self.target, self.unit)
        if self.estimate is None:
            return (*keys, *[None] * 8, self.note)
        estimate = self.estimate
        ends = (end if math.isfinite(end) else None for end in (estimate.lower, estimate.upper))
        flags = (_yes_or_no(flag=estimate.limited), _yes_or_no(flag=self.outside_training))
        likeness = (self.likeness.chance, "; ".join(self.likeness.features)) if self.likeness else (None, "")
        return (*keys, estimate.value, *ends, *flags, *likeness, "; ".join(estimate.outside), self.note)


def predict_group(model: LocationModel, product_id: str, rows: FeatureRows) -> Iterator[Prediction]:
    """Predict every target of some batches of a product.

    Args:
        model: The model of the location.
        product_id: The product.
        rows: The batches, with the features of the location in its order.

    Raises:
        DataError: The model does not know the product, or a prediction is not a finite number.
    """
    import numpy as np

    group = model.group(product_id)
    shown = shown_features(model.feature_names, model.recipe.categories)
    gaps = np.isnan(rows.features)
    missing = [[feature.name for feature in shown if line[list(feature.places)].any()] for line in gaps]
    likeness = likeness_of(group.space, shown, rows.features)
    estimates = {name: estimate_rows(model, target, rows.features) for name, target in group.targets.items()}
    for row, batch_id in enumerate(rows.batch_ids):
        for target in model.targets:
            trained = target.name in group.targets
            filled = f"filled with the mean of training: {', '.join(missing[row])}" if missing[row] else ""
            yield Prediction(
                location=model.location,
                product_id=product_id,
                batch_id=batch_id,
                row=row + 1,
                target=target.name,
                unit=target.unit,
                estimate=estimates[target.name][row] if trained else None,
                likeness=likeness[row] if trained else None,
                note=filled if trained else f"not trained: {group.untrained[target.name]}",
            )


def likeness_of(
    space: InputSpace | None, shown: Sequence[ShownFeature], features: NDArray[np.float64]
) -> list[Likeness | None]:
    """Say of rows of features, of shape (rows, features), how like those of training they are."""
    if space is None:
        return [None] * len(features)
    found = space.measure(features)
    likeness: list[Likeness | None] = []
    for chance, shares in zip(found.chance.tolist(), found.shares(), strict=True):
        parts = [(sum(shares[list(feature.places)].tolist()), feature.name) for feature in shown]
        named = [f"{name} {share:.0%}" for share, name in sorted(parts, key=lambda part: -part[0]) if share >= NAMED]
        likeness.append(Likeness(chance, tuple(named) if chance <= LEVEL else ()))
    return likeness


def estimate_rows(model: LocationModel, target: TargetModel, features: NDArray[np.float64]) -> list[Estimate]:
    """Predict one target of rows of features of shape (rows, features).

    Raises:
        DataError: A prediction is not a finite number, or lies outside its interval.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is refused below
        unlimited = target.predict_unlimited(features)
        values = target.predict(features) + 0.0  # a minus zero is none
        lower, upper = target.interval(values)
    wrong = np.flatnonzero(~(np.isfinite(unlimited) & (lower <= values) & (values <= upper)))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"row {row + 1} can't be predicted",
            where=model.location,
            found=f"{unlimited[row]:g}, in an interval of {lower[row]:g} to {upper[row]:g}",
            expected="a finite number inside its interval",
            hint="look for extreme values among the features of this row, and in what the model was trained on",
        )
    columns = (values, lower, upper, values != unlimited)
    outside = name_outside(shown_features(model.feature_names, model.recipe.categories), target, features)
    return [
        Estimate(value, lower, upper, limited, tuple(f"{name} {text}" for name, text in texts.items()))
        for value, lower, upper, limited, texts in zip(*(column.tolist() for column in columns), outside, strict=True)
    ]


def name_outside(
    shown: Sequence[ShownFeature], target: TargetModel, features: NDArray[np.float64]
) -> list[dict[str, str]]:
    """Say per row which of its features lie outside the range seen in training: ``above 12.5``, ``B not seen``.

    Args:
        shown: The features as they are shown.
        target: The model.
        features: Shape (rows, features).

    Returns:
        Per row the texts by feature, in the order of `shown`.
    """
    import numpy as np

    outside = target.outside(features)
    named: list[dict[str, str]] = [{} for _ in features]
    for feature in shown:
        for row in np.flatnonzero(outside[:, feature.places].any(axis=1)).tolist():
            place, value = feature.places[0], feature.value(features[row].tolist())
            if isinstance(value, str):
                text = f"{value} not seen"
            elif value > target.maximum[place]:
                text = f"above {target.maximum[place]:.6g}"
            else:
                text = f"below {target.minimum[place]:.6g}"
            named[row][feature.name] = text
    return named


def _yes_or_no(*, flag: bool) -> str:
    return "yes" if flag else "no"

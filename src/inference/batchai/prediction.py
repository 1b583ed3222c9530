"""Predictions of batches with a trained model, and which of them lie outside what the model has seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.model import LocationModel, TargetModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = (
    *("location", "product_id", "batch_id", "row", "target", "unit"),
    *("prediction", "outside_training", "outside_features", "note"),
)


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
        value: The prediction, NaN where there is no model.
        outside: The features outside the range seen in training, as ``name above 12.5``.
        note: Why there is no prediction, or which values were filled.
    """

    location: str
    product_id: str
    batch_id: str
    row: int
    target: str
    unit: str
    value: float
    outside: tuple[str, ...] = ()
    note: str = ""

    def cells(self) -> tuple[object, ...]:
        """The row of ``predictions.csv``, as `HEADER` names it."""
        flag = "" if self.value != self.value else "yes" if self.outside else "no"
        keys = (self.location, self.product_id, self.batch_id, self.row, self.target, self.unit)
        return (*keys, self.value, flag, "; ".join(self.outside), self.note)


def predict_group(model: LocationModel, product_id: str, rows: FeatureRows) -> Iterator[Prediction]:
    """Predict every target of some batches of a product.

    Args:
        model: The model of the location.
        product_id: The product.
        rows: The batches, with the features of the location in its order.

    Raises:
        DataError: The model does not know the product.
    """
    import numpy as np

    group = model.group(product_id)
    missing = [_names(model.feature_names, line) for line in np.isnan(rows.features)]
    predicted = {name: target.predict(rows.features) for name, target in group.targets.items()}
    outside = {name: _outside(model, target, rows.features) for name, target in group.targets.items()}
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
                value=float(predicted[target.name][row]) if trained else float("nan"),
                outside=outside[target.name][row] if trained else (),
                note=filled if trained else f"not trained: {group.untrained[target.name]}",
            )


def _outside(model: LocationModel, target: TargetModel, features: NDArray[np.float64]) -> list[tuple[str, ...]]:
    """Name the features outside the range seen in training, per row."""
    import numpy as np

    flags = target.outside(features)
    named: list[tuple[str, ...]] = [()] * len(features)
    for row in np.flatnonzero(flags.any(axis=1)).tolist():
        named[row] = tuple(
            f"{model.feature_names[place]} above {target.maximum[place]:.6g}"
            if features[row, place] > target.maximum[place]
            else f"{model.feature_names[place]} below {target.minimum[place]:.6g}"
            for place in np.flatnonzero(flags[row]).tolist()
        )
    return named


def _names(names: Iterable[str], flags: NDArray[np.bool_]) -> list[str]:
    return [name for name, flag in zip(names, flags, strict=True) if flag]


def check_features(model: LocationModel, prepared: PreparedLocation) -> None:
    """Check that prepared data has the features that the model was trained on.

    Raises:
        DataError: Features are missing or unknown.
    """
    missing = [name for name in model.feature_names if name not in prepared.feature_names]
    unknown = [name for name in prepared.feature_names if name not in model.feature_names]
    if missing or unknown or model.feature_names != prepared.feature_names:
        raise DataError(
            f"the prepared data of {model.location} has other features than the model",
            found=f"missing: {some_of(missing) or 'none'}; unknown: {some_of(unknown) or 'none'}",
            expected=some_of(model.feature_names, most=12),
            hint="train again on this data: python src/training/batchai/batchai_training.py",
        )

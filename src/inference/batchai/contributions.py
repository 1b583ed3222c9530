"""Why a batch is predicted what it is: the contribution of each feature."""

from __future__ import annotations

from collections.abc import Iterator

from src.data_preparation.batchai.group_tables import FeatureRows
from src.inference.batchai.prediction import name_outside
from src.training.batchai.model import LocationModel

HEADER = ("location", "product_id", "batch_id", "row", "target", "feature", "value", "contribution", "outside")
MEAN, LIMIT = "(mean)", "(limit)"
"""The prediction of the mean batch, and what clipping a prediction took from it."""


def contributions_of_group(
    model: LocationModel, product_id: str, rows: FeatureRows
) -> Iterator[tuple[str, str, str, int, str, str, float | None, float, str]]:
    """Take the predictions of a product's batches apart.

    The contributions of one row and target add up to its prediction: first that of the mean batch, `MEAN`, then
    coefficient times the clipped value's distance from the mean of training for each feature, and where the
    prediction was clipped, `LIMIT` last.

    Args:
        model: The model of the location.
        product_id: The product.
        rows: The batches, with the features of the location in its order.

    Yields:
        Rows as `HEADER` names them; `value` is the value as it was given, NaN where it was missing.

    Raises:
        DataError: The model does not know the product.
    """
    for name, target in model.group(product_id).targets.items():
        parts = target.contributions(rows.features) + 0.0  # a minus zero is none
        cuts = target.predict(rows.features) - target.predict_unlimited(rows.features)
        outside = name_outside(model, target, rows.features)
        for row, batch_id in enumerate(rows.batch_ids):
            key = (model.location, product_id, batch_id, row + 1, name)
            yield (*key, MEAN, None, target.mean_prediction, "")
            columns = (rows.features[row].tolist(), parts[row].tolist(), outside[row])
            for feature, value, part, text in zip(model.feature_names, *columns, strict=True):
                yield (*key, feature, value, part, text.removeprefix(f"{feature} "))
            if cuts[row]:
                yield (*key, LIMIT, None, float(cuts[row]), "")

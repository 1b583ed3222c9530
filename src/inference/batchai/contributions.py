"""Why a batch is predicted what it is: the contribution of each feature."""

from __future__ import annotations

from collections.abc import Iterator

from src.data_preparation.batchai.group_tables import FeatureRows
from src.inference.batchai.prediction import name_outside
from src.training.batchai.model import LocationModel
from src.training.batchai.shown_features import shown_features

HEADER = ("location", "product_id", "batch_id", "row", "target", "feature", "value", "contribution", "outside")
MEAN, LIMIT = "(mean)", "(limit)"
"""The prediction of the mean batch, and what clipping a prediction took from it."""


def contributions_of_group(
    model: LocationModel, product_id: str, rows: FeatureRows
) -> Iterator[tuple[str, str, str, int, str, str, float | str | None, float, str]]:
    """Take the predictions of a product's batches apart.

    The contributions of one row and target add up to its prediction: first that of the mean batch, `MEAN`, then what
    each feature adds (see `TargetModel.contributions`; the indicators of a category together), and where the prediction
    was clipped, `LIMIT` last.

    Args:
        model: The model of the location.
        product_id: The product.
        rows: The batches, with the features of the location in its order.

    Yields:
        Rows as `HEADER` names them; `value` is the value as it was given, NaN where it was missing; of a category the
        level, empty where it is not known.

    Raises:
        DataError: The model does not know the product.
    """
    import numpy as np

    features = shown_features(model.feature_names, model.recipe.categories)
    for name, target in model.group(product_id).targets.items():
        added = target.contributions(rows.features)
        parts = np.column_stack([added[:, feature.places].sum(axis=1) for feature in features]) + 0.0  # no minus zero
        cuts = target.predict(rows.features) - target.predict_unlimited(rows.features)
        outside = name_outside(features, target, rows.features)
        for row, (batch_id, values) in enumerate(zip(rows.batch_ids, rows.features.tolist(), strict=True)):
            key = (model.location, product_id, batch_id, row + 1, name)
            yield (*key, MEAN, None, target.mean_prediction, "")
            for feature, part in zip(features, parts[row].tolist(), strict=True):
                yield (*key, feature.name, feature.value(values), part, outside[row].get(feature.name, ""))
            if cuts[row]:
                yield (*key, LIMIT, None, float(cuts[row]), "")

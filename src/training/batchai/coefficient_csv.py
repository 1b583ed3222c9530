"""``coefficient.csv``, of the model and exported to ``Training_Output/``: coefficients, with errors and intervals."""

from __future__ import annotations

from collections.abc import Sequence

from src.common.csv_columns import Texts, format_columns
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import GroupFit, TargetFit
from src.training.batchai.model import INTERCEPT
from src.training.batchai.row_keys import key_columns

COEFFICIENT = "coefficient.csv"
LINES = ("intercept", "line")
COEFFICIENT_HEADER = (
    *("location", "product_id", "target", "feature", "coefficient", "error", "standardised", "lower", "upper"),
    *("term", "with_feature", "at"),
)
"""`term` is ``intercept``, ``line``, ``curve`` (a row for each knot, `at` it: the deviation from the line) or ``pair``
(about the means of the feature and of `with_feature`)."""


def coefficient_rows(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> bytes:
    """The rows of ``coefficient.csv``: the intercept, then each coefficient with its error and interval.

    A feature that never varied in a product, such as an ingredient that it does not have, has no row there: nothing is
    known of its effect, and that is not the same as an effect of zero.
    """
    import numpy as np

    trained = [
        (group.product_id, name, fit)
        for group in fits
        for name, fit in group.targets.items()
        if isinstance(fit, TargetFit)
    ]
    if not trained:
        return b""
    names = [INTERCEPT, *prepared.feature_names]
    values = np.full((5, len(trained), len(names)), np.nan)
    varies = np.ones((len(trained), len(names)), dtype=bool)
    for place, (*_, fit) in enumerate(trained):
        values[0, place, 0] = fit.intercept
        values[0, place, 1:], values[1, place, 1:], values[2, place, 1:] = (
            fit.coefficients,
            fit.errors,
            fit.standardised,
        )
        values[3:, place, 1:] = fit.intervals
        varies[place, 1:] = fit.fit.spread > 0
    keys = key_columns(prepared.location, [(product, name) for product, name, _ in trained])
    features = Texts(names, np.nonzero(varies)[1])
    term = Texts(list(LINES), np.minimum(features.codes, 1))
    no_other, no_knot = Texts([""], np.zeros_like(features.codes)), np.full(len(features.codes), np.nan)
    columns = [*values[:, varies], term, no_other, no_knot]
    return format_columns([*(key.each(varies.sum(axis=1)) for key in keys), features, *columns])

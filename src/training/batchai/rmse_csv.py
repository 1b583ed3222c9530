"""``rmse.csv`` of the model: the expected error of every target of every group, or why it was not trained.

It is exported to ``Training_Output/``.
"""

from __future__ import annotations

from collections.abc import Sequence

from src.common.csv_columns import Texts, format_columns
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import GroupFit, TargetFit
from src.training.batchai.row_keys import key_columns

RMSE = "rmse.csv"
RMSE_HEADER = (
    *("location", "product_id", "target", "unit", "batches", "rmse", "rmse_mean", "skill", "rmse_forward"),
    *("rmse_mean_forward", "alpha", "prior", "borrowed", "not_trained"),
)


def rmse_rows(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> bytes:
    """The rows of ``rmse.csv``: the expected error of every target of every group, or why it was not trained."""
    import numpy as np

    every = [(group, target, group.targets[target.name]) for group in fits for target in prepared.targets]
    if not every:
        return b""
    numbers = np.full((6, len(every)), np.nan)
    borrowed = np.full(len(every), np.nan)
    for place, (_, _, fit) in enumerate(every):
        if isinstance(fit, TargetFit):
            errors = (fit.rmse, fit.rmse_mean, fit.skill, fit.rmse_forward, fit.rmse_mean_forward)
            numbers[:, place] = (*errors, fit.fit.penalty[fit.place])
            borrowed[place] = fit.fit.share[fit.place]
    return format_columns(
        [
            *key_columns(prepared.location, [(group.product_id, target.name) for group, target, _ in every]),
            Texts.of([target.unit for _, target, _ in every]),
            np.asarray([group.measured[target.name] for group, target, _ in every]),
            *numbers,
            Texts.of(["" if isinstance(fit, str) else fit.prior for _, _, fit in every]),
            borrowed,
            Texts.of([fit if isinstance(fit, str) else "" for _, _, fit in every]),
        ]
    )

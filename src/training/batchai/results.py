"""What training hands over: the model, and the rows of ``coefficient.csv`` and ``rmse.csv``."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from src.common.csv_columns import Texts, format_columns
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import GroupFit, TargetFit, TrainingOptions
from src.training.batchai.model import INTERCEPT, GroupModel, Limits, LocationModel, TargetModel
from src.training.batchai.model_files import key_columns
from src.training.batchai.ridge.evidence import PENALTIES

KIND = "training results"
COEFFICIENT, RMSE = "coefficient.csv", "rmse.csv"
COEFFICIENT_HEADER = (
    *("location", "product_id", "target", "feature", "coefficient", "error", "standardised", "lower", "upper"),
)
RMSE_HEADER = (
    *("location", "product_id", "target", "unit", "batches", "rmse", "rmse_mean", "skill", "rmse_forward"),
    *("rmse_mean_forward", "alpha", "prior", "borrowed", "not_trained"),
)


def location_model(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> LocationModel:
    """The model of a location from its fits."""
    return LocationModel(
        location=prepared.location,
        feature_names=prepared.feature_names,
        targets=prepared.targets,
        groups={
            fit.product_id: GroupModel(
                product_id=fit.product_id,
                targets={name: _target_model(part) for name, part in fit.targets.items() if not isinstance(part, str)},
                untrained={name: part for name, part in fit.targets.items() if isinstance(part, str)},
                batches=fit.batches,
                last_batch=fit.last_batch,
            )
            for fit in fits
        },
        recipe=prepared.recipe,
    )


def _target_model(fit: TargetFit) -> TargetModel:
    place, scores = fit.place, fit.fit.scores
    return TargetModel(
        intercept=fit.intercept,
        coefficients=fit.coefficients,
        minimum=fit.fit.minimum,
        maximum=fit.fit.maximum,
        fill=fit.fit.fill,
        residuals=scores.quantiles[:, place],
        lowest=float(fit.fit.lowest[place]),
        highest=float(fit.fit.highest[place]),
        limits=Limits(),
        radius=scores.radius(place),
        forward_coverage=float(scores.forward_coverage[place]),
    )


def training_facts(options: TrainingOptions) -> Mapping[str, Any]:
    """How the model was trained, for ``model.json``. Threads don't matter, so they are not named."""
    return {
        "method": "linear, averaged by restricted likelihood, partially pooled; cross-validated by batch or key",
        "folds": options.folds,
        "min_batches": options.min_batches,
        "penalties": len(PENALTIES) + 1,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "pyarrow")},
    }


def coefficient_rows(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> bytes:
    """The rows of ``coefficient.csv``: the intercept, then each coefficient with its error and interval."""
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
    for place, (*_, fit) in enumerate(trained):
        values[0, place, 0] = fit.intercept
        values[0, place, 1:], values[1, place, 1:], values[2, place, 1:] = (
            fit.coefficients,
            fit.errors,
            fit.standardised,
        )
        values[3:, place, 1:] = fit.intervals
    keys = key_columns(prepared.location, [(product, name) for product, name, _ in trained])
    features = Texts(names, np.tile(np.arange(len(names)), len(trained)))
    return format_columns([*(key.each(len(names)) for key in keys), features, *values.reshape(5, -1)])


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

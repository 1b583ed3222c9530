"""What training hands over: the model, ``coefficient.csv`` and ``rmse.csv``."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from src.common.tables import format_csv
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import GroupFit, TargetFit, TrainingOptions
from src.training.batchai.model import INTERCEPT, QUANTILES, GroupModel, LocationModel, Model, TargetModel
from src.training.batchai.nested_ridge import MARGIN, PENALTIES

KIND = "training results"
COEFFICIENT, RMSE = "coefficient.csv", "rmse.csv"
RMSE_HEADER = (
    *("location", "product_id", "target", "unit", "batches", "rmse", "rmse_mean", "skill", "alpha", "prior"),
    "not_trained",
)
NO_PRIOR = "none"


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
    )


def _target_model(fit: TargetFit) -> TargetModel:
    import numpy as np

    return TargetModel(
        intercept=float(fit.path.intercepts[fit.chosen]),
        coefficients=fit.path.coefficients[fit.chosen],
        minimum=fit.path.minimum,
        maximum=fit.path.maximum,
        fill=fit.path.fill,
        residuals=np.asarray(np.quantile(fit.residuals, QUANTILES), dtype=np.float64),
        margin=MARGIN,
    )


def training_facts(options: TrainingOptions) -> Mapping[str, Any]:
    """How the model was trained, for ``model.json``. Threads don't matter, so they are not named."""
    return {
        "method": "ridge per location, product and target; nested cross-validation by batch",
        "folds": options.folds,
        "min_batches": options.min_batches,
        "penalties": len(PENALTIES),
        "margin": MARGIN,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "pyarrow")},
    }


def format_coefficients(model: Model) -> str:
    """``coefficient.csv``: every coefficient in original units, the intercept first."""
    return format_csv(("location", "product_id", "target", "feature", "coefficient"), _coefficients(model))


def _coefficients(model: Model) -> Iterator[tuple[object, ...]]:
    for location, group, name, target in model.trained():
        key = (location.location, group.product_id, name)
        yield (*key, INTERCEPT, target.intercept)
        for feature, coefficient in zip(location.feature_names, target.coefficients.tolist(), strict=True):
            yield (*key, feature, coefficient)


def format_rmse(locations: Sequence[tuple[PreparedLocation, Sequence[GroupFit]]]) -> str:
    """``rmse.csv``: the expected error of every target of every group, or why it was not trained."""
    return format_csv(RMSE_HEADER, [row for prepared, fits in locations for row in _rmse_rows(prepared, fits)])


def _rmse_rows(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> Iterator[tuple[object, ...]]:
    for group in fits:
        for target in prepared.targets:
            key = (prepared.location, group.product_id, target.name, target.unit)
            fit = group.targets[target.name]
            if isinstance(fit, str):
                yield (*key, group.batches, None, None, None, None, None, fit)
            else:
                yield (*key, fit.batches, fit.rmse, fit.rmse_mean, fit.skill, fit.alpha, NO_PRIOR, "")

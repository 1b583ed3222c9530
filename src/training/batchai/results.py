"""What training hands over: the model, ``coefficient.csv`` and ``rmse.csv``."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from src.common.tables import format_csv
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.candidates import PENALTIES
from src.training.batchai.intervals import fit_radius, forward_coverage
from src.training.batchai.location_fit import GroupFit, TargetFit, TrainingOptions
from src.training.batchai.model import INTERCEPT, QUANTILES, GroupModel, Limits, LocationModel, TargetModel

KIND = "training results"
COEFFICIENT, RMSE = "coefficient.csv", "rmse.csv"
COEFFICIENT_HEADER = ("location", "product_id", "target", "feature", "coefficient", "error", "standardised")
RMSE_HEADER = (
    *("location", "product_id", "target", "unit", "batches", "rmse", "rmse_mean", "skill", "rmse_forward"),
    *("rmse_mean_forward", "alpha", "prior", "solver", "not_trained"),
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
    import numpy as np

    values = fit.problem.values[:, fit.place]
    lowest, highest = float(values.min()), float(values.max())
    predicted, later = fit.fit.predicted[:, fit.place], fit.fit.forward.predicted[:, fit.place]
    radius = fit_radius(fit.residuals, predicted, lowest=lowest, highest=highest, batches=fit.problem.batches)
    radii = radius.at(later, lowest=lowest, highest=highest)
    return TargetModel(
        intercept=fit.intercept,
        coefficients=fit.coefficients,
        minimum=fit.fit.minimum,
        maximum=fit.fit.maximum,
        fill=fit.fit.fill,
        residuals=np.asarray(np.quantile(fit.residuals, QUANTILES), dtype=np.float64),
        lowest=lowest,
        highest=highest,
        limits=Limits(),
        radius=radius,
        forward_coverage=forward_coverage(fit.forward_residuals, radii),
    )


def training_facts(options: TrainingOptions) -> Mapping[str, Any]:
    """How the model was trained, for ``model.json``. Threads don't matter, so they are not named."""
    return {
        "method": "ridge per location, product and target, partially pooled; nested cross-validation by batch",
        "folds": options.folds,
        "min_batches": options.min_batches,
        "penalties": len(PENALTIES),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "pyarrow")},
    }


def format_coefficients(locations: Sequence[tuple[PreparedLocation, Sequence[GroupFit]]]) -> str:
    """``coefficient.csv``: the intercept, then each coefficient, its standard error, and it standardised."""
    return format_csv(COEFFICIENT_HEADER, [row for part, fits in locations for row in _coefficient_rows(part, fits)])


def _coefficient_rows(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> Iterator[tuple[object, ...]]:
    for group in fits:
        for name, fit in group.targets.items():
            if isinstance(fit, TargetFit):
                key = (prepared.location, group.product_id, name)
                yield (*key, INTERCEPT, fit.intercept, None, None)
                columns = (fit.coefficients, fit.errors, fit.standardised)
                for feature, *values in zip(prepared.feature_names, *(c.tolist() for c in columns), strict=True):
                    yield (*key, feature, *values)


def format_rmse(locations: Sequence[tuple[PreparedLocation, Sequence[GroupFit]]]) -> str:
    """``rmse.csv``: the expected error of every target of every group, or why it was not trained."""
    return format_csv(RMSE_HEADER, [row for prepared, fits in locations for row in _rmse_rows(prepared, fits)])


def _rmse_rows(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> Iterator[tuple[object, ...]]:
    for group in fits:
        for target in prepared.targets:
            key = (prepared.location, group.product_id, target.name, target.unit)
            fit = group.targets[target.name]
            if isinstance(fit, str):
                yield (*key, group.measured[target.name], *[None] * 8, fit)
            else:
                errors = (fit.rmse, fit.rmse_mean, fit.skill, fit.rmse_forward, fit.rmse_mean_forward)
                chosen = (fit.fit.penalty(fit.place), fit.fit.prior(fit.place), fit.fit.solver.value)
                yield (*key, fit.problem.batches, *errors, *chosen, "")

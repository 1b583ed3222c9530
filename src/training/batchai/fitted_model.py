"""The model of a location from its fits, and how it was trained."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.training.batchai.input_space import InputSpace, fit_input_space
from src.training.batchai.location_fit import GroupFit, TargetFit, TrainingOptions
from src.training.batchai.model import GroupModel, Limits, LocationModel, TargetModel
from src.training.batchai.ridge.evidence import PENALTIES


def location_model(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> LocationModel:
    """The model of a location from its fits."""
    trained = {fit.product_id for fit in fits if not all(isinstance(part, str) for part in fit.targets.values())}
    spaces = {group.product_id: _space(group) for group in prepared.groups if group.product_id in trained}
    scales = {target.name: target.scale for target in prepared.targets}
    return LocationModel(
        location=prepared.location,
        feature_names=prepared.feature_names,
        targets=prepared.targets,
        groups={
            fit.product_id: GroupModel(
                product_id=fit.product_id,
                targets={
                    name: _target_model(part, scales[name])
                    for name, part in fit.targets.items()
                    if not isinstance(part, str)
                },
                untrained={name: part for name, part in fit.targets.items() if isinstance(part, str)},
                batches=fit.batches,
                last_batch=fit.last_batch,
                space=spaces.get(fit.product_id),
            )
            for fit in fits
        },
        recipe=prepared.recipe,
        derived=prepared.derived,
    )


def _space(group: PreparedGroup) -> InputSpace | None:
    """How the features of a product's measured batches move together."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    number = {batch: place for place, batch in enumerate(dict.fromkeys(group.batch_ids.tolist()))}
    batches = np.asarray([number[batch] for batch in group.batch_ids.tolist()], dtype=np.int64)
    with threadpool_limits(limits=1, user_api="blas"):  # more could change last bits
        return fit_input_space(group.features, batches)


def _target_model(fit: TargetFit, scale: str) -> TargetModel:
    place, scores = fit.place, fit.fit.scores
    return TargetModel(
        intercept=fit.intercept,
        coefficients=fit.coefficients,
        minimum=fit.fit.minimum,
        maximum=fit.fit.maximum,
        fill=fit.fit.fill,
        residuals=scores.quantiles[:, place],
        lowest=float(fit.problem.measured[:, place].min()),
        highest=float(fit.problem.measured[:, place].max()),
        limits=Limits(),
        radius=scores.radius(place),
        forward_coverage=float(scores.forward_coverage[place]),
        scale=scale,
        curves=fit.curves,
        pairs=fit.pairs,
    )


def training_facts(options: TrainingOptions) -> Mapping[str, Any]:
    """How the model was trained, for ``model.json``. Threads don't matter, so they are not named."""
    return {
        "method": "averaged by restricted likelihood, partially pooled; cross-validated by batch or key",
        "terms": options.terms.value,
        "folds": options.folds,
        "min_batches": options.min_batches,
        "penalties": len(PENALTIES) + 1,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "pyarrow")},
    }

"""The fits of a location: every product, every target, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.training.batchai.folds import folds_of_rows
from src.training.batchai.nested_ridge import PENALTIES, RidgePath, nested_ridge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        folds: Folds of the cross-validation.
        min_batches: A group with fewer measured batches of a target is not trained.
        threads: Threads that train at the same time. The result does not depend on it.
    """

    folds: int = 10
    min_batches: int = 20
    threads: int = 1


@dataclass(frozen=True)
class TargetFit:
    """The fit of one target of one group.

    Attributes:
        path: The fits of all penalties on all rows.
        chosen: The position of the chosen penalty.
        batches: How many batches were measured.
        rows: How many rows were measured; a batch may have several.
        rmse: Cross-validated and nested: everything chosen was chosen without the batches it is judged on.
        rmse_mean: The error of predicting the training mean in the same folds.
        residuals: Shape (rows,): measured minus predicted, out of fold.
    """

    path: RidgePath
    chosen: int
    batches: int
    rows: int
    rmse: float
    rmse_mean: float
    residuals: NDArray[np.float64]

    @property
    def alpha(self) -> float:
        """The chosen penalty on standardised features; infinite for the mean alone."""
        return float(PENALTIES[self.chosen])

    @property
    def skill(self) -> float:
        """The share of the mean's error that the model takes away: 1 − rmse / rmse_mean."""
        return 1 - self.rmse / self.rmse_mean


@dataclass(frozen=True)
class GroupFit:
    """The fits of a product, by target: the fit, or a sentence that says why there is none."""

    product_id: str
    batches: int
    last_batch: str
    targets: dict[str, TargetFit | str]


def fit_location(
    prepared: PreparedLocation, options: TrainingOptions, *, done: Callable[[], None] = lambda: None
) -> list[GroupFit]:
    """Fit every target of every group of a location.

    Args:
        prepared: The prepared data of the location.
        options: How to train.
        done: Called after each group.
    """
    from threadpoolctl import threadpool_limits

    def fit(group: PreparedGroup) -> GroupFit:
        fitted = _fit_group(prepared, group, options)
        done()
        return fitted

    # many small problems: one thread each beats BLAS threads, and the last bits don't depend on their number
    with threadpool_limits(limits=1), ThreadPoolExecutor(max_workers=max(1, options.threads)) as pool:
        return list(pool.map(fit, prepared.groups))


def _fit_group(prepared: PreparedLocation, group: PreparedGroup, options: TrainingOptions) -> GroupFit:
    import numpy as np

    ids = group.batch_ids
    key = f"{prepared.location}/{group.product_id}"
    fits: dict[str, TargetFit | str] = {}
    for place, target in enumerate(prepared.targets):
        measured = ~np.isnan(group.targets[:, place])
        names, batches = np.unique(ids[measured], return_inverse=True)
        values = group.targets[measured, place]
        if len(names) < options.min_batches:
            fits[target.name] = f"{len(names)} measured batches, at least {options.min_batches} are needed"
        elif np.ptp(values) == 0:
            fits[target.name] = f"constant: every batch measured {values[0]:g}"
        else:
            folds = folds_of_rows(batches, folds=options.folds, key=key)
            fits[target.name] = _fit_target(group.features[measured], values, folds, batches=len(names))
    return GroupFit(group.product_id, len(set(ids)), str(ids[-1]) if len(ids) else "", fits)


def _fit_target(
    features: NDArray[np.float64], values: NDArray[np.float64], folds: NDArray[np.int64], *, batches: int
) -> TargetFit:
    import numpy as np

    nested = nested_ridge(features, values, folds)
    return TargetFit(
        path=nested.path,
        chosen=nested.chosen,
        batches=batches,
        rows=len(values),
        rmse=float(np.sqrt(np.mean(nested.residuals**2))),
        rmse_mean=float(np.sqrt(np.mean(nested.mean_residuals**2))),
        residuals=nested.residuals,
    )

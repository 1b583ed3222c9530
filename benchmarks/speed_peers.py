"""What people use instead for ridge regression of many groups, as fast as each can be used without much ado."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src.data_preparation.batchai.prepared_data import PreparedLocation

if TYPE_CHECKING:
    from collections.abc import Iterator

Array = NDArray[np.float64]
GRID = np.logspace(-5, 5, 21)
"""The penalties on standardised features, for everyone."""
ONE_PENALTY = 1.0


def has_polars() -> bool:
    """Whether polars and its two plugins are installed."""
    return all(find_spec(name) is not None for name in ("polars", "polars_ols", "polars_ds"))


def long_frame(prepared: PreparedLocation, *, groups: int, folds: int) -> pd.DataFrame:
    """The first groups as one table: features, targets, the number of the group and of the fold."""
    some = prepared.groups[:groups]
    columns = {
        **dict(zip(prepared.feature_names, np.concatenate([group.features for group in some]).T, strict=True)),
        **dict(
            zip((t.name for t in prepared.targets), np.concatenate([group.targets for group in some]).T, strict=True)
        ),
    }
    sizes = [len(group.batch_ids) for group in some]
    fold = np.concatenate([np.arange(size) % folds for size in sizes])
    return pd.DataFrame({"group": np.repeat(np.arange(len(some)), sizes), "fold": fold, **columns})


def _group_arrays(prepared: PreparedLocation, frame: pd.DataFrame) -> Iterator[tuple[Array, Array, NDArray[np.int64]]]:
    features, targets = list(prepared.feature_names), [target.name for target in prepared.targets]
    for _, part in frame.groupby("group", sort=False):
        yield part[features].to_numpy(), part[targets].to_numpy(), part["fold"].to_numpy()


def grid_search(
    prepared: PreparedLocation, frame: pd.DataFrame, *, scoring: str = "neg_root_mean_squared_error"
) -> list[float]:
    """scikit-learn's GridSearchCV over penalties, one for all targets of a group. Returns the chosen ones."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, PredefinedSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = []
    for features, targets, folds in _group_arrays(prepared, frame):
        search = GridSearchCV(
            make_pipeline(StandardScaler(), Ridge()),
            {"ridge__alpha": GRID},
            cv=PredefinedSplit(folds),
            scoring=scoring,
        )
        chosen.append(float(search.fit(features, targets).best_params_["ridge__alpha"]))
    return chosen


def ridge_cv(prepared: PreparedLocation, frame: pd.DataFrame) -> list[Array]:
    """scikit-learn's RidgeCV, which judges penalties by leaving one row out, not by folds."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = []
    for features, targets, _ in _group_arrays(prepared, frame):
        model = make_pipeline(StandardScaler(), RidgeCV(alphas=GRID, alpha_per_target=True))
        chosen.append(np.asarray(model.fit(features, targets)[-1].alpha_))
    return chosen


def numpy_loop(prepared: PreparedLocation, frame: pd.DataFrame) -> list[tuple[Array, Array, Array]]:
    """A careful loop over groups: one eigen-decomposition per fold, all penalties and targets at once."""
    count = int(frame["fold"].max()) + 1
    return [_one_group(*arrays, count=count) for arrays in _group_arrays(prepared, frame)]


def _one_group(features: Array, targets: Array, folds: NDArray[np.int64], *, count: int) -> tuple[Array, Array, Array]:
    """Chosen penalties (targets,), coefficients (features, targets) and cross-validated errors (targets,)."""
    width = features.shape[1]
    center, scale = features.mean(axis=0), features.std(axis=0)
    level, unit = targets.mean(axis=0), targets.std(axis=0)
    rows = np.column_stack([np.ones(len(targets)), (features - center) / scale, (targets - level) / unit])
    parts = [rows[folds == fold] for fold in range(count)]
    products = [part.T @ part for part in parts]
    total = np.sum(products, axis=0)
    errors = np.zeros((len(GRID), targets.shape[1]))
    for part, product in zip(parts, products, strict=True):
        mean, target_mean, path = _path(total - product, width)
        predicted = (part[:, 1 : 1 + width] - mean) @ path + target_mean
        errors += ((part[:, 1 + width :] - predicted) ** 2).sum(axis=1)
    best = errors.argmin(axis=0)
    place = np.arange(len(best))
    *_, path = _path(total, width)
    rmse = np.sqrt(errors[best, place] / len(targets)) * unit
    return GRID[best], path[best, :, place].T / scale[:, None] * unit, rmse


def _path(products: Array, width: int) -> tuple[Array, Array, Array]:
    """Means, target means, and coefficients of shape (penalties, features, targets) from cross-products."""
    count = products[0, 0]
    mean, target_mean = products[0, 1 : 1 + width] / count, products[0, 1 + width :] / count
    inner = products[1 : 1 + width, 1 : 1 + width] - count * np.outer(mean, mean)
    cross = products[1 : 1 + width, 1 + width :] - count * np.outer(mean, target_mean)
    deviation = np.sqrt(np.diag(inner) / count)
    values, vectors = np.linalg.eigh(inner / np.outer(deviation, deviation))
    turned = vectors.T @ (cross / deviation[:, None])
    path = vectors @ (turned / (values[:, None] + GRID[:, None, None])) / deviation[:, None]
    return mean, target_mean, path


class PolarsPeers:
    """Ridge regressions by polars and its plugins: one or more given penalties, coefficients only."""

    def __init__(self, prepared: PreparedLocation, frame: pd.DataFrame) -> None:
        import polars as pl

        self._frame = pl.DataFrame({name: frame[name].to_numpy() for name in frame.columns})
        self._features = list(prepared.feature_names)
        self._targets = [target.name for target in prepared.targets]
        self._folds = int(frame["fold"].max()) + 1

    def ols_one_penalty(self) -> object:
        """polars-ols, one penalty."""
        import polars as pl
        import polars_ols

        columns = [pl.col(name) for name in self._features]
        options = polars_ols.OLSKwargs(alpha=ONE_PENALTY)
        return self._frame.group_by("group").agg(
            *(
                polars_ols.compute_least_squares(
                    pl.col(name), *columns, add_intercept=True, mode="coefficients", ols_kwargs=options
                ).alias(name)
                for name in self._targets
            )
        )

    def ds_one_penalty(self) -> object:
        """polars-ds, one penalty."""
        import polars_ds

        return self._frame.group_by("group").agg(
            *(
                polars_ds.lin_reg(*self._features, target=name, add_bias=True, l2_reg=ONE_PENALTY).alias(name)
                for name in self._targets
            )
        )

    def ds_all_folds(self) -> object:
        """polars-ds, every training fold and penalty, without judging any."""
        import polars as pl
        import polars_ds

        expressions = []
        for fold in range(self._folds):
            kept = pl.col("fold") != fold
            columns = [pl.col(name).filter(kept) for name in self._features]
            for name in self._targets:
                target = pl.col(name).filter(kept)
                for place, penalty in enumerate(GRID.tolist()):
                    fit = polars_ds.lin_reg(*columns, target=target, add_bias=True, l2_reg=penalty)
                    expressions.append(fit.alias(f"{name}/{fold}/{place}"))
        return self._frame.group_by("group").agg(*expressions)

"""The nested cross-validation against scikit-learn's own parts, put together independently."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from src.training.batchai.folds import folds_of_rows
from src.training.batchai.nested_ridge import MARGIN, PENALTIES, fit_path, nested_ridge

Array = NDArray[np.float64]


class Limiter(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Limits values to the range of training and a margin, as scikit-learn would have it written."""

    def fit(self, X: Array, y: object = None) -> Limiter:
        room = MARGIN * (X.max(axis=0) - X.min(axis=0))
        self.lower_, self.upper_ = X.min(axis=0) - room, X.max(axis=0) + room
        return self

    def transform(self, X: Array) -> Array:
        return np.clip(X, self.lower_, self.upper_)


class RidgeOrMean(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge; with an infinite penalty the mean."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X: Array, y: Array) -> RidgeOrMean:
        self.model_ = Ridge(self.alpha, solver="svd") if np.isfinite(self.alpha) else DummyRegressor()
        self.model_.fit(X, y)
        return self

    def predict(self, X: Array) -> Array:
        return np.asarray(self.model_.predict(X))


def nested_by_scikit_learn(features: Array, target: Array, folds: NDArray[np.int64]) -> tuple[Array, float]:
    """Out-of-fold predictions, and the penalty of the final fit. The inner score weighs every row the same."""
    pipeline = Pipeline(
        [("fill", SimpleImputer()), ("limit", Limiter()), ("scale", StandardScaler()), ("ridge", RidgeOrMean())]
    )
    grid = {"ridge__alpha": sorted(PENALTIES, reverse=True)}  # of equal scores the first wins: the largest penalty

    def search(chosen: NDArray[np.int64]) -> float:
        rows = np.isin(folds, chosen)
        names, inner = np.unique(folds[rows], return_inverse=True)
        # mean over rows, not over folds: weigh each fold's mean squared error with its rows
        total: Array = np.zeros(len(PENALTIES))
        for fold in range(len(names)):
            split = PredefinedSplit(np.where(inner == fold, 0, -1))
            found = GridSearchCV(pipeline, grid, scoring="neg_mean_squared_error", cv=split, refit=False)
            found.fit(features[rows], target[rows])
            total -= found.cv_results_["mean_test_score"] * (inner == fold).sum()
        return float(grid["ridge__alpha"][int(np.argmin(total))])

    names = np.unique(folds)
    predicted = np.empty(len(target))
    for outer in names:
        alpha = search(names[names != outer])
        train, test = folds != outer, folds == outer
        predicted[test] = (
            pipeline.set_params(ridge__alpha=alpha).fit(features[train], target[train]).predict(features[test])
        )
    return predicted, search(names)


def problem(seed: int, rows: int = 60, width: int = 5, *, noise: float = 1.0) -> tuple[Array, Array, NDArray[np.int64]]:
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(rows, width)) * 10.0 ** chance.integers(-3, 4, width) + chance.normal(size=width)
    target = (features / features.std(axis=0)) @ chance.normal(size=width) + noise * chance.normal(size=rows) + 5
    return features, target, chance.integers(0, rows // 2, rows)


@pytest.mark.parametrize(
    ("name", "noise"), [("plain", 1.0), ("missing", 1.0), ("outliers", 0.3), ("wide", 0.5), ("nothing to learn", 1e6)]
)
def test_errors_and_penalty_agree_with_scikit_learn(name: str, noise: float) -> None:
    features, target, batches = problem(3, width=70 if name == "wide" else 5, noise=noise)
    if name == "missing":
        features[np.random.default_rng(1).random(features.shape) < 0.15] = np.nan
    if name == "outliers":
        features[7, 2] = 0
        features[11] *= 50
    folds = folds_of_rows(batches, folds=4, key="plant/P")
    predicted, alpha = nested_by_scikit_learn(features, target, folds)
    nested = nested_ridge(features, target, folds)
    assert PENALTIES[nested.chosen] == alpha
    rmse = np.sqrt(np.mean(nested.residuals**2))
    assert rmse == pytest.approx(np.sqrt(np.mean((target - predicted) ** 2)), rel=1e-6)
    np.testing.assert_allclose(target - nested.residuals, predicted, rtol=1e-6, atol=1e-6 * np.abs(target).max())


def test_the_error_of_the_mean_is_that_of_a_dummy_in_the_same_folds() -> None:
    features, target, batches = problem(5)
    folds = folds_of_rows(batches, folds=5, key="plant/P")
    predicted = cross_val_predict(DummyRegressor(), features, target, cv=PredefinedSplit(folds))
    np.testing.assert_allclose(nested_ridge(features, target, folds).mean_residuals, target - predicted, rtol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_coefficients_agree_with_scikit_learn_also_far_from_zero(offset: float) -> None:
    features, target, _ = problem(8, rows=200, width=4)
    features = features / features.std(axis=0) + offset
    path = fit_path(features, target, np.asarray(PENALTIES))
    for place, alpha in enumerate(PENALTIES[:-1]):
        scaler = StandardScaler().fit(features)
        ridge = Ridge(alpha, solver="svd").fit(scaler.transform(features), target)
        np.testing.assert_allclose(path.coefficients[place], ridge.coef_ / scaler.scale_, rtol=1e-7)
    assert np.all(path.coefficients[-1] == 0)
    assert path.intercepts[-1] == target.mean()


def test_a_constant_feature_and_an_empty_one_count_nothing() -> None:
    features, target, batches = problem(9)
    extended = np.column_stack([features, np.full(len(target), 0.1), np.full(len(target), np.nan)])
    folds = folds_of_rows(batches, folds=5, key="k")
    plain, more = nested_ridge(features, target, folds), nested_ridge(extended, target, folds)
    np.testing.assert_allclose(more.residuals, plain.residuals, rtol=1e-9, atol=1e-12)
    assert np.all(more.path.coefficients[:, 5:] == 0)
    assert np.all(np.isfinite(more.path.predict(extended)))


def test_a_far_away_instrument_reading_does_not_carry_the_prediction_away() -> None:
    features, target, batches = problem(10, noise=0.1)
    path = nested_ridge(features, target, folds_of_rows(batches, folds=5, key="k")).path
    wild = features[:1] * np.array([1.0, 1.0, 1e9, 1.0, 1.0])
    assert np.all(np.abs(path.predict(wild) - target.mean()) < 3 * np.ptp(target))

"""Nested cross-validation against scikit-learn's own parts, put together independently."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from src.training.batchai.ridge.candidates import PENALTIES, Priors
from src.training.batchai.ridge.exact_ridge import fit_exactly, fit_paths, predict_forward, spread_of
from src.training.batchai.ridge.fits import Solver
from src.training.batchai.ridge.grouped_ridge import GroupedRidge, fit_by_singular_values
from src.training.batchai.ridge.problems import FIRST_JUDGED, FIRST_TRIED, Problem
from test.support.problems import make_problem

Array = NDArray[np.float64]
NO_PRIOR = Priors.none(features=5, targets=2)


class Believer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fills gaps, limits values to the range of training and a quarter more, doubts what is half a width outside."""

    def fit(self, X: Array, y: object = None) -> Believer:
        self.mean_, self.low_, self.high_ = np.nanmean(X, axis=0), np.nanmin(X, axis=0), np.nanmax(X, axis=0)
        return self

    def transform(self, X: Array) -> Array:
        width = self.high_ - self.low_
        limited = np.minimum(np.maximum(X, self.low_ - 0.25 * width), self.high_ + 0.25 * width)
        doubted = np.isnan(X) | (self.low_ - 0.5 * width > X) | (self.high_ + 0.5 * width < X)
        return np.where(doubted, self.mean_, limited)


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


def pipeline(alpha: float) -> Pipeline:
    return Pipeline([("believe", Believer()), ("scale", StandardScaler()), ("ridge", RidgeOrMean(alpha))])


def chosen_by_scikit_learn(features: Array, target: Array, folds: NDArray[np.int64]) -> float:
    """The penalty whose error, and one standard error of its difference from the mean's, is smallest."""
    names = np.unique(folds)
    errors = np.empty((len(names), len(PENALTIES)))
    for column, alpha in enumerate(PENALTIES):
        predicted = cross_val_predict(pipeline(alpha), features, target, cv=PredefinedSplit(folds))
        errors[:, column] = [((target - predicted)[folds == name] ** 2).sum() for name in names]
    gain = errors - errors[:, -1:]
    scores = errors.sum(axis=0) + np.sqrt(len(names)) * gain.std(axis=0, ddof=1)
    return PENALTIES[len(PENALTIES) - 1 - int(np.argmin(scores[::-1]))]


def nested_by_scikit_learn(features: Array, target: Array, folds: NDArray[np.int64]) -> Array:
    """Out-of-fold predictions."""
    predicted = np.empty(len(target))
    for outer in np.unique(folds):
        train, test = folds != outer, folds == outer
        alpha = chosen_by_scikit_learn(features[train], target[train], folds[train])
        raw = pipeline(alpha).fit(features[train], target[train]).predict(features[test])
        low, high = target[train].min(), target[train].max()
        predicted[test] = np.clip(raw, low - 0.1 * (high - low), high + 0.1 * (high - low))
    return predicted


@pytest.mark.parametrize("case", ["plain", "repeated rows", "missing", "outliers", "wide", "nothing to learn"])
def test_errors_and_penalty_agree_with_scikit_learn(case: str) -> None:
    noise = {"nothing to learn": 1e6, "outliers": 0.3}.get(case, 1.0)
    repeated = 3 if case == "repeated rows" else 1
    problem = make_problem(3, features=70 if case == "wide" else 5, noise=noise, rows_per_batch=repeated)
    features = problem.features.copy()
    if case == "missing":
        features[np.random.default_rng(1).random(features.shape) < 0.15] = np.nan
    if case == "outliers":
        features[7, 2], features[11] = 0, features[11] * 50
    priors = Priors.none(features=features.shape[1], targets=2)
    fitted = fit_exactly(features, problem.values, problem.folds, priors)
    for place in range(2):
        target = problem.values[:, place]
        predicted = nested_by_scikit_learn(features, target, problem.folds)
        rmse = np.sqrt(np.mean((target - fitted.predicted[:, place]) ** 2))
        assert rmse == pytest.approx(np.sqrt(np.mean((target - predicted) ** 2)), rel=1e-6)
        scale = np.abs(target).max()
        np.testing.assert_allclose(fitted.predicted[:, place], predicted, rtol=1e-6, atol=1e-6 * scale)
        assert PENALTIES[fitted.chosen[place]] == chosen_by_scikit_learn(features, target, problem.folds)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_coefficients_agree_with_scikit_learn_also_far_from_zero(offset: float) -> None:
    problem = make_problem(8, rows=200)
    features = problem.features / problem.features.std(axis=0) + offset
    paths = fit_paths(features, problem.values, NO_PRIOR, spread=spread_of(features))
    for place, alpha in enumerate(PENALTIES[:-1]):
        scaler = StandardScaler().fit(features)
        ridge = Ridge(alpha, solver="svd").fit(scaler.transform(features), problem.values)
        expected = (ridge.coef_ / scaler.scale_).T
        np.testing.assert_allclose(paths.coefficients[place], expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())
    assert np.all(paths.coefficients[-1] == 0)
    np.testing.assert_allclose(paths.intercepts[-1], problem.values.mean(axis=0), rtol=1e-15)


def test_a_constant_feature_and_an_empty_one_count_nothing() -> None:
    problem = make_problem(9)
    extended = np.column_stack([problem.features, np.full(60, 0.1), np.full(60, np.nan)])
    plain = fit_exactly(problem.features, problem.values, problem.folds, NO_PRIOR)
    more = fit_exactly(extended, problem.values, problem.folds, Priors.none(features=7, targets=2))
    np.testing.assert_allclose(more.predicted, plain.predicted, rtol=1e-9)
    assert np.all(more.paths.coefficients[:, 5:] == 0)
    assert np.all(np.isfinite(more.paths.predict(extended)))


def test_a_prior_is_what_an_infinite_penalty_leaves() -> None:
    problem = make_problem(4)
    toward = np.zeros((2, 5, 2))
    toward[1] = np.random.default_rng(0).normal(size=(5, 2))
    paths = fit_paths(
        problem.features, problem.values, Priors(("none", "p"), toward), spread=spread_of(problem.features)
    )
    np.testing.assert_allclose(paths.coefficients[-1], toward[1] * problem.values.std(axis=0), rtol=1e-12)
    tiny = len(PENALTIES)  # the smallest penalty of the second prior: next to least squares, like the first one's
    np.testing.assert_allclose(paths.coefficients[tiny], paths.coefficients[0], rtol=1e-3)


def test_a_prior_gives_what_ridge_gives_on_what_the_prior_leaves() -> None:
    problem = make_problem(6)
    toward = np.random.default_rng(0).normal(size=(5, 2)) / problem.features.std(axis=0)[:, None]
    priors = Priors(("none", "p"), np.stack([np.zeros((5, 2)), toward]))
    paths = fit_paths(problem.features, problem.values, priors, spread=spread_of(problem.features))
    scaler = StandardScaler().fit(problem.features)
    standardised = scaler.transform(problem.features)
    start = toward * scaler.scale_[:, None] * problem.values.std(axis=0)
    for place, alpha in enumerate(PENALTIES[:-1]):
        rest = Ridge(alpha, solver="svd").fit(standardised, problem.values - standardised @ start)
        expected = (start + rest.coef_.T) / scaler.scale_[:, None]
        np.testing.assert_allclose(paths.coefficients[len(PENALTIES) + place], expected, rtol=1e-8)


def forward_by_hand(problem: Problem, place: int) -> Array:
    """Predictions of the later blocks, one block after the other, each from the blocks before it."""
    target = problem.values[:, place]
    errors: list[Array] = []
    predicted: list[Array] = []
    for block in range(FIRST_TRIED, 10):
        earlier, now = problem.blocks < block, problem.blocks == block
        fits = [pipeline(alpha).fit(problem.features[earlier], target[earlier]) for alpha in PENALTIES]
        candidates = np.stack([fit.predict(problem.features[now]) for fit in fits])
        if block >= FIRST_JUDGED:
            known = np.asarray(errors)
            spread = (known - known[:, -1:]).std(axis=0, ddof=1) if len(known) > 1 else 0
            scores = known.sum(axis=0) + np.sqrt(len(known)) * spread
            chosen = candidates[len(PENALTIES) - 1 - int(np.argmin(scores[::-1]))]
            low, high = target[earlier].min(), target[earlier].max()
            predicted.append(np.clip(chosen, low - 0.1 * (high - low), high + 0.1 * (high - low)))
        errors.append(((target[now] - candidates) ** 2).sum(axis=1))
    return np.concatenate(predicted)


def test_forward_predictions_know_earlier_batches_only() -> None:
    problem = make_problem(12, rows=80)
    forward = predict_forward(problem, first_tried=FIRST_TRIED, first_judged=FIRST_JUDGED)
    assert forward.rows.tolist() == list(range(40, 80))
    for place in range(2):
        np.testing.assert_allclose(forward.predicted[:, place], forward_by_hand(problem, place), rtol=1e-8)
    later = problem.values.copy()
    later[60:] += 1000
    changed = predict_forward(replace(problem, values=later), first_tried=FIRST_TRIED, first_judged=FIRST_JUDGED)
    np.testing.assert_array_equal(changed.predicted[:20], forward.predicted[:20])


def test_the_mean_of_the_other_folds_is_what_it_is_compared_with() -> None:
    problem = make_problem(5)
    fit = fit_by_singular_values(problem, NO_PRIOR, forward=False, solver=Solver.GAPS)
    predicted = cross_val_predict(DummyRegressor(), problem.features, problem.values, cv=PredefinedSplit(problem.folds))
    np.testing.assert_allclose(fit.mean, predicted, rtol=1e-12)


@pytest.mark.parametrize("gaps", [False, True])
def test_standard_errors_are_those_of_refits_without_each_fold(gaps: bool) -> None:
    """The refits are made by leaving the fold's rows out of the problem, so that they know nothing of each other."""
    problem = make_problem(7, rows=80, noise=3.0)
    if gaps:
        problem.features[3, 1] = np.nan
    fit = GroupedRidge(pooled=False, forward=False).fit([problem])[0]
    refits = []
    for fold in range(4):
        keep = problem.folds != fold
        _, folds = np.unique(problem.folds[keep], return_inverse=True)
        part = replace(
            problem,
            features=problem.features[keep],
            values=problem.values[keep],
            rows=problem.rows[keep],
            folds=folds,
            blocks=problem.blocks[keep],
        )
        refits.append(GroupedRidge(pooled=False, forward=False).fit([part])[0].coefficients)
    mean = sum(refits) / 4
    expected = np.sqrt(3 / 4 * sum((part - mean) ** 2 for part in refits))
    np.testing.assert_allclose(fit.errors, expected, rtol=1e-7)
    np.testing.assert_allclose(fit.spread, np.nanstd(problem.features, axis=0), rtol=1e-12)

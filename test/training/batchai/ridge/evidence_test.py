"""Decomposition, likelihood and averaging against scikit-learn, statsmodels and the formulas written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from src.training.batchai.ridge import evidence, families
from src.training.batchai.ridge.averaging import average
from src.training.batchai.ridge.evidence import decompose, log_likelihoods
from src.training.batchai.ridge.problems import Problem
from src.training.batchai.ridge.training_sets import TrainingSets, training_sets
from test.support.problems import as_problem, make_problem

Array = NDArray[np.float64]


def all_rows(problem: Problem) -> TrainingSets:
    return training_sets(problem, [problem.folds >= 0])


def coefficients(sets: TrainingSets, penalty: float) -> Array:
    """Of the first set, in its standardised units, for one given penalty."""
    found = decompose(sets.whiten(0).columns, sets.scale.shape[1])
    shrunk = found.cross[0] / (found.squares[0] + penalty)[:, None]
    return np.asarray(found.directions[0] @ shrunk)


@pytest.mark.parametrize("features", [3, 12, 200], ids=["few", "many", "more than rows"])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 1e3])
def test_coefficients_are_those_of_scikit_learn(features: int, penalty: float) -> None:
    problem = make_problem(1, features=features)
    sets = all_rows(problem)
    standard = (problem.features - problem.features.mean(axis=0)) / problem.features.std(axis=0)
    expected = Ridge(alpha=penalty, solver="svd").fit(standard, problem.values).coef_.T / problem.values.std(axis=0)
    np.testing.assert_allclose(coefficients(sets, penalty), expected, rtol=1e-6, atol=1e-9)


def test_nearly_collinear_features_lose_no_digit_that_matters() -> None:
    chance = np.random.default_rng(2)
    one = chance.normal(size=(80, 1))
    features = np.hstack([one, one + 1e-6 * chance.normal(size=(80, 1)), chance.normal(size=(80, 1))])
    values = features[:, :1] - features[:, 2:] + 0.1 * chance.normal(size=(80, 1))
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    least = min(evidence.PENALTIES) * 80
    expected = Ridge(alpha=least, solver="svd").fit(standard, values[:, 0]).coef_ / values.std()
    np.testing.assert_allclose(coefficients(all_rows(as_problem(features, values)), least)[:, 0], expected, rtol=1e-6)


def mixed_model_rows() -> tuple[Array, Array]:
    """Twelve batches of four rows; the numbers of statsmodels below are of these."""
    chance = np.random.default_rng(11)
    batch = np.repeat(np.arange(12), 4)
    features = chance.normal(size=(48, 2))
    effects = 1.2 * chance.normal(size=12)[batch]
    return features, (features @ [1.0, -0.5] + effects + chance.normal(size=48) + 7)[:, None]


# statsmodels 0.15.0, MixedLM(y, 1, groups=batch), reml, loglike(from_components(cov_re=[[ratio]]), profile_fe=True)
BATCH_EFFECT = {0.1: -97.910191896589, 0.5: -97.35884014024609, 2.0: -100.11611502692838, 8.0: -105.94376507714853}
"""The profiled restricted log-likelihood by the ratio of the batches' variance to that of a row."""


def test_the_likelihood_of_a_batch_effect_is_that_of_statsmodels() -> None:
    features, values = mixed_model_rows()
    sets = all_rows(as_problem(features, values, rows_per_batch=4))
    found = {}
    for ratio in BATCH_EFFECT:
        rows = sets.whiten(ratio)
        total = np.square(rows.columns[0, :, 2]).sum()
        found[ratio] = -0.5 * 47 * np.log(total) + rows.log_determinant[0]
    for ratio, expected in BATCH_EFFECT.items():
        assert found[ratio] - found[0.1] == pytest.approx(expected - BATCH_EFFECT[0.1], abs=1e-6)


# as above, with groups of zeros and exog_vc={"b": the batches' indicators, "x": the standardised features}
BOTH = {
    (0.5, 0.1): -81.45818474337085,
    (0.5, 1.0): -80.04222304329764,
    (2.0, 1.0): -80.21052458832267,
    (8.0, 0.01): -84.645887077341,
}
"""By the ratios of the coefficients' variance and of the batches' variance to that of a row."""


def test_the_likelihood_of_shrunken_coefficients_is_that_of_statsmodels() -> None:
    features, values = mixed_model_rows()
    sets = all_rows(as_problem(features, values, rows_per_batch=4))
    found = {}
    for spread, ratio in BOTH:
        rows = sets.whiten(ratio)
        decomposed = decompose(rows.columns, 2)
        logs, _ = log_likelihoods(
            decomposed, np.zeros_like(decomposed.cross), np.array([[1 / spread]]), np.array([47.0])
        )
        found[spread, ratio] = logs[0, 0, 0, 0] + rows.log_determinant[0]
    for key, expected in BOTH.items():
        assert found[key] - found[0.5, 0.1] == pytest.approx(expected - BOTH[0.5, 0.1], abs=1e-6)


def test_the_average_is_that_of_all_candidates_written_out() -> None:
    """Every candidate as one generalised least squares problem with dense matrices."""
    problem = make_problem(3, rows=24, features=3, targets=1, rows_per_batch=2)
    sets = all_rows(problem)
    toward = np.array([[[0.6], [0.0], [-0.4]]])
    x, y = sets.columns[0, :, :3], sets.columns[0, :, 3]
    ones, same = np.ones((24, 1)), np.equal.outer(problem.batch, problem.batch)
    logs, fits = [], []
    for ratio in families.BATCH_EFFECTS:
        for share in evidence.SHARES:
            for penalty in (*evidence.PENALTIES, np.inf):
                noise = np.eye(24) + ratio * same
                covariance = noise + x @ x.T / (24 * penalty)
                inverse = np.linalg.inv(covariance)
                rest = y - share * x @ toward[0, :, 0]
                level = (ones.T @ inverse @ rest) / (ones.T @ inverse @ ones)[0]
                left = rest - level
                determinants = np.linalg.slogdet(covariance)[1] + np.log((ones.T @ inverse @ ones)[0, 0])
                logs.append(-0.5 * (23 * np.log(left @ inverse @ left) + determinants))
                fits.append(share * toward[0, :, 0] + x.T @ inverse @ left / (24 * penalty))
    weights = np.exp(np.array(logs) - max(logs))
    expected = (weights / weights.sum()) @ np.array(fits)
    found = average([sets], [toward], own=True)[0]
    np.testing.assert_allclose(found.coefficients[0, :, 0], expected, rtol=1e-7)


def test_one_batch_that_carries_the_variance_proves_nothing() -> None:
    """33 batches measured 0.05 and one 0.06: an impurity at a limit of detection."""
    chance = np.random.default_rng(4)
    values = np.where(np.arange(34) == 7, 0.06, 0.05)[:, None]
    found = average([all_rows(as_problem(chance.normal(size=(34, 66)), values))], [None], own=True)[0]
    assert not found.coefficients.any()


def test_without_features_the_level_is_left() -> None:
    sets = all_rows(as_problem(np.empty((30, 0)), np.random.default_rng(5).normal(size=(30, 2))))
    found = average([sets], [None], own=True)[0]
    assert found.coefficients.shape == (1, 0, 2)
    np.testing.assert_allclose(found.variance[0], 30 / 29)


def test_a_missing_value_counts_as_the_mean_of_the_training_set() -> None:
    problem = make_problem(6)
    features = problem.features.copy()
    features[[3, 10, 20], [0, 1, 1]] = np.nan
    taken = problem.folds != 1
    mean = np.nanmean(features[taken], axis=0)
    gaps = training_sets(replace(problem, features=features), [taken])
    filled = training_sets(replace(problem, features=np.where(np.isnan(features), mean, features)), [taken])
    np.testing.assert_allclose(gaps.columns, filled.columns, atol=1e-12)
    np.testing.assert_allclose(gaps.fill[0], mean, rtol=1e-12)


def test_a_training_set_knows_nothing_of_other_rows() -> None:
    problem = make_problem(7)
    taken = problem.folds != 2
    other = replace(
        problem,
        features=np.where(taken[:, None], problem.features, 3 * problem.features),
        measured=np.where(taken[:, None], problem.values, -problem.values),
    )
    found, again = average([training_sets(part, [taken]) for part in (problem, other)], [None, None], own=True)
    np.testing.assert_allclose(found.coefficients, again.coefficients, rtol=1e-9)


@pytest.mark.parametrize("outlier", [0.0, 1e5], ids=["summed", "an outlier: from the rows"])
def test_cross_products_are_those_of_the_standardised_rows(outlier: float) -> None:
    """The expected ones are numpy's correlations, times the rows."""
    problem = make_problem(8)
    features = problem.features + 1e3
    features[5, 1] += outlier
    masks = [problem.folds >= 0, *(problem.folds != fold for fold in range(4)), problem.blocks < 5]
    sets = training_sets(replace(problem, features=features), masks)
    assert (sets.summed is None) == (outlier > 0)
    columns = np.concatenate([features, problem.values], axis=1)
    expected = np.stack([mask.sum() * np.corrcoef(columns[mask].T) for mask in masks])
    np.testing.assert_allclose(sets.cross_products(len(masks)), expected[:, : features.shape[1]], rtol=1e-9, atol=1e-9)

"""Curves and pairs: their likelihood by dense matrices, known shapes, nothing to find, and what is held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.coefficient_csv import coefficient_rows
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location, location_splits, sum_location
from src.training.batchai.ridge.averaging import average
from src.training.batchai.ridge.borrowing import LocationPool
from src.training.batchai.ridge.designs import find_design
from src.training.batchai.ridge.evidence import PENALTIES, SHARES
from src.training.batchai.ridge.expansion import expand
from src.training.batchai.ridge.families import OWN_TERMS
from src.training.batchai.ridge.problems import Problem
from src.training.batchai.ridge.training_sets import training_sets
from src.training.batchai.rmse_csv import rmse_rows
from test.support.problems import as_location, make_problem

Array = NDArray[np.float64]


def fits(products: dict[str, tuple[Array, Array]], terms: Terms, *, threads: int = 1) -> list[TargetFit]:
    groups = fit_location(as_location(products), TrainingOptions(folds=5, threads=threads, terms=terms))
    return [fit for group in groups for fit in group.targets.values() if isinstance(fit, TargetFit)]


def restricted(values: Array, covariance: Array) -> float:
    """The density of the contrasts of the rows, which the level does not reach, at its largest over the variance."""
    contrasts = null_space(np.ones((1, len(values))))
    left, inner = contrasts.T @ values, contrasts.T @ covariance @ contrasts
    variance = left @ np.linalg.solve(inner, left) / len(left)
    return float(multivariate_normal(cov=variance * inner).logpdf(left))


@pytest.mark.parametrize("rows", [40, 14], ids=["more rows than columns", "fewer"])
def test_the_average_is_that_of_all_candidates_with_dense_matrices(rows: int) -> None:
    problem = replace(make_problem(3, rows=rows, features=4, targets=1), terms=Terms.CURVES)
    taken = problem.folds >= 0
    made = expand(problem, training_sets(problem, [taken]), find_design(problem, taken[None]))
    width = made.sets.width
    toward = 0.2 * np.random.default_rng(1).normal(size=(1, width, 1))
    columns, values = made.sets.columns[0, :, :width], made.sets.columns[0, :, width]
    logs, fitted = [], []
    for curve, _ in OWN_TERMS[:2]:
        scaled = columns * np.sqrt(np.repeat((1.0, curve), (4, width - 4)))
        for share in SHARES:
            rest = values - share * columns @ toward[0, :, 0]
            for penalty in (*PENALTIES, np.inf):
                covariance = np.eye(rows) + scaled @ scaled.T / (rows * penalty)
                logs.append(restricted(rest, covariance))
                level = np.linalg.solve(covariance, np.ones(rows))
                left = rest - level @ rest / level.sum()
                own = scaled @ scaled.T @ np.linalg.solve(covariance, left) / (rows * penalty)
                fitted.append(share * columns @ toward[0, :, 0] + own)
    weights = np.exp(np.array(logs) - max(logs))
    expected = weights @ np.array(fitted) / weights.sum()
    found = columns @ average([made.sets], [toward], own=True)[0].coefficients[0, :, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_known_curve_is_found_and_lies_in_its_band() -> None:
    chance = np.random.default_rng(5)
    inside, ratios = [], []
    for _ in range(10):
        features = chance.normal(size=(150, 6))
        true = np.sin(1.5 * features[:, 0])
        values = true + 0.5 * features[:, 1] + 0.4 * chance.normal(size=150)
        (fit,) = fits({"P": (features, values[:, None])}, Terms.CURVES)
        curve = next(curve for curve in fit.curves if curve.feature == 0)
        slope, level = np.polyfit(features[:, 0], true, 1)
        deviation = np.sin(1.5 * curve.knots) - level - slope * curve.knots
        inside += (np.abs(deviation - curve.values) <= 2 * curve.errors).tolist()
        ratios.append(fit.rmse / 0.4)
    assert np.mean(inside) > 0.75
    assert np.median(ratios) < 1.25  # lines alone leave 1.6


@pytest.mark.parametrize("terms", [Terms.LINEAR, Terms.CURVES])
def test_intervals_of_coefficients_hold_with_curves_as_without(terms: Terms) -> None:
    """95 % of them; of 160 real effects and 240 zeros, three standard errors are 5 and 4 %."""
    chance = np.random.default_rng(3)
    held: dict[bool, list[bool]] = {True: [], False: []}
    for _ in range(40):
        features, true = chance.normal(size=(100, 10)), np.r_[chance.uniform(0.5, 1, 4), np.zeros(6)]
        (fit,) = fits({"P": (features, (features @ true + 2 * chance.normal(size=100))[:, None])}, terms)
        inside = (fit.intervals[0] <= true) & (true <= fit.intervals[1])
        for real in (True, False):
            held[real] += inside[(true != 0) == real].tolist()
    assert 0.90 <= np.mean(held[True]) <= 0.985
    assert 0.92 <= np.mean(held[False]) <= 0.985


def test_linear_data_stay_linear() -> None:
    chance = np.random.default_rng(6)
    features = chance.normal(size=(120, 5))
    values = features @ [1.0, -0.5, 0, 0, 0.3] + 0.5 * chance.normal(size=120)
    (linear,), (bent,) = (fits({"P": (features, values[:, None])}, terms) for terms in (Terms.LINEAR, Terms.PAIRS))
    assert not bent.pairs
    assert all(np.abs(curve.values).max() < 0.1 for curve in bent.curves)
    assert bent.rmse < 1.02 * linear.rmse


def test_noise_is_predicted_no_better_and_hardly_worse_than_by_the_mean() -> None:
    chance = np.random.default_rng(7)
    ratios = []
    for _ in range(8):
        (fit,) = fits({"P": (chance.normal(size=(40, 8)), chance.normal(size=(40, 1)))}, Terms.PAIRS)
        ratios.append(fit.rmse / fit.rmse_mean)
    assert 0.97 < np.median(ratios) < 1.02
    assert max(ratios) < 1.06


def test_a_product_of_two_features_is_found() -> None:
    chance = np.random.default_rng(8)
    features = chance.normal(size=(150, 6)) * [1, 1, 5, 1, 1, 1]
    values = features[:, 0] + 0.3 * (features[:, 1] - 1) * features[:, 2] + 0.4 * chance.normal(size=150)
    (fit,) = fits({"P": (features, values[:, None])}, Terms.PAIRS)
    pair = max(fit.pairs, key=lambda pair: abs(pair.coefficient / pair.error))
    assert (pair.first, pair.second) == (1, 2)
    assert abs(pair.coefficient - 0.3) < 3 * pair.error
    assert len(fit.pairs) <= 6


def two_products(chance: np.random.Generator, *, missing: bool = False) -> dict[str, tuple[Array, Array]]:
    products = {}
    for name in "AB":
        features = chance.normal(size=(60, 5))
        values = np.sin(2 * features[:, :1]) + features[:, 1:2] * features[:, 2:3] + 0.3 * chance.normal(size=(60, 1))
        if missing:
            features[chance.random(features.shape) < 0.1] = np.nan
        products[name] = (features, values)
    return products


@pytest.mark.parametrize("terms", [Terms.CURVES, Terms.PAIRS])
def test_what_is_held_out_changes_nothing_that_predicts_it(terms: Terms) -> None:
    """Knots, pairs, variances and what is borrowed come from other rows: of a fold, targets may be anything."""
    products = two_products(np.random.default_rng(9))
    before = fits(products, terms)
    for fold in (0, 3):
        changed = {}
        for (name, (features, values)), fit in zip(products.items(), before, strict=True):
            held = fit.problem.folds == fold
            changed[name] = (features, np.where(held[:, None], 100 - 7 * values, values))
        for old, new in zip(before, fits(changed, terms), strict=True):
            held = old.problem.folds == fold
            found, expected = (fit.fit.out_of_fold.predicted[held] for fit in (new, old))
            np.testing.assert_allclose(found, expected, rtol=1e-9)  # all rows are standardised first, which rounds


@pytest.mark.parametrize("terms", [Terms.CURVES, Terms.PAIRS])
def test_the_model_predicts_what_the_fit_does_and_threads_change_no_byte(terms: Terms) -> None:
    products = two_products(np.random.default_rng(10), missing=True)
    prepared: PreparedLocation = as_location(products)
    written = []
    for threads in (1, 3):
        found = fit_location(prepared, TrainingOptions(folds=5, threads=threads, terms=terms))
        written.append(coefficient_rows(prepared, found) + rmse_rows(prepared, found))
    assert written[0] == written[1]
    for group in found:
        fit = group.targets["y0"]
        assert isinstance(fit, TargetFit)
        assert fit.fit.terms is not None
        model = location_model(prepared, found).groups[group.product_id].targets["y0"]
        values = model.clip_and_impute(fit.problem.features)
        fill = np.broadcast_to(fit.fit.fill, values.shape)
        added = fit.fit.terms.at(values, fill, np.zeros(len(values), dtype=np.int64))[:, 0]
        expected = fit.intercept + values @ fit.coefficients + added
        np.testing.assert_allclose(model.predict_unlimited(fit.problem.features), expected, rtol=1e-9, atol=1e-9)


def test_a_product_with_few_batches_takes_the_curves_of_the_location() -> None:
    chance = np.random.default_rng(11)
    products = {}
    for name, rows in (("A", 120), ("B", 120), ("C", 12)):
        features = chance.normal(size=(rows, 3))
        products[name] = (features, np.sin(2 * features[:, :1]) + 0.2 * chance.normal(size=(rows, 1)))
    few = fits(products, Terms.CURVES)[2]
    assert not few.problem.own
    assert any(curve.feature == 0 and np.ptp(curve.values) > 0.5 for curve in few.curves)
    assert few.rmse < 0.6 * few.rmse_mean


def test_products_of_a_parted_location_share_their_lines_and_have_curves_of_their_own() -> None:
    """What parts say to each other are sums of lines: knots would have to be known before the first part is read."""
    chance = np.random.default_rng(13)
    products = {}
    for name in "ABC":
        features = chance.normal(size=(60, 4))
        values = features @ [1.0, 0.5, 0, 0] + np.sin(2 * features[:, 3]) + 0.3 * chance.normal(size=60)
        products[name] = (features, values[:, None])
    prepared, options = as_location(products), TrainingOptions(folds=5, terms=Terms.CURVES)
    splits = location_splits(prepared.groups, prepared.location, options)
    sums = sum_location(prepared, options, shared=splits, chunks=[["A", "B"], ["C"]])
    groups = fit_location(prepared, options, pool=LocationPool.of(sums), shared=splits)
    found = [fit for group in groups for fit in group.targets.values() if isinstance(fit, TargetFit)]
    assert all(fit.borrows and any(curve.feature == 3 for curve in fit.curves) for fit in found)
    linear = fits(products, Terms.LINEAR)
    assert all(bent.rmse < straight.rmse for bent, straight in zip(found, linear, strict=True))


def test_a_target_with_one_value_per_batch_is_fitted_on_batches() -> None:
    problem = make_problem(4, rows=60, features=3, targets=2, rows_per_batch=3)
    once = problem.measured.copy()
    once[:, 1] = once[problem.batch * 3, 1]
    parts: list[Problem] = list(replace(problem, measured=once, terms=Terms.CURVES).by_rows_or_batches())
    assert [(part.targets, len(part.rows)) for part in parts] == [(problem.targets[:1], 60), (problem.targets[1:], 20)]
    np.testing.assert_allclose(parts[1].features, problem.features.reshape(20, 3, 3).mean(axis=1))
    np.testing.assert_array_equal(parts[1].measured[:, 0], once[::3, 1])


def odd_products(chance: np.random.Generator) -> dict[str, tuple[Array, Array]]:
    """Constants, indicators, copies, columns of gaps and of one outlier; units that differ by any factor; few rows."""
    features = int(chance.integers(0, 8))
    products = {}
    for name in "ABC"[: int(chance.integers(1, 4))]:
        rows = int(chance.choice([3, 9, 12, 25, 60]))
        values = chance.normal(size=(rows, features)) * 10.0 ** chance.integers(-90, 95, features)
        values[:, :1] = 7
        values[:, 1:2] = chance.integers(0, 2, (rows, 1))
        values[:, 3:4] = np.where(chance.random((rows, 1)) < 0.7, np.nan, values[:, 3:4])
        values[:, 4:5] = 2 * values[:, 2:3]
        values[rows // 2, 5:6] = 1e60
        targets = chance.normal(size=(rows, 2)) * 10.0 ** chance.integers(-80, 80)
        targets[chance.random(rows) < 0.1, 1] = np.nan
        products[name] = (values, targets)
    return products


@pytest.mark.parametrize("terms", Terms)
def test_no_input_ends_in_a_numerical_exception(terms: Terms) -> None:
    """Warnings are errors here, too."""
    chance = np.random.default_rng(12)
    for _ in range(15):
        for fit in fits(odd_products(chance), terms):
            assert np.isfinite(fit.fit.out_of_fold.predicted).all()

"""Negative controls, recovery of what is known, and what is shared between products."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import LOCATION, POOLED, TargetFit, TrainingOptions, fit_location
from src.training.batchai.ridge.fits import fit_problems, student_quantile
from test.support.problems import as_location, make_problem

Array = NDArray[np.float64]


def trained(prepared: PreparedLocation, *, folds: int = 10) -> list[TargetFit]:
    fits = fit_location(prepared, TrainingOptions(folds=folds))
    return [fit for group in fits for fit in group.targets.values() if isinstance(fit, TargetFit)]


@pytest.mark.parametrize("seed", range(3))
def test_noise_with_shared_runs_shows_no_skill(seed: int) -> None:
    """Four products from the same 40 runs, an effect of the run common to all, features that mean nothing."""
    chance = np.random.default_rng(seed)
    features, effect = chance.normal(size=(40, 20)), chance.normal(size=(40, 1))
    products = {name: (features, effect + chance.normal(size=(40, 1))) for name in "ABCD"}
    assert max(fit.skill for fit in trained(as_location(products, shared_batches=True))) <= 0.03


def test_pure_noise_costs_little_against_the_mean() -> None:
    chance = np.random.default_rng(8)
    ratios = [
        1 - fit.skill
        for _ in range(40)
        for fit in trained(as_location({"P": (chance.normal(size=(40, 12)), chance.normal(size=(40, 1)))}))
    ]
    assert 0.99 <= float(np.median(ratios)) <= 1.01
    assert max(ratios) <= 1.05


def test_noise_of_many_products_is_not_borrowed() -> None:
    chance = np.random.default_rng(9)
    products = {f"P{n}": (chance.normal(size=(30, 8)), chance.normal(size=(30, 1))) for n in range(30)}
    ratios = [1 - fit.skill for fit in trained(as_location(products))]
    assert 0.99 <= float(np.mean(ratios)) <= 1.02


def plant(
    chance: np.random.Generator, *, products: int, rows: int, own: float
) -> tuple[Mapping[str, tuple[Array, Array]], Array]:
    """Products with six real effects, of which a share is their own, and six that are zero."""
    common = np.concatenate([chance.choice([-1, 1], 6) * chance.uniform(0.3, 1, 6), np.zeros(6)])
    made, truth = {}, []
    for number in range(products):
        effects = common + own * np.where(common != 0, chance.normal(size=12), 0)
        mixing = np.eye(12) + 0.1 * chance.normal(size=(12, 12))
        features = chance.normal(size=(rows, 12)) @ mixing
        made[f"P{number}"] = (features, (features @ effects + 2 * chance.normal(size=rows))[:, None])
        truth.append(effects)
    return made, np.array(truth)


def test_intervals_of_coefficients_hold_the_truth() -> None:
    chance = np.random.default_rng(10)
    products, truth = plant(chance, products=60, rows=80, own=0.2)
    fits = trained(as_location(products))
    held = np.array(
        [(fit.intervals[0] <= true) & (true <= fit.intervals[1]) for fit, true in zip(fits, truth, strict=True)]
    )
    assert 0.90 <= held[truth != 0].mean() <= 0.97
    assert 0.90 <= held[truth == 0].mean() <= 0.98


def test_products_that_follow_the_same_law_borrow_it() -> None:
    chance = np.random.default_rng(11)
    products, _ = plant(chance, products=12, rows=30, own=0.0)
    together = trained(as_location(products))
    alone = [fit for name, rows in products.items() for fit in trained(as_location({name: rows}))]
    assert {fit.prior for fit in together} == {POOLED}
    assert sum(fit.rmse**2 for fit in together) < 0.9 * sum(fit.rmse**2 for fit in alone)


def test_a_product_with_few_batches_takes_the_location_with_its_own_level() -> None:
    chance = np.random.default_rng(12)
    products = dict(plant(chance, products=8, rows=40, own=0.0)[0])
    features, values = products["P0"]
    products["P0"] = (features[:8], values[:8] + 100)
    few = next(fit for fit in trained(as_location(products)) if fit.problem.product_id == "P0")
    assert few.prior == LOCATION
    assert few.rmse < few.rmse_mean
    assert 90 < float(np.mean(few.fit.out_of_fold.predicted)) < 110
    assert not few.fit.scores.radius(0).known  # nine batches are needed to promise nine of ten


def test_nothing_of_a_held_out_run_is_known_through_another_product() -> None:
    """What a run measured in a sister product is changed: the run's own predictions in this one stay."""
    chance = np.random.default_rng(13)
    made, _ = plant(chance, products=3, rows=40, own=0.1)
    before = trained(as_location(made, shared_batches=True))[0]
    fold = before.problem.folds == before.problem.folds[0]
    features, values = made["P1"]
    changed = {**made, "P1": (features, np.where(fold[:, None], values + 50, values))}
    after = trained(as_location(changed, shared_batches=True))[0]
    np.testing.assert_allclose(after.fit.out_of_fold.predicted[fold], before.fit.out_of_fold.predicted[fold], rtol=1e-9)
    assert not np.allclose(after.fit.out_of_fold.predicted[~fold], before.fit.out_of_fold.predicted[~fold], rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-100, 1e-40, 1e40, 1e95])
def test_the_unit_of_features_and_targets_changes_nothing(scale: float) -> None:
    chance = np.random.default_rng(14)
    made, _ = plant(chance, products=2, rows=30, own=0.1)
    plain = trained(as_location(made))[0]
    scaled = trained(as_location({name: (x * scale, y * scale) for name, (x, y) in made.items()}))[0]
    np.testing.assert_allclose(scaled.skill, plain.skill, rtol=1e-7)


def test_numbers_that_overflow_leave_the_product_out_by_name() -> None:
    chance = np.random.default_rng(15)
    made = dict(plant(chance, products=3, rows=30, own=0.1)[0])
    features, values = made["P1"]
    made["P1"] = (features, np.where(np.arange(30)[:, None] == 3, 1e200, values))
    fits = fit_location(as_location(made), TrainingOptions())
    assert fits[1].targets["y0"] == "values that are too large to compute with: 1e+200; at most 1e+100"
    others = trained(as_location({name: rows for name, rows in made.items() if name != "P1"}))
    assert [fit.targets["y0"].skill for fit in (fits[0], fits[2])] == [fit.skill for fit in others]  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [1e155, 1e308, -1e308, np.inf])
def test_a_feature_with_a_number_that_overflows_is_named(value: float) -> None:
    chance = np.random.default_rng(16)
    features, values = chance.normal(size=(30, 2)), chance.normal(size=(30, 1))
    features[4, 1] = value
    (fit,) = fit_location(as_location({"P": (features, values)}), TrainingOptions())
    assert f"too large to compute with: x1 {abs(value):g}" in str(fit.targets["y0"])


def test_student_quantiles() -> None:
    freedom = np.array([1.0, 7.5, 200.0])
    np.testing.assert_allclose(student_quantile(0.975, freedom), stats.t.ppf(0.975, freedom), rtol=1e-9)


def test_a_fit_is_the_same_to_the_byte_whatever_is_fitted_with_it() -> None:
    problems = [make_problem(seed, features=features) for seed in range(3) for features in (2, 3, 200)]
    for problem, together in zip(problems, fit_problems(problems, None), strict=True):
        (alone,) = fit_problems([problem], None)
        for name in ("intercepts", "coefficients", "errors", "intervals", "penalty"):
            assert getattr(alone, name).tobytes() == getattr(together, name).tobytes(), name
        assert alone.out_of_fold.predicted.tobytes() == together.out_of_fold.predicted.tobytes()
        for name in ("rmse", "rmse_forward", "quantiles", "radii", "forward_coverage"):
            assert getattr(alone.scores, name).tobytes() == getattr(together.scores, name).tobytes(), name

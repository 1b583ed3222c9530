"""All groups at once must give what each gives alone, the slow and exact way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from src.training.batchai.intervals import QUANTILES
from src.training.batchai.ridge.candidates import PENALTIES, Priors
from src.training.batchai.ridge.cross_products import stack
from src.training.batchai.ridge.fits import ProblemFit, Solver
from src.training.batchai.ridge.grouped_ridge import GroupedRidge, fit_by_singular_values
from src.training.batchai.ridge.penalty_path import decompose, held_out_errors
from src.training.batchai.ridge.pooling import SHRINKAGE, LocationPool
from src.training.batchai.ridge.problems import Problem
from src.training.batchai.ridge.scores import score_rows
from test.support.problems import make_problem

Array = NDArray[np.float64]


def location(seed: int = 0, *, groups: int = 6) -> list[Problem]:
    """Groups of different sizes, one of them with several rows per batch, one with an instrument that failed once."""
    sizes = [60, 45, 90, 33, 61, 48, 75, 39][:groups]
    problems = [make_problem(seed + n, rows=size, product_id=f"P{n}") for n, size in enumerate(sizes)]
    problems[1] = make_problem(seed + 1, rows=45, rows_per_batch=3, product_id="P1")
    broken = problems[2].features.copy()
    broken[5, 1] += 100 * broken[:, 1].std()
    broken[17] += 1.3 * np.ptp(broken, axis=0)
    problems[2] = replace(problems[2], features=broken)
    return problems


def assert_same(fit: ProblemFit, other: ProblemFit, *, relative: float) -> None:
    assert fit.chosen.tolist() == other.chosen.tolist()
    assert fit.prior_names == other.prior_names
    for name in ("coefficients", "intercepts", "minimum", "maximum", "fill", "predicted", "mean"):
        found, expected = getattr(fit, name), getattr(other, name)
        np.testing.assert_allclose(found, expected, rtol=relative, atol=relative * np.abs(expected).max(), err_msg=name)
    np.testing.assert_array_equal(fit.forward.rows, other.forward.rows)
    np.testing.assert_allclose(fit.forward.predicted, other.forward.predicted, rtol=relative)
    np.testing.assert_allclose(fit.forward.mean, other.forward.mean, rtol=relative)


@pytest.mark.parametrize("pooled", [True, False])
def test_cross_products_give_what_singular_values_give(pooled: bool) -> None:
    problems = location()
    fits = GroupedRidge(pooled=pooled).fit(problems)
    assert {fit.solver for fit in fits} == {Solver.CROSS_PRODUCTS}
    pool = LocationPool([GroupedRidge().sums(problems)]) if pooled else None
    for number, (problem, fit) in enumerate(zip(problems, fits, strict=True)):
        priors = pool.priors(number) if pool else Priors.none(features=5, targets=2)
        assert_same(fit, fit_by_singular_values(problem, priors, forward=True, solver=fit.solver), relative=1e-8)


def test_numbers_far_from_zero_lose_nothing() -> None:
    """Features whose mean is a million times their spread."""
    problems = [
        replace(problem, features=problem.features / problem.features.std(axis=0) + 1e6) for problem in location()
    ]
    pool = LocationPool([GroupedRidge().sums(problems)])
    for number, fit in enumerate(GroupedRidge().fit(problems)):
        exact = fit_by_singular_values(problems[number], pool.priors(number), forward=True, solver=fit.solver)
        assert fit.solver is Solver.CROSS_PRODUCTS
        assert fit.chosen.tolist() == exact.chosen.tolist()
        np.testing.assert_allclose(fit.coefficients, exact.coefficients, rtol=1e-8)
        np.testing.assert_allclose(fit.predicted, exact.predicted, rtol=1e-8, atol=1e-8 * problems[number].values.max())


def test_threads_blocks_and_neighbours_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = location(groups=8)
    one = GroupedRidge(threads=1).fit(problems)
    monkeypatch.setattr("src.training.batchai.ridge.grouped_ridge.BLOCK_PROBLEMS", 2)
    many = GroupedRidge(threads=4).fit(problems)
    alone = [GroupedRidge(pooled=False).fit([problem])[0] for problem in problems]
    together = GroupedRidge(pooled=False, threads=3).fit(problems)
    for first, second in [*zip(one, many, strict=True), *zip(alone, together, strict=True)]:
        for name in ("coefficients", "intercepts", "predicted", "chosen"):
            assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
        assert first.forward.predicted.tobytes() == second.forward.predicted.tobytes()


def test_nearly_collinear_features_are_solved_by_singular_values_and_say_so() -> None:
    problem = make_problem(1, rows=80)
    twin = problem.features[:, :1] * (1 + 1e-9 * np.random.default_rng(0).normal(size=(80, 1)))
    collinear = replace(problem, features=np.column_stack([problem.features, twin]))
    (fit,) = GroupedRidge().fit([collinear])
    assert fit.solver is Solver.ILL_CONDITIONED
    assert np.all(np.isfinite(fit.coefficients))


def test_one_row_that_has_nearly_all_of_a_variance_is_solved_by_singular_values() -> None:
    """Without it, what is left of the variance is a difference of large numbers."""
    problem = make_problem(1, rows=80)
    broken = problem.features.copy()
    broken[5, 1] += 1e6 * broken[:, 1].std()
    solvers = [
        GroupedRidge(pooled=False).fit([replace(problem, features=f)])[0].solver for f in (broken, problem.features)
    ]
    assert solvers == [Solver.ILL_CONDITIONED, Solver.CROSS_PRODUCTS]


def test_fewer_batches_than_features() -> None:
    problems = [make_problem(seed, rows=24, features=40, product_id=f"P{seed}") for seed in range(3)]
    fits = GroupedRidge().fit(problems)
    assert {fit.solver for fit in fits} == {Solver.ILL_CONDITIONED}
    pool = LocationPool([GroupedRidge().sums(problems)])
    exact = fit_by_singular_values(problems[0], pool.priors(0), forward=True, solver=Solver.ILL_CONDITIONED)
    assert_same(fits[0], exact, relative=1e-12)


def test_a_perfect_fit_whose_errors_cancel_is_computed_from_residuals() -> None:
    problem = make_problem(2, rows=80, noise=0.0)
    (fit,) = GroupedRidge().fit([problem])
    assert fit.solver is Solver.CANCELLED
    assert fit.chosen.tolist() == [0, 0]
    np.testing.assert_allclose(fit.intercepts + problem.features @ fit.coefficients, problem.values, rtol=1e-5)


def test_an_error_from_cross_products_can_be_pure_rounding_and_is_known_to_be() -> None:
    """The guard is not there for nothing: an error near zero, taken from cross-products, is wrong by all of itself."""
    problem = make_problem(2, rows=80, noise=1e-9, targets=1)
    folds = stack([problem]).folds
    fitted = decompose(folds.products[:, None, 1:].sum(axis=2), 5, np.zeros((1, 1, 5, 1)))
    shrunk_by = fitted.eigenvalues[..., None] + PENALTIES[0]
    nearly = 1e-9 + fitted.projected / shrunk_by * (1 + 1e-5 / fitted.eigenvalues[..., None])
    fitted = replace(fitted, projected=nearly * shrunk_by)
    errors, cancelled = held_out_errors(fitted, folds.products[:, None, :1])
    held = folds.columns[0, :, 0, : (problem.folds == 0).sum()].T
    centred = held[:, 1:6] - fitted.mean[0, 0]
    coefficients = fitted.coefficients(np.zeros((1, 1, 1), dtype=np.int64))[0, 0, :, 0]
    residuals = held[:, 6] - fitted.target_mean[0, 0] - centred @ coefficients
    exact = float((residuals**2).sum())
    assert cancelled.tolist() == [[[True]]]
    assert abs(errors[0, 0, 0, 0, 0, 0] - exact) > 0.01 * exact


def test_earlier_batches_that_are_collinear_are_predicted_from_by_singular_values() -> None:
    """Two instruments that showed the same in the first half: only the forward error needs the exact way."""
    problems = [make_problem(seed, rows=80, product_id=f"P{seed}") for seed in range(2)]
    features = problems[0].features.copy()
    features[:40, 1] = 2 * features[:40, 0] + 3
    problems[0] = replace(problems[0], features=features)
    fits = GroupedRidge().fit(problems)
    assert {fit.solver for fit in fits} == {Solver.CROSS_PRODUCTS}
    pool = LocationPool([GroupedRidge().sums(problems)])
    for number, (problem, fit) in enumerate(zip(problems, fits, strict=True)):
        exact = fit_by_singular_values(problem, pool.priors(number), forward=True, solver=fit.solver)
        assert_same(fit, exact, relative=1e-8)
        np.testing.assert_allclose(fit.scores.rmse_forward, exact.scores.rmse_forward, rtol=1e-8)


def test_a_block_of_time_without_a_row_judges_nothing() -> None:
    problem = make_problem(4, rows=80)
    times = np.where(problem.blocks == 6, 5, problem.blocks)
    (fit,) = GroupedRidge(pooled=False).fit([replace(problem, blocks=times)])
    exact = fit_by_singular_values(
        replace(problem, blocks=times), Priors.none(features=5, targets=2), forward=True, solver=fit.solver
    )
    assert_same(fit, exact, relative=1e-8)
    assert len(fit.forward.rows) == 40


def test_the_scores_are_those_of_the_predictions() -> None:
    """Errors, quantiles and radii of stacked problems, padded to the same length, against each one's own rows."""
    problems = location()
    for problem, fit in zip(problems, GroupedRidge().fit(problems), strict=True):
        residuals = problem.values - fit.predicted
        later = problem.values[fit.forward.rows]
        for found, expected in (
            (fit.scores.rmse, np.sqrt((residuals**2).mean(axis=0))),
            (fit.scores.rmse_mean, np.sqrt(((problem.values - fit.mean) ** 2).mean(axis=0))),
            (fit.scores.rmse_forward, np.sqrt(((later - fit.forward.predicted) ** 2).mean(axis=0))),
            (fit.scores.rmse_mean_forward, np.sqrt(((later - fit.forward.mean) ** 2).mean(axis=0))),
            (fit.scores.quantiles, np.quantile(residuals, QUANTILES, axis=0)),
            (fit.scores.lowest, problem.values.min(axis=0)),
            (fit.scores.highest, problem.values.max(axis=0)),
            (fit.scores.spread, problem.values.std(axis=0)),
            (fit.minimum, problem.features.min(axis=0)),
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        alone = score_rows(problem, fit.predicted, fit.mean, fit.forward)
        np.testing.assert_allclose(fit.scores.radii, alone.radii, rtol=1e-9)
        np.testing.assert_allclose(fit.scores.forward_coverage, alone.forward_coverage)


def test_more_features_than_rows_go_straight_to_singular_values() -> None:
    wide = [make_problem(seed, rows=40, features=36, product_id=f"P{seed}") for seed in range(2)]
    assert {fit.solver for fit in GroupedRidge().fit(wide)} == {Solver.ILL_CONDITIONED}


def test_many_features_are_treated_in_steps_that_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = location(groups=3)
    whole = GroupedRidge().fit(problems)
    monkeypatch.setattr("src.training.batchai.ridge.stacked_ridge.MOST_PAIRS", 1)
    monkeypatch.setattr("src.training.batchai.ridge.grouped_ridge.MOST_PAIRS", 1)
    for first, second in zip(whole, GroupedRidge().fit(problems), strict=True):
        assert first.predicted.tobytes() == second.predicted.tobytes()
        assert first.coefficients.tobytes() == second.coefficients.tobytes()
        assert first.scores.radii.tobytes() == second.scores.radii.tobytes()


def test_gaps_are_filled_inside_the_folds() -> None:
    problem = make_problem(3, rows=60)
    gaps = problem.features.copy()
    gaps[np.random.default_rng(1).random(gaps.shape) < 0.1] = np.nan
    (fit,) = GroupedRidge(pooled=False).fit([replace(problem, features=gaps)])
    assert fit.solver is Solver.GAPS
    np.testing.assert_allclose(fit.fill, np.nanmean(gaps, axis=0), rtol=1e-12)


def test_nothing_to_fit() -> None:
    assert GroupedRidge().fit([]) == []


def pooled_by_hand(problems: list[Problem], without: int, place: int) -> Array:
    """The pooled fit of all other groups as one augmented least-squares problem."""
    deviation = np.sqrt(
        sum(((p.features - p.features.mean(axis=0)) ** 2).sum(axis=0) for p in problems)
        / sum(len(p.values) for p in problems)
    )
    others = [p for number, p in enumerate(problems) if number != without]
    features = np.vstack([(p.features - p.features.mean(axis=0)) / deviation for p in others])
    values = np.concatenate(
        [(p.values[:, place] - p.values[:, place].mean()) / p.values[:, place].std() for p in others]
    )
    ridge = np.sqrt(SHRINKAGE * len(values)) * np.eye(features.shape[1])
    solved, *_ = np.linalg.lstsq(
        np.vstack([features, ridge]), np.concatenate([values, np.zeros(features.shape[1])]), rcond=None
    )
    return np.asarray(solved / deviation)


def test_the_prior_is_the_pooled_fit_of_all_other_groups() -> None:
    problems = location()
    pool = LocationPool([GroupedRidge().sums(problems)])
    for number in range(len(problems)):
        priors = pool.priors(number)
        assert priors.names == ("none", "pooled")
        for place in range(2):
            np.testing.assert_allclose(
                priors.coefficients[1, :, place], pooled_by_hand(problems, number, place), rtol=1e-9
            )


def test_one_product_has_nothing_to_borrow_and_says_so() -> None:
    (fit,) = GroupedRidge().fit([make_problem(1)])
    assert fit.prior(0) == "none (no other product)"


def test_a_target_of_one_product_alone_beside_shared_ones() -> None:
    """Problems of the same shape, of which some can borrow and one can't."""
    problems = [make_problem(seed, rows=60, product_id=f"P{seed}") for seed in range(4)]
    problems[2] = replace(problems[2], targets=("z0", "z1"))
    together = GroupedRidge().fit(problems)
    assert [fit.prior_names for fit in together] == [
        ("none", "pooled"),
        ("none", "pooled"),
        ("none (no other product)",),
        ("none", "pooled"),
    ]
    pool = LocationPool([GroupedRidge().sums(problems)])
    for number, (problem, fit) in enumerate(zip(problems, together, strict=True)):
        exact = fit_by_singular_values(problem, pool.priors(number), forward=True, solver=fit.solver)
        assert_same(fit, exact, relative=1e-8)


def test_some_problems_alone_get_what_they_get_among_all() -> None:
    problems = location()
    every = GroupedRidge().fit(problems)
    some = GroupedRidge().fit(problems, only=lambda problem: problem.product_id in {"P1", "P4"})
    assert [fit.coefficients.tobytes() for fit in some] == [every[n].coefficients.tobytes() for n in (1, 4)]
    pool = LocationPool([GroupedRidge().sums(problems[:2]), GroupedRidge().sums(problems[2:])])
    assert pool.starts == (0, 2)
    later = GroupedRidge().fit(problems[2:], pool=pool, first=pool.starts[1])
    assert [fit.predicted.tobytes() for fit in later] == [fit.predicted.tobytes() for fit in every[2:]]


def test_small_groups_gain_from_alike_neighbours() -> None:
    """Groups with the same coefficients and much noise: what the others say is worth more than the own few batches."""
    shared = np.random.default_rng(5).normal(size=(8, 1))
    problems = []
    for seed in range(12):
        problem = make_problem(seed, rows=24, features=8, targets=1, product_id=f"P{seed}")
        chance = np.random.default_rng(100 + seed)
        standardised = (problem.features - problem.features.mean(axis=0)) / problem.features.std(axis=0)
        values = standardised @ shared + 3 * chance.normal(size=(24, 1))
        problems.append(replace(problem, features=standardised, values=values))
    pooled, alone = (GroupedRidge(pooled=choice).fit(problems) for choice in (True, False))
    errors = [
        np.mean([np.mean((p.values - fit.predicted) ** 2) for p, fit in zip(problems, fits, strict=True)])
        for fits in (pooled, alone)
    ]
    assert errors[0] < 0.95 * errors[1]
    assert sum(fit.prior(0) == "pooled" for fit in pooled) >= 6

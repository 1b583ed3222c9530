"""Distances of batches from those of training, against an independent implementation and on data with a known truth."""

import numpy as np
import pytest
from numpy.typing import NDArray

from src.training.batchai.input_space import BoxDistribution, _factor, fit_input_space

# process-improve 2.2.0 (Dunn; https://pypi.org/project/process-improve): PCA(n_components=1) of the rows that `known`
# makes, scaled by its MCUVScaler, and what its `diagnose` says of the rows that `unseen` makes
T2 = (1.767015476572303, 3.4872747578662886, 2.7464064113243536)
SPE = (0.05498289690986784, 1.4920810102925526, 0.7702700274773444)
# its hotellings_t2_limit(0.995, n_components=2, n_rows=30) and, of one component, spe_limit(0.995) squared
T2_LIMIT, SPE_LIMIT = 13.785314398902965, 4.520238603360711


def known() -> NDArray[np.float64]:
    row, column = np.arange(30)[:, None], np.arange(1, 6)[None]
    values: NDArray[np.float64] = np.sin(0.37 * row * column) + 0.5 * np.cos(0.11 * row) * column + 3 * column
    return values


def unseen() -> NDArray[np.float64]:
    values: NDArray[np.float64] = known()[:3] + np.asarray([[0.5, 0, 0, 0, 0], [0, -1, 0, 0, 1.5], [0, 0, 0, 0, 0]])
    return values


def test_distances_are_those_of_an_independent_implementation() -> None:
    space = fit_input_space(known(), components=1)
    assert space is not None
    assert len(space.variances) == 1
    found = space.measure(unseen())
    np.testing.assert_allclose(found.within, T2, rtol=1e-6)
    np.testing.assert_allclose(found.beside, SPE, rtol=1e-6)


def test_limits_are_those_of_an_independent_implementation() -> None:
    from scipy.stats import f

    assert _factor(30, 2) * f.isf(0.005, 2, 28) == pytest.approx(T2_LIMIT, rel=1e-6)
    space = fit_input_space(known(), components=1)
    assert space is not None
    in_sample = space.measure(known()).beside
    assert BoxDistribution.of(in_sample, 0).limit(0.005) == pytest.approx(SPE_LIMIT, rel=1e-6)


def test_shares_add_up_to_the_distances() -> None:
    space = fit_input_space(known(), components=1)
    assert space is not None
    found = space.measure(unseen())
    np.testing.assert_allclose(found.shares_within.sum(axis=1), found.within)
    np.testing.assert_allclose(found.shares_beside.sum(axis=1), found.beside)


def process(kind: str, random: np.random.Generator, rows: int) -> NDArray[np.float64]:
    """Twelve features that move together in three ways, or recipes whose shares sum to one."""
    if kind == "recipe":
        parts = random.gamma(3, size=(rows, 12))
        shares: NDArray[np.float64] = parts / parts.sum(axis=1, keepdims=True)
        return shares
    mixing = np.random.default_rng(5).standard_normal((3, 12))
    together: NDArray[np.float64] = random.standard_normal((rows, 3)) @ mixing + 0.3 * random.standard_normal(
        (rows, 12)
    )
    return together


@pytest.mark.parametrize("kind", ["together", "recipe"])
def test_batches_like_those_of_training_are_seldom_unusual(kind: str) -> None:
    """The level is 1 %; measured over 60 plants of 40 batches, 50 new ones each: at most twice that."""
    random = np.random.default_rng(1)
    flagged = []
    for _ in range(60):
        rows = process(kind, random, 90)
        space = fit_input_space(rows[:40])
        assert space is not None
        flagged.append((space.measure(rows[40:]).chance <= 0.01).mean())
    assert np.mean(flagged) <= 0.02


def test_an_impossible_combination_is_found_though_every_feature_is_in_its_range() -> None:
    rows = process("together", np.random.default_rng(2), 80)
    rows[:, 1] = rows[:, 0] + 0.1 * np.random.default_rng(3).standard_normal(80)  # they rise and fall together
    batch = np.median(rows, axis=0)
    batch[0], batch[1] = np.quantile(rows[:, 0], [0.9, 0.1])
    assert ((batch >= rows.min(axis=0)) & (batch <= rows.max(axis=0))).all()
    space = fit_input_space(rows)
    assert space is not None
    found = space.measure(batch[None])
    assert found.chance[0] < 1e-6
    assert set(found.shares()[0].argsort()[-2:].tolist()) == {0, 1}


def test_missing_and_constant_values_say_nothing() -> None:
    rows = process("together", np.random.default_rng(4), 40)
    rows[:, 3] = 7.0
    space = fit_input_space(rows)
    assert space is not None
    nothing = np.full((1, 12), np.nan)
    assert space.measure(nothing).chance[0] > 0.5
    moved = rows[:1].copy()
    moved[0, 3] = 8.0
    assert space.measure(moved).chance[0] == space.measure(rows[:1]).chance[0]


@pytest.mark.parametrize(
    "rows", [np.zeros((5, 3)), np.zeros((40, 0)), np.ones((40, 3)), np.full((40, 3), np.nan), np.zeros((0, 3))]
)
def test_nothing_is_said_where_there_is_nothing_to_go_by(rows: NDArray[np.float64]) -> None:
    assert fit_input_space(rows) is None


def test_more_features_than_batches() -> None:
    random = np.random.default_rng(6)
    rows = random.standard_normal((60, 2)) @ random.standard_normal((2, 500)) + 0.1 * random.standard_normal((60, 500))
    space = fit_input_space(rows[:30])
    assert space is not None
    assert (space.measure(rows[30:]).chance <= 0.01).mean() <= 0.1
    assert space.measure(rows[30:31] * 10).chance[0] < 1e-6


def test_rows_of_a_batch_are_held_out_together() -> None:
    """Repeated rows: distances are judged as if each batch were one, so ten copies don't make it look close."""
    rows = process("together", np.random.default_rng(7), 30)
    once, tenfold = fit_input_space(rows), fit_input_space(rows.repeat(10, axis=0), np.arange(30).repeat(10))
    assert once is not None
    assert tenfold is not None
    assert tenfold.limits()[0] == pytest.approx(once.limits()[0], rel=0.05)

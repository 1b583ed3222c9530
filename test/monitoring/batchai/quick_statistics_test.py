"""Short forms of `scipy.stats`, against it."""

import numpy as np
import pytest
from scipy.stats import betabinom, false_discovery_control, rankdata

from src.monitoring.batchai.quick_statistics import average_ranks, beta_binomial_chance, false_discovery_shares


def test_ranks_are_those_of_scipy() -> None:
    values = np.random.default_rng(1).integers(0, 20, 50).astype(np.float64)
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))


@pytest.mark.parametrize("count", [1, 2, 50])
def test_shares_of_false_discoveries_are_those_of_scipy(count: int) -> None:
    chances = np.random.default_rng(2).uniform(size=count) ** 3
    np.testing.assert_allclose(false_discovery_shares(chances), false_discovery_control(chances), rtol=1e-12)


@pytest.mark.parametrize("held", [0, 3, 17, 20])
def test_the_beta_binomial_is_that_of_scipy(held: int) -> None:
    assert beta_binomial_chance(held, 20, 37, 4) == pytest.approx(betabinom.cdf(held, 20, 37, 4), rel=1e-10)

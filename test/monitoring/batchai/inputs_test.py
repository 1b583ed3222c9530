"""The rank-sum test of features, against scipy's."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from src.monitoring.batchai.inputs import _shifts


@pytest.mark.parametrize("ties", [False, True])
def test_the_chance_is_that_of_scipy(*, ties: bool) -> None:
    random = np.random.default_rng(1)
    known, new = random.standard_normal((40, 5)), random.standard_normal((20, 5)) + np.array([0, 0.5, 1, 2, 0])
    if ties:
        known, new = known.round(), new.round()
    known[:7, 4], new[3, 4] = np.nan, np.nan
    expected = mannwhitneyu(new, known, axis=0, method="asymptotic", nan_policy="omit").pvalue
    chance, moved = _shifts(known, new)
    np.testing.assert_allclose(chance, expected, rtol=1e-9)
    assert moved[3] == pytest.approx((np.median(new[:, 3]) - np.median(known[:, 3])) / known[:, 3].std())


def test_nothing_is_said_of_few_or_equal_values() -> None:
    known, new = np.ones((40, 3)), np.ones((20, 3))
    known[:, 1] = np.random.default_rng(2).standard_normal(40)
    new[4:, 1] = np.nan
    known[:, 2], new[:, 2] = 1.0, 2.0
    chance, moved = _shifts(known, new)
    assert np.isnan(chance[:2]).all()
    assert chance[2] < 1e-6
    assert moved[2] == np.inf

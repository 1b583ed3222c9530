"""Control charts against textbooks, and how often they are wrong on processes whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import kurtosis, skew

from src.monitoring.batchai import charts, history, run_length
from src.monitoring.batchai.charts import DECISIVE, NAMES, chances, chart, combine, limits_of
from src.monitoring.batchai.scores import Tails, rank_scores, single_scores, skewness_and_kurtosis

# Montgomery, Introduction to Statistical Quality Control, 6th edition, Table 9.3: average run lengths of a two-sided
# CUSUM with k = 1/2, for shifts of the mean in standard deviations
CUSUM_RUNS = {4.0: {0.0: 168, 0.5: 26.6}, 5.0: {0.0: 465, 0.5: 38.0}}
# the same, Table 9.2: a mean of 10 that shifts to 11 after sample 20; C+ with K = 0.5
TABLE_9_2 = (
    *(9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08),
    *(9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52),
)
TABLE_9_2_SUMS = (
    *(0, 0, 0, 1.16, 2.82, 2.50, 0.04, 1.00, 0, 0, 0, 0.97, 0.98, 0, 0),
    *(0, 0.12, 0, 0, 0.34, 0.74, 0, 1.79, 2.79, 2.89, 3.47, 3.35, 4.47, 5.28, 5.30),
)
FAR = np.asarray([10**9])
PROCESSES = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "heavy tails": lambda random, shape: random.standard_t(5, shape),
    "skewed": lambda random, shape: np.exp(0.5 * random.standard_normal(shape)),
}


@pytest.mark.parametrize("limit", CUSUM_RUNS)
def test_a_cusum_of_a_stable_process_runs_as_long_as_the_book_says(limit: float) -> None:
    upward = run_length.upward_sums()[6]
    assert run_length.REFERENCES[6] == pytest.approx(0.5)
    average = float(np.interp(limit, run_length.LIMITS, upward.average)) / 2
    assert average == pytest.approx(CUSUM_RUNS[limit][0.0], rel=0.01)


@pytest.mark.parametrize("limit", CUSUM_RUNS)
def test_a_cusum_finds_a_shift_of_half_a_deviation_as_soon_as_the_book_says(limit: float) -> None:
    """A shift upward takes as much less off each value; the sum downward adds almost no alarms."""
    upward = run_length.upward_sums()[1]
    assert run_length.REFERENCES[1] == pytest.approx(0)
    assert np.interp(limit, run_length.LIMITS, upward.average) == pytest.approx(CUSUM_RUNS[limit][0.5], rel=0.02)


def test_an_ewma_of_a_stable_process_runs_as_long_as_published() -> None:
    """Lucas & Saccucci, Technometrics 32 (1990) 1-12, table 1: weight 0.2 with limits at 2.962 runs 500 values."""
    average = float(np.exp(np.interp(2.962, run_length.LIMITS, np.log(run_length.smoothed().average))))
    assert average == pytest.approx(500, rel=0.01)


def test_the_sums_are_those_of_the_book() -> None:
    sums, since = charts._sums(np.asarray(TABLE_9_2) - 10)
    np.testing.assert_allclose(sums, TABLE_9_2_SUMS, atol=0.006)
    assert since[28] == 22  # N+ = 7 at sample 29: it began with sample 23


def test_the_ewma_is_that_of_pandas() -> None:
    values = np.asarray(TABLE_9_2) - 10
    expected = pd.Series([0.0, *values]).ewm(alpha=run_length.WEIGHT, adjust=False).mean().to_numpy()[1:]
    np.testing.assert_allclose(charts._smoothed(values) * np.sqrt(0.2 / 1.8), expected, rtol=1e-12, atol=1e-12)


def test_the_chance_with_known_mean_and_spread_is_that_of_simulated_charts() -> None:
    """20,000 charts of 20 standard normal values, added up here: the share that is above 5 is 0.030 ± 0.0024."""
    values = np.random.default_rng(3).standard_normal((20_000, 20))
    up, down, largest = (np.zeros(len(values)) for _ in range(3))
    for column in values.T:
        up, down = np.maximum(0, up + column - 0.5), np.maximum(0, down - column - 0.5)
        largest = np.maximum(largest, np.maximum(up, down))
    found = run_length.chance_of_sum(np.asarray([5.0]), np.asarray([20]), FAR, two_sided=True)[0]
    assert found == pytest.approx((largest >= 5).mean(), abs=0.0036)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize(("before", "new"), [(20, 20), (40, 20), (60, 60)])
def test_a_stable_process_seldom_gives_an_alarm(name: str, before: int, new: int) -> None:
    """1,000 models; 5 % are expected at the most, and 6.8 % are seen with a chance of 1 in 200."""
    rows = PROCESSES[name](np.random.default_rng(7), (1_000, before + new))
    tails = Tails.of(list(rows[:50, :before]))
    parts = chances([_charted(row, before, tails) for row in rows])
    assert (combine(parts[:, DECISIVE]) <= 0.05).mean() <= 0.068
    for place, chart_name in enumerate(NAMES):  # a few residuals don't say how heavy the tails are
        assert (parts[:, place] <= 0.05).mean() <= (0.16 if chart_name == charts.SINGLE else 0.068), chart_name


def test_a_shift_of_one_deviation_is_found() -> None:
    rows = np.random.default_rng(8).standard_normal((500, 100))
    rows[:, 60:] += 1
    tails = Tails.of(list(rows[:50, :60]))
    assert (combine(chances([_charted(row, 60, tails) for row in rows])) <= 0.05).mean() >= 0.95


def test_a_sum_says_since_when() -> None:
    rows = np.random.default_rng(9).standard_normal((200, 90))
    rows[:, 70:] += 2
    tails = Tails.of(list(rows[:50, :60]))
    starts = [_charted(row, 60, tails).charts[2] for row in rows]
    assert abs(float(np.median([part.since[part.strongest] for part in starts])) - 10) <= 1


def test_a_limit_is_exceeded_with_the_stated_chance() -> None:
    rows = np.random.default_rng(10).standard_normal((1_000, 60))
    tails = Tails.of(list(rows[:50, :40]))
    charted = [_charted(row, 40, tails) for row in rows]
    for place, limit in enumerate(limits_of(20, 40)):
        assert np.mean([one.charts[place].alarm(limit) is not None for one in charted]) <= 0.068


def test_a_batch_far_out_is_found_at_once_and_named() -> None:
    random = np.random.default_rng(11)
    before = random.standard_normal(60)
    new = np.append(random.standard_normal(5), 12.0)
    charted = chart(before, new, Tails.of([before]))
    assert combine(chances([charted]))[0] < 0.05
    assert charted.charts[0].strongest == 5


def test_scores_depend_on_ranks_alone_and_have_a_variance_of_one() -> None:
    before, new = np.random.default_rng(1).standard_normal((2, 50))
    scores = rank_scores(before, new)
    np.testing.assert_array_equal(scores, rank_scores(np.exp(before), np.exp(new)))
    everywhere = np.concatenate([before - 1e-9, [before.max() + 1]])
    assert rank_scores(before, everywhere).std() == pytest.approx(1)


def test_equal_residuals_give_no_alarm() -> None:
    charted = chart(np.zeros(30), np.zeros(10), Tails.of([np.zeros(30)]))
    assert combine(chances([charted]))[0] > 0.5
    assert np.isfinite(single_scores(np.zeros(30), np.ones(3), Tails.of([]))).all()


def test_the_excursion_of_a_stable_history_is_that_of_a_bridge() -> None:
    """Kolmogorov's 5 % point is 1.3581; for few batches the test is cautious."""
    random = np.random.default_rng(12)
    parts = np.asarray([history.chances(history.excursions(row)) for row in random.standard_t(4, (1_000, 60))])
    assert (combine(parts) <= 0.05).mean() <= 0.068
    exact = history.chances([history.Excursion("level", np.asarray([history.LIMIT]))])[0]
    assert exact == pytest.approx(0.05, abs=1e-4)


def test_a_change_in_training_is_dated() -> None:
    row = np.random.default_rng(13).standard_normal(100)
    row[70:] += 3
    level, spread = history.excursions(row)
    assert history.chances([level, spread])[0] < 1e-4
    assert level.since == pytest.approx(70, abs=1)


def _charted(row: NDArray[np.float64], before: int, tails: Tails) -> charts.Charted:
    return chart(row[:before], row[before:], tails)


def test_skewness_and_kurtosis_are_those_of_scipy() -> None:
    values = np.exp(np.random.default_rng(14).standard_normal(30))
    expected = (skew(values, bias=False), kurtosis(values, bias=False))
    np.testing.assert_allclose(skewness_and_kurtosis(values), expected, rtol=1e-12)

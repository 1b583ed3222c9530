"""Control charts of a model's residuals since its training.

Single batches (Shewhart), an EWMA, a CUSUM, and a CUSUM of their size for a spread that grows: Montgomery,
*Introduction to Statistical Quality Control*, chapters 6 and 9; ISO 7870. Beside them stand the level of all batches
since training and the coverage of their intervals. For each is said how likely a stable process shows as much in as
many batches; together they give one chance per model (Cauchy combination: Liu & Xie, Journal of the American
Statistical Association 115 (2020) 393-402). Each chart's limit is what a stable process exceeds by now with the chance
`FALSE_ALARMS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from src.monitoring.batchai.quick_statistics import beta_binomial_chance
from src.monitoring.batchai.run_length import LIMITS, REFERENCE, WEIGHT, chance_of_smoothed, chance_of_sum
from src.monitoring.batchai.scores import Tails, rank_scores, single_scores, size_scores
from src.training.batchai.intervals import COVERAGE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SINGLE, SMOOTHED, SUMMED, SPREAD, LEVEL, COVERED = "single batch", "EWMA", "CUSUM", "spread", "level", "coverage"
NAMES = (SINGLE, SMOOTHED, SUMMED, SPREAD, LEVEL, COVERED)
"""The order of `chances`."""
DECISIVE = tuple(NAMES.index(name) for name in (SINGLE, SUMMED, SPREAD, LEVEL))
"""Those that decide together. The EWMA sees what the CUSUM and the level see, and coverage what level and spread do: to
count them twice would make all of them blunter."""
FALSE_ALARMS = 0.05
"""How likely a chart of a stable process is beyond its limit by now. The average run length that follows is 19.5 times
the batches since training."""
MOST_OF_ONE = 0.9
"""A chance of 1 says nothing, but would count infinitely much in a combination."""


@dataclass(frozen=True)
class Chart:
    """One chart of one model.

    Attributes:
        name: One of `NAMES`.
        statistic: Shape (batches,): what is charted, signed where it has a direction.
        since: Shape (batches,): from which batch on what is seen at a batch has gone on.
    """

    name: str
    statistic: NDArray[np.float64]
    since: NDArray[np.int64]

    @property
    def strongest(self) -> int:
        """The batch at which the size of the statistic was largest."""
        import numpy as np

        return int(np.abs(self.statistic).argmax())

    def alarm(self, limit: float) -> int | None:
        """The first batch beyond a limit, if there is one."""
        import numpy as np

        beyond = np.flatnonzero(np.abs(self.statistic) > limit)
        return int(beyond[0]) if len(beyond) else None


@dataclass(frozen=True)
class Charted:
    """The charts of one model.

    Attributes:
        charts: The first four of `NAMES`.
        level: The mean score of all batches since training, in standard errors.
        held: How many of them lie in the interval of their prediction; None where there are no intervals.
        before: From how many batches of training mean and spread are known.
    """

    charts: tuple[Chart, ...]
    level: float
    held: int | None
    before: int

    @property
    def batches(self) -> int:
        """How many batches since training there are."""
        return len(self.charts[0].statistic)


def chart(before: NDArray[np.float64], new: NDArray[np.float64], tails: Tails, *, held: int | None = None) -> Charted:
    """Chart a model's residuals since its training.

    Args:
        before: Shape (batches,): its out-of-fold residuals, at least `scores.FEWEST`.
        new: Shape (new batches,): measured minus predicted since, in order of time; at least one.
        tails: What residuals of models like this look like far from their middle.
        held: How many of the new ones lie in the interval of their prediction.
    """
    import numpy as np

    ranks = rank_scores(before, new)
    singles = single_scores(before, new, tails)
    smooth = _smoothed(ranks)
    up, up_since = _sums(ranks)
    down, down_since = _sums(-ranks)
    spread, spread_since = _sums(size_scores(before, new))
    error = np.sqrt(1 / len(new) + 1 / len(before))
    charts = (
        Chart(SINGLE, singles, np.arange(len(new))),
        Chart(SMOOTHED, smooth, _same_side(smooth)),
        Chart(SUMMED, np.where(up >= down, up, -down), np.where(up >= down, up_since, down_since)),
        Chart(SPREAD, spread, spread_since),
    )
    return Charted(charts, float(ranks.mean() / error), held, len(before))


def chances(charted: Sequence[Charted]) -> NDArray[np.float64]:
    """How likely a stable process shows anything as large, by chart.

    Returns:
        Shape (models, `NAMES`); 1 where there are no intervals.
    """
    import numpy as np
    from scipy.special import ndtr

    size = np.asarray([[abs(part.statistic[part.strongest]) for part in one.charts] for one in charted])
    values = np.asarray([one.batches for one in charted])
    before = np.asarray([one.before for one in charted])
    # as many tests as batches; what training said is the same for all of them, which makes them wrong together
    single = -np.expm1(values * np.log1p(-np.minimum(2 * ndtr(-size[:, 0]), 1 - 1e-9)))
    level = 2 * ndtr(-np.abs([one.level for one in charted]))
    return np.stack(
        [
            single,
            chance_of_smoothed(size[:, 1], values, before),
            chance_of_sum(size[:, 2], values, before, two_sided=True),
            chance_of_sum(size[:, 3], values, before, two_sided=False),
            level,
            [chance_of_coverage(one.held, one.batches, one.before) for one in charted],
        ],
        axis=1,
    )


def chance_of_coverage(held: int | None, batches: int, before: int) -> float:
    """How likely so few intervals hold, if the coverage is as promised.

    The coverage of intervals that few batches made is uncertain itself: it is beta-distributed (Vovk, Machine Learning
    92 (2013) 349-376), so that the number of those that hold is beta-binomial.
    """
    if held is None:
        return 1.0
    inside = min(max(round(COVERAGE * (before + 1)), 1), before)
    return beta_binomial_chance(held, batches, inside, before + 1 - inside)


def combine(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """One chance of each row of chances, however they depend on each other. Shape (rows,)."""
    import numpy as np

    kept = np.clip(parts, 1e-300, MOST_OF_ONE)
    mean = np.where(kept < 1e-15, 1 / (np.pi * kept), np.tan((0.5 - kept) * np.pi)).mean(axis=1)
    combined: NDArray[np.float64] = np.where(
        mean > 1e15, 1 / (np.pi * np.maximum(mean, 1)), 0.5 - np.arctan(mean) / np.pi
    )
    return combined


@cache
def limits_of(batches: int, before: int) -> tuple[float, float, float, float]:
    """The limits of the charts of a model, by the number of batches since training and that of training."""
    import numpy as np
    from scipy.special import ndtri

    values, known = np.asarray([batches]), np.asarray([before])
    at = np.asarray(LIMITS)
    many = (values.repeat(len(at)), known.repeat(len(at)))
    curves = (
        chance_of_smoothed(at, *many),
        chance_of_sum(at, *many, two_sided=True),
        chance_of_sum(at, *many, two_sided=False),
    )
    single = float(-ndtri(-np.expm1(np.log1p(-FALSE_ALARMS) / batches) / 2))
    rest = [float(np.interp(-np.log(FALSE_ALARMS), -np.log(np.maximum(curve, 1e-300)), at)) for curve in curves]
    return (single, rest[0], rest[1], rest[2])


def _sums(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A CUSUM upward, and the batch after it last was 0."""
    import numpy as np

    sums, since = np.zeros(len(scores)), np.zeros(len(scores), dtype=np.int64)
    value, first = 0.0, 0
    for place, score in enumerate(scores.tolist()):
        if value == 0:
            first = place
        value = max(0.0, value + score - REFERENCE)
        sums[place], since[place] = value, first
    return sums, since


def _smoothed(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """An EWMA in units of the standard deviation that it has in the long run."""
    import numpy as np

    smooth, value = np.zeros(len(scores)), 0.0
    for place, score in enumerate(scores.tolist()):
        value += WEIGHT * (score - value)
        smooth[place] = value
    scaled: NDArray[np.float64] = smooth / np.sqrt(WEIGHT / (2 - WEIGHT))
    return scaled


def _same_side(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each value the first of those up to it that lie on its side of zero without a break."""
    import numpy as np

    sides = values > 0
    starts = np.where(np.append(True, sides[1:] != sides[:-1]), np.arange(len(values)), 0)
    return np.maximum.accumulate(starts)

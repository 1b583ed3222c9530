"""Control charts of a model's residuals since its training.

Single batches (Shewhart), an EWMA, a CUSUM, and a CUSUM of their size for a spread that grows: Montgomery, *Introduction
to Statistical Quality Control*, chapters 6 and 9; ISO 7870. Each limit is such that the charts of a model together give a
false alarm every `AVERAGE_RUN` batches of a stable process. How likely what was seen is on a stable process is said
chart by chart; together with the level of all batches since training, compared by ranks, these give one chance per model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from src.monitoring.batchai.run_length import (
    LONGEST,
    REFERENCE,
    REFERENCES,
    WEIGHT,
    Survival,
    chance_of_smoothed,
    chance_of_sum,
    smoothed,
    upward_sums,
)
from src.monitoring.batchai.scores import Tails, rank_scores, single_scores, size_scores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SINGLE, SMOOTHED, SUMMED, SPREAD = "single batch", "EWMA", "CUSUM", "spread"
NAMES = (SINGLE, SMOOTHED, SUMMED, SPREAD)
LEVEL = "level"
AVERAGE_RUN = 370.4
"""The average run length of all charts of a model together: that of Shewhart's chart with limits at 3 standard
deviations."""


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
    def limit(self) -> float:
        """An alarm is given where the size of the statistic is more than this."""
        return limit_of(self.name)

    @property
    def strongest(self) -> int:
        """The batch at which the size of the statistic was largest."""
        import numpy as np

        return int(np.abs(self.statistic).argmax())

    @property
    def alarm(self) -> int | None:
        """The first batch beyond the limit, if there is one."""
        import numpy as np

        beyond = np.flatnonzero(np.abs(self.statistic) > self.limit)
        return int(beyond[0]) if len(beyond) else None


@dataclass(frozen=True)
class Charted:
    """The charts of one model.

    Attributes:
        charts: By the order of `NAMES`.
        level: The mean score of all batches since training, in standard errors.
        before: From how many batches of training mean and spread are known.
    """

    charts: tuple[Chart, ...]
    level: float
    before: int


def chart(before: NDArray[np.float64], new: NDArray[np.float64], tails: Tails) -> Charted:
    """Chart a model's residuals since its training.

    Args:
        before: Shape (batches,): its out-of-fold residuals, at least `scores.FEWEST`.
        new: Shape (new batches,): measured minus predicted since, in order of time; at least one.
        tails: What residuals of models like this look like far from their middle.
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
    return Charted(charts, float(ranks.mean() / error), len(before))


def chances(charted: Sequence[Charted]) -> NDArray[np.float64]:
    """How likely a stable process shows anything as large, by chart.

    Returns:
        Shape (models, `NAMES` and `LEVEL`).
    """
    import numpy as np
    from scipy.special import ndtr

    size = np.asarray([[abs(part.statistic[part.strongest]) for part in one.charts] for one in charted])
    values = np.asarray([len(one.charts[0].statistic) for one in charted])
    before = np.asarray([one.before for one in charted])
    # as many tests as batches; they share what training said, so that together they are less likely to be wrong
    single = -np.expm1(values * np.log1p(-2 * ndtr(-size[:, 0])))
    level = 2 * ndtr(-np.abs([one.level for one in charted]))
    return np.stack(
        [
            single,
            chance_of_smoothed(size[:, 1], values, before),
            chance_of_sum(size[:, 2], values, before, two_sided=True),
            chance_of_sum(size[:, 3], values, before, two_sided=False),
            level,
        ],
        axis=1,
    )


def expected_alarms(values: int) -> float:
    """How many models of a hundred give a false alarm in so many batches of a stable process, as a share."""
    import numpy as np

    return float(-np.expm1(-values / AVERAGE_RUN))


@cache
def limit_of(name: str) -> float:
    """The limit of a kind of chart."""
    import numpy as np
    from scipy.special import ndtri

    average = AVERAGE_RUN * len(NAMES)
    if name == SINGLE:
        return float(-ndtri(1 / (2 * average)))
    if name == SMOOTHED:
        return smoothed().limit(average)
    upward = upward_sums()[int(np.abs(np.asarray(REFERENCES) - REFERENCE).argmin())]
    sides = 2 if name == SUMMED else 1
    return upward.limit(average * sides)  # rates of alarms add up (Lucas & Crosier, Technometrics 24 (1982) 199-205)


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
    from scipy.signal import lfilter

    smooth: NDArray[np.float64] = lfilter([WEIGHT], [1, WEIGHT - 1], scores)
    return smooth / np.sqrt(WEIGHT / (2 - WEIGHT))


def _same_side(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each value the first of those up to it that lie on its side of zero without a break."""
    import numpy as np

    sides = values > 0
    starts = np.where(np.append(True, sides[1:] != sides[:-1]), np.arange(len(values)), 0)
    return np.maximum.accumulate(starts)

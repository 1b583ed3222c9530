"""How long control charts of a stable process run until they give a false alarm, and how likely one is by then.

The charted values are independent and normal. A chart's statistic is then a Markov chain; cut into `STATES` cells it
has a transition matrix (Brook & Evans, Biometrika 59 (1972) 539-549), whose powers say how likely the chart has stayed
within a limit, and whose inverse says how long it does on average. Mean and spread of the process are only estimated,
from the batches of training, which makes false alarms more likely (Jensen, Jones-Farmer, Champ & Woodall, Journal of
Quality Technology 38 (2006) 349-364): the chance is averaged over what the true ones may be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REFERENCE = 0.5
"""What a CUSUM takes off every value, in standard deviations: half the shift that it finds soonest, 1 (Page, Biometrika
41 (1954) 100-115)."""
WEIGHT = 0.2
"""The weight of the newest value in an EWMA (Roberts, Technometrics 1 (1959) 239-250); Montgomery, *Introduction to
Statistical Quality Control*, section 9.2, recommends 0.05 to 0.25."""
STATES = 61
LONGEST = 120
"""After so many values the chance of an alarm grows as it does from then on."""
LIMITS = tuple(0.3 * step for step in range(1, 68))
"""Limits at which the tables are made; between them the logarithm is interpolated."""
REFERENCES = tuple(-0.1 + 0.1 * step for step in range(16))
"""What is taken off by CUSUMs of processes whose mean and spread are not as estimated, beside `REFERENCE`."""
NODES = 7
"""Of the Gauss-Hermite rule that averages over mean and spread."""


@dataclass(frozen=True)
class Survival:
    """How likely a chart of a stable process has given no alarm, by limit and number of values.

    Attributes:
        logs: Shape (limits, `LONGEST` + 1): the logarithm of that chance.
    """

    logs: NDArray[np.float64]

    @property
    def average(self) -> NDArray[np.float64]:
        """The average run length at each limit. Shape (limits,)."""
        import numpy as np

        chances = np.exp(self.logs)
        rate = -np.expm1(self.logs[:, -1] - self.logs[:, -2])
        average: NDArray[np.float64] = chances[:, :-1].sum(axis=1)
        average += chances[:, -1] / np.maximum(rate, np.finfo(np.float64).tiny)
        return average

    def limit(self, average: float) -> float:
        """The limit at which a stable process gives an alarm every so many values on average."""
        import numpy as np

        return float(np.interp(np.log(average), np.log(self.average), LIMITS))

    @cached_property
    def _log_alarms(self) -> NDArray[np.float64]:
        import numpy as np

        logs: NDArray[np.float64] = np.log(np.maximum(-self.logs, np.finfo(np.float64).tiny))
        return logs

    def alarms(self, limits: NDArray[np.float64], values: NDArray[np.int64]) -> NDArray[np.float64]:
        """Minus the logarithm of the chance, at any limits and numbers of values that broadcast."""
        import numpy as np

        step = LIMITS[1] - LIMITS[0]
        at = np.clip(np.asarray(limits) / step - 1, 0, len(LIMITS) - 1 - 1e-9)
        place = at.astype(np.int64)
        share = at - place
        short = np.minimum(values, LONGEST)
        log = (1 - share) * self._log_alarms[place, short] + share * self._log_alarms[place + 1, short]
        before = (1 - share) * self._log_alarms[place, short - 1] + share * self._log_alarms[place + 1, short - 1]
        later = np.maximum(values - LONGEST, 0)
        found: NDArray[np.float64] = np.exp(log) + later * (np.exp(log) - np.exp(before))
        return found


@cache
def upward_sums() -> tuple[Survival, ...]:
    """CUSUMs of what grows, for each of `REFERENCES`."""
    import numpy as np

    limits = np.asarray(LIMITS)
    return tuple(Survival(_log_survival(_sum_transitions(limits, k), 0)) for k in REFERENCES)


@cache
def smoothed() -> Survival:
    """A two-sided EWMA, in units of the standard deviation that it has in the long run."""
    import numpy as np

    return Survival(_log_survival(_smooth_transitions(np.asarray(LIMITS)), STATES // 2))


def chance_of_sum(
    statistic: NDArray[np.float64], values: NDArray[np.int64], before: NDArray[np.int64], *, two_sided: bool
) -> NDArray[np.float64]:
    """How likely the largest CUSUM of a stable process is at least this.

    Args:
        statistic: Shape (charts,): the largest value that the sum (or the larger of both) had.
        values: Shape (charts,): how many values were charted, at least one.
        before: Shape (charts,): from how many batches mean and spread were estimated.
        two_sided: Whether shifts in both directions count.
    """

    def alarms(mean: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
        limit = statistic[:, None] * spread
        upward = _alarms_of_sums(REFERENCE * spread + mean, limit, values[:, None])
        return upward + _alarms_of_sums(REFERENCE * spread - mean, limit, values[:, None]) if two_sided else upward

    return _averaged(alarms, before)


def chance_of_smoothed(
    statistic: NDArray[np.float64], values: NDArray[np.int64], before: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How likely the largest EWMA of a stable process is at least this; arguments as in `chance_of_sum`."""
    import numpy as np

    deviation = np.sqrt(WEIGHT / (2 - WEIGHT))

    def alarms(mean: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
        ends = (statistic[:, None] * spread + side * mean / deviation for side in (-1, 1))
        upper, lower = (smoothed().alarms(np.maximum(end, LIMITS[0]), values[:, None]) for end in ends)
        return (upper + lower) / 2

    return _averaged(alarms, before)


def _averaged(
    alarms: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]], before: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The chance of an alarm, averaged over mean and spread of the process in units of the estimated ones."""
    import numpy as np

    at, weight = np.polynomial.hermite_e.hermegauss(NODES)
    weight = weight / weight.sum()
    mean = (at[:, None] / np.sqrt(before)[:, None, None]).repeat(NODES, axis=2).reshape(len(before), -1)
    spread = (1 + at / np.sqrt(2 * before)[:, None, None]).repeat(NODES, axis=1).reshape(len(before), -1)
    both = (weight[:, None] * weight).ravel()
    chance: NDArray[np.float64] = -np.expm1(-alarms(mean, np.maximum(spread, 0.1))) @ both
    return np.clip(chance, 0, 1)


def _alarms_of_sums(
    reference: NDArray[np.float64], limit: NDArray[np.float64], values: NDArray[np.int64]
) -> NDArray[np.float64]:
    import numpy as np

    at = np.clip((reference - REFERENCES[0]) / (REFERENCES[1] - REFERENCES[0]), 0, len(REFERENCES) - 1 - 1e-9)
    place = at.astype(np.int64)
    found = np.zeros(np.broadcast_shapes(place.shape, limit.shape))
    values = np.broadcast_to(values, found.shape)
    for number, survival in enumerate(upward_sums()):
        for side, share in ((place == number, 1 - at + place), (place + 1 == number, at - place)):
            if side.any():
                part = np.log(np.maximum(survival.alarms(limit[side], values[side]), np.finfo(np.float64).tiny))
                found[side] += share[side] * part
    alarms: NDArray[np.float64] = np.exp(found)
    return alarms


def _log_survival(matrix: NDArray[np.float64], start: int) -> NDArray[np.float64]:
    import numpy as np

    chance = np.zeros(matrix.shape[:2])
    chance[:, start] = 1
    survival = np.zeros((len(matrix), LONGEST + 1))
    for place in range(1, LONGEST + 1):
        chance = (chance[:, None] @ matrix)[:, 0]
        survival[:, place] = np.log(np.clip(chance.sum(axis=1), np.finfo(np.float64).tiny, 1))
    falling: NDArray[np.float64] = np.minimum.accumulate(survival, axis=1)
    return falling


def _sum_transitions(limits: NDArray[np.float64], reference: float) -> NDArray[np.float64]:
    """From a sum to the next; the first state is 0. Shape (limits, states, states)."""
    import numpy as np
    from scipy.special import ndtr

    width = 2 * limits / (2 * STATES - 1)
    centre = width[:, None] * np.arange(STATES)
    below = ndtr(centre[:, None, :] + width[:, None, None] / 2 - centre[:, :, None] + reference)
    return np.concatenate([below[:, :, :1], np.diff(below, axis=2)], axis=2)


def _smooth_transitions(limits: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np
    from scipy.special import ndtr

    deviation = np.sqrt(WEIGHT / (2 - WEIGHT))
    ends = limits[:, None] * deviation * np.linspace(-1, 1, STATES + 1)
    centre = (ends[:, 1:] + ends[:, :-1]) / 2
    below = ndtr((ends[:, None, :] - (1 - WEIGHT) * centre[:, :, None]) / WEIGHT)
    return np.diff(below, axis=2)

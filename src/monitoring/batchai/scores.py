"""Residuals as scores whose distribution is known, whatever that of the residuals is.

What was measured since training is compared with the out-of-fold residuals of training. By its rank among them a
residual gets the score that a normal residual of this rank would have (normal scores: van der Waerden, Indagationes
Mathematicae 14 (1952) 453-458); charts of these hold for residuals of any distribution. A rank can't say how far out a
single residual is; its distance from the mean in standard deviations can, if the tails of the distribution are known:
they are estimated from the residuals of all products together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST = 10
"""With fewer residuals of training nothing is charted."""
HEAVIEST = 3.0
"""Degrees of freedom of the heaviest tails that residuals are thought to have."""
CLEAR = 2.0
"""Skewness and kurtosis count where they are more standard errors than this from those of a normal distribution."""


def rank_scores(before: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normal score of the rank of each new residual among those of training, scaled to a variance of 1.

    Args:
        before: Shape (batches,): the residuals of training, at least `FEWEST`.
        new: Shape (new batches,): those since.
    """
    import numpy as np
    from scipy.special import ndtri

    ordered, count = np.sort(before), len(before) + 1
    rank = (np.searchsorted(ordered, new, side="left") + np.searchsorted(ordered, new, side="right")) / 2
    every = ndtri((np.arange(count) + 0.5) / count)
    scores: NDArray[np.float64] = ndtri((rank + 0.5) / count) / every.std()
    return scores


def size_scores(before: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score of the distance of each new residual from the median of training; arguments as in `rank_scores`."""
    import numpy as np

    middle = np.median(before)
    return rank_scores(np.abs(before - middle), np.abs(new - middle))


@dataclass(frozen=True)
class Tails:
    """What the residuals of some models look like far from their middle.

    Attributes:
        freedom: Degrees of freedom of the Student distribution that has such tails; infinite: normal.
        skewed: Whether the two sides are measured apart.
        distances: Shape (residuals,): how far each is from the others, in standard deviations of these; sorted.
    """

    freedom: float
    skewed: bool
    distances: NDArray[np.float64]

    @classmethod
    def of(cls, residuals: Sequence[NDArray[np.float64]]) -> Tails:
        """Find them, by skewness and kurtosis pooled over the models (`4 + 6 / excess kurtosis`)."""
        import numpy as np

        long = [part for part in residuals if len(part) >= FEWEST and part.std() > 0]
        if not long:
            return cls(np.inf, skewed=False, distances=np.empty(0))
        counts = np.asarray([len(part) for part in long])
        skewed = _clear(np.average([skewness_and_kurtosis(part)[0] for part in long], weights=counts), 6 / counts.sum())
        scaled = [_distances(part, part, skewed=skewed) for part in long]
        excess = float(np.average([skewness_and_kurtosis(part)[1] for part in scaled], weights=counts))
        heavy = excess > 0 and _clear(excess, 24 / counts.sum())
        freedom = 4 + 6 / excess if heavy else np.inf
        alone = [_distances_from_others(part, skewed=skewed) for part in long]
        return cls(freedom, skewed=skewed, distances=np.sort(np.concatenate(alone)))

    def chance(self, distances: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """How likely a residual is at least so far from the middle, in either direction.

        The Student distribution's chance; or the share of residuals that were as far out, if that is more, but for what
        even the heaviest tails (`HEAVIEST`) would not explain: a few residuals can't say how rare the rarest are.

        Args:
            distances: Shape (batches,): in standard deviations.
            count: From how many residuals the standard deviation was estimated.
        """
        import numpy as np

        seen = len(self.distances) - np.searchsorted(self.distances, np.abs(distances))
        share = (1 + seen) / (1 + len(self.distances))
        limited = np.minimum(share, _student(distances, min(count - 1, HEAVIEST)))
        chance: NDArray[np.float64] = np.maximum(_student(distances, min(count - 1, self.freedom)), limited)
        return np.maximum(chance, np.finfo(np.float64).tiny)


def skewness_and_kurtosis(values: NDArray[np.float64]) -> tuple[float, float]:
    """Of a sample, unbiased for normal values (Joanes & Gill, The Statistician 47 (1998) 183-189, G1 and G2).

    Args:
        values: Shape (rows,), at least four, not all alike.
    """
    count = len(values)
    centred = values - values.mean()
    squares = centred * centred
    second, third, fourth = squares.mean(), (squares * centred).mean(), (squares * squares).mean()
    skewness = third / second**1.5 * (count * (count - 1)) ** 0.5 / (count - 2)
    excess = ((count + 1) * (fourth / second**2 - 3) + 6) * (count - 1) / ((count - 2) * (count - 3))
    return float(skewness), float(excess)


def single_scores(before: NDArray[np.float64], new: NDArray[np.float64], tails: Tails) -> NDArray[np.float64]:
    """How far each new residual is from the middle of training, as the normal score that is as unlikely.

    Args:
        before: Shape (batches,): the residuals of training, at least `FEWEST`.
        new: Shape (new batches,): those since.
        tails: The tails of residuals like these.
    """
    import numpy as np
    from scipy.special import ndtri

    count = len(before) // 2 if tails.skewed else len(before)
    distances = _distances(before, new, skewed=tails.skewed) / np.sqrt(1 + 1 / len(before))
    scores: NDArray[np.float64] = np.copysign(-ndtri(tails.chance(distances, count) / 2), distances)
    return scores


def _student(distances: NDArray[np.float64], freedom: float) -> NDArray[np.float64]:
    """The chance of both tails of a Student distribution whose standard deviation is 1."""
    import numpy as np
    from scipy.special import stdtr

    wider = np.sqrt(freedom / (freedom - 2)) if np.isfinite(freedom) else 1.0
    chance: NDArray[np.float64] = 2 * stdtr(freedom, -np.abs(distances) * wider)
    return chance


def _clear(value: float, variance: float) -> bool:
    return bool(abs(value) > CLEAR * variance**0.5)


def _distances(before: NDArray[np.float64], new: NDArray[np.float64], *, skewed: bool) -> NDArray[np.float64]:
    """How far new residuals are from the middle of training, in standard deviations of their side. As `new`."""
    import numpy as np

    middle = np.median(before) if skewed else before.mean()
    above = below = float(before.std(ddof=1))
    if skewed:
        above, below = (
            float(np.sqrt(np.square(side).mean()))
            for side in (before[before >= middle] - middle, before[before <= middle] - middle)
        )
    spread = np.where(new >= middle, above, below)
    distances: NDArray[np.float64] = np.divide(new - middle, spread, out=np.zeros(len(new)), where=spread > 0)
    return distances


def _distances_from_others(residuals: NDArray[np.float64], *, skewed: bool) -> NDArray[np.float64]:
    """How far each residual is from the middle of all others, in their standard deviations; without a sign.

    As a new one is compared with those of training. The middle is that of all, so that no residual changes its side.
    """
    import numpy as np

    middle = np.median(residuals) if skewed else residuals.mean()
    squares = np.square(residuals - middle)
    side = np.where(residuals >= middle, 1, -1) if skewed else np.ones(len(residuals))
    count = np.where(side > 0, (side > 0).sum(), (side < 0).sum())
    total = np.where(side > 0, squares[side > 0].sum(), squares[side < 0].sum())
    variance = np.maximum(total - squares, 0) / np.maximum(count - 1 - (not skewed), 1)
    distances: NDArray[np.float64] = np.sqrt(
        np.divide(squares, variance, out=np.zeros_like(squares), where=variance > 0)
    )
    return distances

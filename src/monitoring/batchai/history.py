"""Whether the process had changed while the batches of training were made: out-of-fold residuals in order of time.

A change of level or of spread at an unknown moment, by the largest excursion of the cumulative sum of scores about
their mean: ``max |Σ (z - z̄)| / (s √n)`` (Page, Biometrika 42 (1955) 523-527; with squares instead of scores Inclán &
Tiao, Journal of the American Statistical Association 89 (1994) 913-923). For a stable process it is distributed as the
largest excursion of a Brownian bridge, the limit of Kolmogorov's statistic; for few batches that is a little too
cautious.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.monitoring.batchai.quick_statistics import average_ranks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL, SPREAD = "level", "spread"
LIMIT = 1.3581
"""What a stable process exceeds with a chance of 5 %."""


@dataclass(frozen=True)
class Excursion:
    """The cumulative sum of a model's scores.

    Attributes:
        name: `LEVEL` or `SPREAD`.
        sums: Shape (batches,): in units in which the largest of a stable process is below 1.36 in 95 of 100 cases.
    """

    name: str
    sums: NDArray[np.float64]

    @property
    def statistic(self) -> float:
        """The largest excursion."""
        import numpy as np

        return float(np.abs(self.sums).max())

    @property
    def since(self) -> int:
        """The first batch after the likeliest moment of a change."""
        import numpy as np

        return min(int(np.abs(self.sums).argmax()) + 1, len(self.sums) - 1)


Excursions = tuple[Excursion, Excursion]
"""Of the level and of the spread."""


def excursions(residuals: NDArray[np.float64]) -> Excursions:
    """Add up the normal scores of residuals and of their distances from the median.

    Args:
        residuals: Shape (batches,): in order of time, at least two.
    """
    import numpy as np
    from scipy.special import ndtri

    found = []
    for name, values in ((LEVEL, residuals), (SPREAD, np.abs(residuals - np.median(residuals)))):
        scores = ndtri((average_ranks(values) - 0.5) / len(values))
        spread = scores.std(ddof=1)
        sums = np.cumsum(scores - scores.mean()) / (np.sqrt(len(values)) * (spread if spread > 0 else 1))
        found.append(Excursion(name, sums))
    return found[0], found[1]


def chances(found: Sequence[Excursion]) -> NDArray[np.float64]:
    """How likely the scores of a stable process go at least as far. Shape (excursions,)."""
    import numpy as np
    from scipy.special import kolmogorov

    chance: NDArray[np.float64] = kolmogorov(np.asarray([part.statistic for part in found]))
    return chance

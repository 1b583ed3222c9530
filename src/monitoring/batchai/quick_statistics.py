"""What monitoring needs of `scipy.stats`, by `scipy.special` alone: to import the former takes a second on a laptop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def average_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ranks of values, from 1; equal ones share the mean of theirs. Shape (rows,), without NaN."""
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def false_discovery_shares(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of false ones among all with a chance no larger (Benjamini & Hochberg 1995). Shape (rows,)."""
    import numpy as np

    order = np.argsort(chances, kind="stable")
    shares = np.minimum.accumulate((chances[order] * len(chances) / np.arange(1, len(chances) + 1))[::-1])[::-1]
    found = np.empty_like(chances)
    found[order] = np.minimum(shares, 1)
    return found


def beta_binomial_chance(most: int, count: int, a: float, b: float) -> float:
    """How likely at most so many of `count` hold, where each does with a chance that is beta-distributed."""
    import numpy as np
    from scipy.special import betaln, gammaln

    held = np.arange(most + 1)
    ways = gammaln(count + 1) - gammaln(held + 1) - gammaln(count - held + 1)
    return float(min(np.exp(ways + betaln(held + a, count - held + b) - betaln(a, b)).sum(), 1.0))

"""Where the batches of training lie in the space of all features together: is a batch like those seen?

A batch can have every feature in its range and still be unlike any other, where features that always move together do
not. Principal components of the standardised features describe how they move together (Jackson & Mudholkar,
Technometrics 21 (1979) 341-349; Nomikos & MacGregor, Technometrics 37 (1995) 41-59; Ferrer, Quality Engineering 19
(2007) 311-325):

- Hotelling's ``T² = Σ t²/λ`` says how far a batch is out within the components, whose scores `t` have the variances
  `λ`;
- ``SPE = Σ e²`` (Q) says how far it is from them, with `e` what the components leave of each feature.

Both are judged by the distances that batches of training have from the others: each is held out once. They are
compared with the ``g·χ²`` distribution of Box (Annals of Mathematical Statistics 25 (1954) 290-302) that has the mean
and the variance of these held-out distances; ``T²`` also with Hotelling's F distribution, and the one that is more
cautious counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 10
FEWEST = 10
"""With fewer batches nothing is said."""
ROWS_PER_COMPONENT = 5
"""There are at least so many batches for each component, else its variance is hardly known. All that are known count:
what batches hardly differ in is what makes a combination impossible."""
MOST_FEATURES = 1_000
"""With more features nothing is said: the model would be larger than its data."""
CONSTANT = 1e-9
"""A feature with a spread below this share of its mean is constant."""
NEGLIGIBLE = 1e-6
"""A component with a smaller variance is one that batches don't differ in but for rounding."""
MOST_FREEDOM = 1e6
ROUNDING = 1e-9
"""What rounding makes of a distance, per feature: less is not told apart."""
LEVEL = 0.01
"""A batch is unusual if at most this share of batches like those of training are as far out."""


@dataclass(frozen=True)
class BoxDistribution:
    """A distribution of distances, ``scale · χ²`` with some degrees of freedom."""

    scale: float = 1.0
    freedom: float = 1.0

    @classmethod
    def of(cls, distances: NDArray[np.float64], least: float) -> BoxDistribution:
        """That with the mean and the variance of some distances, which are at least `least`: less is rounding."""
        distances = distances.clip(min=least)
        mean, variance = float(distances.mean()), float(distances.var(ddof=1))
        freedom = min(2 * mean**2 / variance, MOST_FREEDOM) if variance > (ROUNDING * mean) ** 2 else 1.0
        return cls(mean / freedom, freedom)

    def chance(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """How likely a distance is at least this."""
        from scipy.special import chdtrc

        chance: NDArray[np.float64] = chdtrc(self.freedom, distances / self.scale)
        return chance

    def limit(self, level: float) -> float:
        """The distance that is exceeded with this chance."""
        from scipy.special import chdtri

        return self.scale * float(chdtri(self.freedom, level))


@dataclass(frozen=True)
class InputSpace:
    """The features of a product's batches of training.

    Attributes:
        rows: How many batches there were.
        mean: Shape (features,).
        spread: Shape (features,): standard deviations; infinite for a constant feature.
        components: Shape (components, features): orthonormal rows.
        variances: Shape (components,): of the scores.
        within: The distribution of held-out ``T²``.
        beside: That of held-out ``SPE``.
    """

    rows: int
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    components: NDArray[np.float64]
    variances: NDArray[np.float64]
    within: BoxDistribution
    beside: BoxDistribution

    def standardised(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features in standard deviations from the mean; 0 where missing or constant. The shape of `features`."""
        import numpy as np

        scaled: NDArray[np.float64] = np.nan_to_num((features - self.mean) / self.spread, posinf=0, neginf=0)
        return scaled

    def measure(self, features: NDArray[np.float64]) -> Distances:
        """How far batches are from those of training.

        Args:
            features: Shape (batches, features), NaN where missing.
        """
        import numpy as np

        scaled = self.standardised(features)
        scores = scaled @ self.components.T
        left = scaled - scores @ self.components
        within, beside = np.square(scores) @ (1 / self.variances), np.square(left).sum(axis=1)
        return Distances(
            within=within,
            beside=beside,
            chance_within=self._chance_within(within),
            chance_beside=self.beside.chance(beside),
            shares_within=(scores / self.variances) @ self.components * scaled,
            shares_beside=np.square(left),
        )

    def limits(self, level: float = LEVEL) -> tuple[float, float]:
        """Beyond which ``T²`` and ``SPE`` are unusual, each at half the level; infinite where nothing can be said."""
        from scipy.special import fdtri

        count, rows = len(self.variances), self.rows
        hotelling = _factor(rows, count) * float(fdtri(count, rows - count, 1 - level / 2)) if 0 < count < rows else 0.0
        return max(hotelling, self.within.limit(level / 2)), self.beside.limit(level / 2)

    def _chance_within(self, within: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np
        from scipy.special import fdtrc

        count, rows = len(self.variances), self.rows
        if not 0 < count < rows:
            return self.within.chance(within)
        hotelling = fdtrc(count, rows - count, within / _factor(rows, count))
        cautious: NDArray[np.float64] = np.maximum(self.within.chance(within), hotelling)
        return cautious


@dataclass(frozen=True)
class Distances:
    """How far some batches are from those of training.

    Attributes:
        within: Shape (batches,): ``T²``.
        beside: Shape (batches,): ``SPE``.
        chance_within: Shape (batches,): the share of batches like those of training that are at least as far out.
        chance_beside: Shape (batches,).
        shares_within: Shape (batches, features): what each feature adds to ``T²``; they sum to it.
        shares_beside: Shape (batches, features): what each feature adds to ``SPE``.
    """

    within: NDArray[np.float64]
    beside: NDArray[np.float64]
    chance_within: NDArray[np.float64]
    chance_beside: NDArray[np.float64]
    shares_within: NDArray[np.float64]
    shares_beside: NDArray[np.float64]

    @property
    def chance(self) -> NDArray[np.float64]:
        """Of both distances together (Bonferroni). Shape (batches,)."""
        import numpy as np

        both: NDArray[np.float64] = np.minimum(2 * np.minimum(self.chance_within, self.chance_beside), 1)
        return both

    def shares(self) -> NDArray[np.float64]:
        """What each feature adds to the less likely of both distances, as shares of it. Shape (batches, features)."""
        import numpy as np

        within = (self.chance_within <= self.chance_beside)[:, None]
        parts = np.maximum(np.where(within, self.shares_within, self.shares_beside), 0)
        total = parts.sum(axis=1, keepdims=True)
        shares: NDArray[np.float64] = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        return shares


def fit_input_space(
    features: NDArray[np.float64], groups: NDArray[np.int64] | None = None, *, components: int | None = None
) -> InputSpace | None:
    """Describe the features of batches.

    Args:
        features: Shape (rows, features), NaN where missing.
        groups: Shape (rows,): the number of each row's batch; rows of a batch are held out together. None: one each.
        components: How many components there are at the most; None: one for every `ROWS_PER_COMPONENT` batches.

    Returns:
        None where there are fewer than `FEWEST` batches, more than `MOST_FEATURES` features, or none that varies.
    """
    import numpy as np

    groups = np.arange(len(features)) if groups is None else np.unique(groups, return_inverse=True)[1]
    batches = int(groups.max()) + 1 if len(features) else 0
    if batches < FEWEST or not 0 < features.shape[1] <= MOST_FEATURES:
        return None
    mean, spread = _mean_and_spread(features)
    if not np.isfinite(spread).any():
        return None
    scaled = np.nan_to_num((features - mean) / spread)  # a missing value is the mean
    held = groups % FOLDS == np.arange(FOLDS)[:, None]
    means, spreads, directions, variances = _components(
        scaled,
        np.concatenate([[np.zeros(len(features), dtype=bool)], held]),
        components or batches // ROWS_PER_COMPONENT,
    )
    within, beside = np.zeros(len(features)), np.zeros(len(features))
    for fold, rows in enumerate(held, start=1):
        part = (scaled[rows] - means[fold]) / spreads[fold]
        scores = part @ directions[fold].T
        within[rows] = np.square(scores) @ _one_over(variances[fold])
        beside[rows] = np.square(part - scores @ directions[fold]).sum(axis=1)
    kept = variances[0] > 0
    least = ROUNDING * features.shape[1]
    return InputSpace(
        batches,
        mean,
        spread * np.where(np.isinf(spreads[0]), 1, spreads[0]),
        directions[0][kept],
        variances[0][kept],
        within=BoxDistribution.of(within, least),
        beside=BoxDistribution.of(beside, least),
    )


def _mean_and_spread(features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each feature; the spread of a constant one is infinite."""
    import numpy as np

    there = ~np.isnan(features)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, features, 0).sum(axis=0) / count
    spread = np.sqrt(np.where(there, np.square(features - mean), 0).sum(axis=0) / np.maximum(len(features) - 1, 1))
    constant = spread <= CONSTANT * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
    return mean, np.where(constant, np.inf, spread)


def _components(
    scaled: NDArray[np.float64], held: NDArray[np.bool_], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, spread and components of several sets of rows.

    Args:
        scaled: Shape (rows, features).
        held: Shape (sets, rows): which rows are not in the set.
        most: How many components there are at the most.

    Returns:
        Means and spreads (infinite where constant), shape (sets, features); components, shape (sets, components,
        features), and their variances, shape (sets, components): 0 for one that is none.
    """
    import numpy as np

    taken = (~held).astype(np.float64)
    count = taken.sum(axis=1)[:, None]
    means = taken @ scaled / count
    rows = (scaled - means[:, None]) * taken[:, :, None]
    spreads = np.sqrt(np.square(rows).sum(axis=1) / np.maximum(count - 1, 1))
    spreads = np.where(spreads > CONSTANT, spreads, np.inf)
    rows /= spreads[:, None]
    if scaled.shape[1] <= len(scaled):
        variances, vectors = np.linalg.eigh(rows.transpose(0, 2, 1) @ rows)
        components = vectors.transpose(0, 2, 1)
    else:
        variances, vectors = np.linalg.eigh(rows @ rows.transpose(0, 2, 1))
        components = vectors.transpose(0, 2, 1) @ rows * _one_over(np.sqrt(np.maximum(variances, 0)))[:, :, None]
    variances = variances / np.maximum(count - 1, 1)
    largest = slice(None, -most - 1, -1)
    variances = np.where(variances > NEGLIGIBLE, variances, 0)[:, largest]
    return means, spreads, components[:, largest] * (variances > 0)[:, :, None], variances


def _one_over(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """One over each value, 0 where it is 0."""
    import numpy as np

    return np.divide(1, values, where=values > 0, out=np.zeros_like(values))


def _factor(rows: int, count: int) -> float:
    """What the F distribution is multiplied with for the ``T²`` of a new batch (Nomikos & MacGregor, equation 5)."""
    return count * (rows**2 - 1) / (rows * (rows - count))

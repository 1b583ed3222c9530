"""Which features say nothing, or say what is to be predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_COMPARED = 10
"""With fewer measured rows than this, a feature that follows a target exactly may do so by chance."""
BLOCK_CELLS = 1_000_000
"""How many pairs of a feature and a target are looked at at a time."""


def dropped_features(
    features: Mapping[str, NDArray[np.float64]],
    measured: NDArray[np.float64],
    targets: Sequence[str],
    *,
    max_missing: float,
) -> dict[str, str]:
    """Decide which features are dropped, and why.

    Args:
        features: Shape (rows,) each, by name; NaN where not measured.
        measured: Shape (rows, targets), NaN where not measured.
        targets: The names of the targets.
        max_missing: A feature with a larger share of gaps is dropped.
    """
    import numpy as np

    dropped = {}
    telling: dict[str, NDArray[np.float64]] = {}
    for name, values in features.items():
        present = values[~np.isnan(values)]
        missing = 1 - len(present) / max(1, len(values))
        if missing > max_missing:
            dropped[name] = f"{missing:.0%} missing"
        elif len(present) == 0 or bool(np.all(present == present[0])):
            dropped[name] = "never varies"
        else:
            telling[name] = values
    names = list(telling)
    for feature, target in _candidates(telling, measured):
        name = names[feature]
        if name not in dropped and _repeats(telling[name], measured[:, target]):
            dropped[name] = f"repeats the target {targets[target]}"
    return {name: dropped[name] for name in features if name in dropped}


@dataclass(frozen=True)
class PairSums:
    """Sums over the rows that a feature and a target both have. Shape (features, targets) each.

    Attributes:
        count: The rows.
        x_spread: Squared distances of the feature from its mean in these rows.
        y_spread: The same of the target.
        product: Products of both distances.
    """

    count: NDArray[np.float64]
    x_spread: NDArray[np.float64]
    y_spread: NDArray[np.float64]
    product: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        x: NDArray[np.float64],
        x_there: NDArray[np.float64],
        y: NDArray[np.float64],
        y_there: NDArray[np.float64],
    ) -> PairSums:
        """Sum up columns with a mean near 0, whose gaps are 0, and 1 where a value is."""
        import numpy as np

        count = x_there.T @ y_there
        x_sum, y_sum, n = x.T @ y_there, x_there.T @ y, np.maximum(count, 1)
        return cls(
            count,
            (x * x).T @ y_there - x_sum**2 / n,
            x_there.T @ (y * y) - y_sum**2 / n,
            x.T @ y - x_sum * y_sum / n,
        )


def _candidates(features: Mapping[str, NDArray[np.float64]], measured: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of a feature and a target that may follow each other exactly, sorted: all such pairs and few others.

    Correlations over the rows that both have come from products of matrices, a block of features at a time.
    """
    import numpy as np

    y, y_there = _standardised(measured)
    found = []
    columns = list(features.values())
    step = max(1, BLOCK_CELLS // max(1, *measured.shape))
    for start in range(0, len(columns), step):
        pairs_of = PairSums.of(*_standardised(np.column_stack(columns[start : start + step])), y, y_there)
        # rounding may hide a small spread: such a pair is looked at closely, too
        hidden = np.minimum(pairs_of.x_spread, pairs_of.y_spread) < 1e-6 * pairs_of.count
        alike = pairs_of.product**2 > (1 - 1e-3) * pairs_of.x_spread * pairs_of.y_spread
        pairs = np.argwhere((pairs_of.count >= MIN_COMPARED) & (alike | hidden))
        found += [(start + int(feature), int(target)) for feature, target in pairs]
    return found


def _standardised(columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns with mean 0 and standard deviation 1, gaps as 0; and 1 where a value is. Shapes as given."""
    import numpy as np

    there = ~np.isnan(columns)
    count = np.maximum(there.sum(axis=0), 1)
    largest = np.max(np.abs(np.where(there, columns, 0)), axis=0, initial=0)
    scaled = np.where(there, columns, 0) / np.where(largest > 0, largest, 1)
    centred = np.where(there, scaled - scaled.sum(axis=0) / count, 0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    return centred / np.where(spread > 0, spread, 1), there.astype(np.float64)


def _repeats(values: NDArray[np.float64], measured: NDArray[np.float64]) -> bool:
    """Whether a feature is an exact linear function of a target: it was copied from the result."""
    import numpy as np

    both = ~np.isnan(values) & ~np.isnan(measured)
    x, y = values[both], measured[both]
    if len(x) < MIN_COMPARED or np.ptp(x) == 0 or np.ptp(y) == 0:
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) > 1 - 1e-12)

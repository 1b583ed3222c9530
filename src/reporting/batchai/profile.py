"""A profile of a location's data: what came in and what was left out, gaps, ranges, correlations, drift of inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedFolder, PreparedLocation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CORRELATED = 40
"""So many features are shown in the heat map of correlations, and in that of drift: those that stand out most."""
PARTS = 10
"""Time is cut into so many parts, each with as many batches of every product."""
COUNTS = ("batches", "kept", "rejected", "pending")


@dataclass(frozen=True)
class FeatureProfile:
    """A feature at a location, over all products.

    Attributes:
        feature: Its name.
        missing: The share of rows without a value.
        minimum: The smallest value; None without any.
        median: The median.
        maximum: The largest.
        drift: Per part of time, how far the mean lies from that of all rows of the product, in standard deviations
            within products; None where nothing was measured.
    """

    feature: str
    missing: float
    minimum: float | None
    median: float | None
    maximum: float | None
    drift: tuple[float | None, ...]


@dataclass(frozen=True)
class LocationProfile:
    """What the data of a location looks like.

    Attributes:
        location: The location.
        products: How many products have rows.
        rows: How many rows they have.
        counts: Batches that came in, were kept, were rejected, and wait for their measurement.
        features: The features, in the order of the data.
        correlated: The features of the heat map, those that move together beside each other.
        correlations: Shape (correlated, correlated): within products, over rows that have both; None where none does.
    """

    location: str
    products: int
    rows: int
    counts: Mapping[str, int]
    features: tuple[FeatureProfile, ...]
    correlated: tuple[str, ...]
    correlations: tuple[tuple[float | None, ...], ...]


def read_profiles(prepared: Path, groups: Sequence[Mapping[str, str]]) -> Iterator[LocationProfile]:
    """Profile every location of the prepared data.

    Args:
        prepared: The prepared data.
        groups: The rows of ``groups.csv``.
    """
    folder = PreparedFolder.open(prepared)
    for location in folder.locations:
        mine = [row for row in groups if row["location"] == location]
        counts = {name: sum(int(row.get(name) or 0) for row in mine) for name in COUNTS}
        yield profile(folder.read(location), counts)


def profile(data: PreparedLocation, counts: Mapping[str, int]) -> LocationProfile:
    """Profile a location."""
    import numpy as np

    groups = [group for group in data.groups if len(group.batch_ids)]
    values = np.concatenate([group.features for group in groups]) if groups else np.empty((0, len(data.feature_names)))
    scores, parts = _within_products([group.features for group in groups], len(data.feature_names))
    drift = _drift(scores, parts)
    missing = np.isnan(values).mean(axis=0) if len(values) else np.zeros(values.shape[1])
    features = []
    for place, name in enumerate(data.feature_names):
        known = values[~np.isnan(values[:, place]), place]
        low, middle, high = map(_shown, np.quantile(known, [0, 0.5, 1])) if len(known) else (None, None, None)
        moved = tuple(None if np.isnan(value) else round(float(value), 3) for value in drift[:, place])
        features.append(FeatureProfile(name, round(float(missing[place]), 4), low, middle, high, moved))
    shown, correlations = _sorted_correlations(scores)
    return LocationProfile(
        location=data.location,
        products=len(groups),
        rows=len(values),
        counts=counts,
        features=tuple(features),
        correlated=tuple(data.feature_names[place] for place in shown),
        correlations=tuple(
            tuple(None if np.isnan(value) else round(float(value), 3) for value in row) for row in correlations
        ),
    )


def _shown(value: float) -> float:
    return float(f"{value:.7g}")


def _within_products(
    groups: Sequence[NDArray[np.float64]], features: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Deviations from the product's mean in standard deviations within products, and the part of time of each row."""
    import numpy as np

    if not groups:
        return np.empty((0, features)), np.empty(0, dtype=np.int64)
    centred, parts = [], []
    for group in groups:
        known = ~np.isnan(group)
        mean = np.where(known, group, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        centred.append(group - mean)
        parts.append(np.arange(len(group)) * PARTS // len(group))
    scores = np.concatenate(centred)
    measured = np.maximum((~np.isnan(scores)).sum(axis=0), 1)
    spread = np.sqrt(np.nansum(np.square(scores), axis=0) / measured)
    scale = np.where(spread > 0, spread, np.nan)
    return scores / scale, np.concatenate(parts)


def _drift(scores: NDArray[np.float64], parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean score of each part of time and feature: shape (parts, features), NaN where nothing is known."""
    import numpy as np

    known = ~np.isnan(scores)
    sums, counts = np.zeros((PARTS, scores.shape[1])), np.zeros((PARTS, scores.shape[1]))
    np.add.at(sums, parts, np.where(known, scores, 0))
    np.add.at(counts, parts, known)
    found: NDArray[np.float64] = np.divide(sums, counts, where=counts > 0, out=np.full_like(sums, np.nan))
    return found


def _sorted_correlations(scores: NDArray[np.float64]) -> tuple[list[int], NDArray[np.float64]]:
    """The features that move together most, and their correlations, in an order that puts those beside each other.

    The order is that of the leaves of a hierarchical clustering with average linkage, of distances ``1 − |r|``.
    """
    import numpy as np
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    varying = np.flatnonzero((~np.isnan(scores)).any(axis=0))
    if len(varying) < 2:
        return [], np.empty((0, 0))
    correlations = _correlations(scores[:, varying])
    strongest = np.max(np.abs(np.nan_to_num(correlations) * (1 - np.eye(len(varying)))), axis=0)
    kept = np.sort(np.argsort(-strongest, kind="stable")[:MOST_CORRELATED])
    correlations = correlations[np.ix_(kept, kept)]
    distance = 1 - np.abs(np.nan_to_num(correlations))
    np.fill_diagonal(distance, 0)
    order = leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True))
    return varying[kept][order].tolist(), correlations[np.ix_(order, order)]


def _correlations(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations over the rows that have both of two features, with their means; NaN where nothing varies there."""
    import numpy as np

    known = (~np.isnan(scores)).astype(np.float64)
    filled = np.nan_to_num(scores)
    together = np.maximum(known.T @ known, 1)
    sums = filled.T @ known  # of the feature of the row, where that of the column is known
    squares = np.square(filled).T @ known - np.square(sums) / together
    products = filled.T @ filled - sums * sums.T / together
    size = np.sqrt(np.maximum(squares, 0)) * np.sqrt(np.maximum(squares.T, 0))
    found = np.divide(products, size, where=size > 1e-9 * together, out=np.full_like(products, np.nan))
    clipped: NDArray[np.float64] = np.clip(found, -1, 1)
    return clipped

"""The batches of training behind curves and pairs: the range of a feature, how often its values are, some batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.tables import read_text_table
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.training.batchai.model_files import RANGES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Key = tuple[str, str, str]
BINS = 24
MOST_POINTS = 60
"""So many batches of a product are drawn as points, evenly spread over time."""


@dataclass(frozen=True)
class Range:
    """What was seen of a feature in training: the smallest and the largest value, and the mean."""

    minimum: float
    maximum: float
    mean: float


@dataclass(frozen=True)
class Values:
    """How the values of a feature of a product are spread.

    Attributes:
        low: The lower end of the first bin.
        high: The upper end of the last.
        counts: How many rows lie in each of `BINS` bins of the same width.
        points: The values of some rows, the same of every feature; None where not measured.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    points: tuple[float | None, ...]


def read_ranges(model: Path, wanted: Mapping[Key, set[str]]) -> dict[Key, dict[str, Range]]:
    """Read the ranges of some features of some models, by name."""
    if not wanted:
        return {}
    table = read_text_table(model / RANGES)
    names = ("location", "product_id", "target", "feature", "minimum", "maximum", "fill")
    found: dict[Key, dict[str, Range]] = {}
    for location, product, target, feature, *ends in zip(*(table.column(name) for name in names), strict=True):
        if feature in wanted.get((location, product, target), ()):
            found.setdefault((location, product, target), {})[feature] = Range(*map(float, ends))
    return found


def read_values(prepared: Path, wanted: Mapping[Key, set[str]]) -> dict[tuple[str, str], dict[str, Values]]:
    """Read how the values of some features of some products are spread, by location and product.

    Args:
        prepared: The prepared data that the model was trained on.
        wanted: Names of features by location, product and target.
    """
    folder = PreparedFolder.open(prepared)
    found: dict[tuple[str, str], dict[str, Values]] = {}
    for location, products in _by_product(wanted):
        for product, features in products.items():
            data = folder.read(location, product_ids=[product])
            columns = {name: data.groups[0].features[:, place] for place, name in enumerate(data.feature_names)}
            found[location, product] = {name: _values(columns[name]) for name in features}
    return found


def _by_product(wanted: Mapping[Key, set[str]]) -> Iterator[tuple[str, dict[str, set[str]]]]:
    locations: dict[str, dict[str, set[str]]] = {}
    for (location, product, _), features in wanted.items():
        locations.setdefault(location, {}).setdefault(product, set()).update(features)
    yield from locations.items()


def _values(column: NDArray[np.float64]) -> Values:
    import numpy as np

    counts, edges = np.histogram(column[np.isfinite(column)], bins=BINS)
    places = np.unique(np.linspace(0, len(column) - 1, MOST_POINTS).round().astype(np.int64))
    points = tuple(None if math.isnan(value) else float(f"{value:.4g}") for value in column[places].tolist())
    return Values(float(edges[0]), float(edges[-1]), tuple(counts.tolist()), points)

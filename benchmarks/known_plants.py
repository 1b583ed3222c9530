"""Plants whose truth is known, and what an honest method must show of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location

Array: TypeAlias = NDArray[np.float64]
Products: TypeAlias = Mapping[str, tuple[Array, Array]]


@dataclass(frozen=True)
class Control:
    """A figure of made plants whose true value is known.

    Attributes:
        plant: What the plants are.
        figure: What is looked at.
        at_least: The smallest value that an honest method may show.
        at_most: The largest.
        why: Where the bounds come from.
        measure: Takes how many plants of the kind to make; returns the figure.
    """

    plant: str
    figure: str
    at_least: float
    at_most: float
    why: str
    measure: Callable[[int], float]

    def holds(self, shown: float) -> bool:
        """Whether a figure is what it has to be."""
        return self.at_least <= shown <= self.at_most


def as_location(products: Products, *, shared_runs: bool = False) -> PreparedLocation:
    """A location of products by name, each with features (rows, features) and one target (rows, 1)."""
    groups = []
    for name, (features, values) in products.items():
        ids = np.array([f"{'run' if shared_runs else name}-{row:04d}" for row in range(len(values))], dtype=object)
        pending = FeatureRows(np.empty(0, dtype=object), np.empty((0, features.shape[1])))
        groups.append(PreparedGroup(name, ids, features, values, pending))
    names = tuple(f"x{place}" for place in range(groups[0].features.shape[1]))
    return PreparedLocation("plant", names, (PreparedTarget("y"),), tuple(groups))


def fits_of(products: Products, *, shared_runs: bool = False, terms: Terms = Terms.LINEAR) -> list[TargetFit]:
    """Train products by name, each with features (rows, features) and one target (rows, 1); a batch in each row."""
    fits = fit_location(as_location(products, shared_runs=shared_runs), options(terms))
    return [fit for group in fits for fit in group.targets.values() if isinstance(fit, TargetFit)]


def options(terms: Terms = Terms.LINEAR) -> TrainingOptions:
    """How they are trained."""
    return TrainingOptions(threads=os.cpu_count() or 1, terms=terms)

"""Synthetic locations of a given size, seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget

FOLDS = 5


@dataclass(frozen=True)
class Workload:
    """How large a location is: every group has the same numbers of rows, features and targets."""

    name: str
    groups: int
    rows: int
    features: int
    targets: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.groups:,} groups × {self.rows:,} rows × {self.features} features × "
            f"{self.targets} targets"
        )


SMALL = Workload("S", 1_000, 200, 12, 4)
WIDE = Workload("W", 200, 5_000, 40, 4)
LARGE = Workload("L", 20_000, 200, 12, 4)


def make_location(workload: Workload, *, seed: int = 0) -> PreparedLocation:
    """A location whose groups have similar coefficients, much noise, and features in very different units."""
    chance = np.random.default_rng(seed)
    rows, features, targets = workload.rows, workload.features, workload.targets
    unit, level = chance.uniform(0.5, 20, features), chance.uniform(-50, 50, features)
    shared = chance.normal(size=(features, targets))
    groups = []
    for number in range(workload.groups):
        standard = chance.normal(size=(rows, features))
        coefficients = shared + 0.5 * chance.normal(size=shared.shape)
        groups.append(
            PreparedGroup(
                product_id=f"P{number:06d}",
                batch_ids=np.array([f"B{number:06d}-{row:05d}" for row in range(rows)], dtype=object),
                features=standard * unit + level,
                targets=standard @ coefficients + 3 * chance.normal(size=(rows, targets)),
                pending=FeatureRows(np.empty(0, dtype=object), np.empty((0, features))),
            )
        )
    return PreparedLocation(
        location="synthetic",
        feature_names=tuple(f"x{place}" for place in range(features)),
        targets=tuple(PreparedTarget(f"y{place}") for place in range(targets)),
        groups=tuple(groups),
    )

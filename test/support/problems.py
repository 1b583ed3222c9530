"""Small regression problems and locations, seeded, for the tests of training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.training.batchai.ridge.folds import BLOCKS, folds_of_keys
from src.training.batchai.ridge.problems import Problem

Array = NDArray[np.float64]


def make_problem(
    seed: int,
    *,
    rows: int = 60,
    features: int = 5,
    targets: int = 2,
    noise: float = 1.0,
    folds: int = 4,
    rows_per_batch: int = 1,
    product_id: str = "P",
) -> Problem:
    """A linear problem whose features have very different units and lie off zero."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(rows, features))
    coefficients = chance.normal(size=(features, targets))
    measured = values @ coefficients + noise * chance.normal(size=(rows, targets)) + 5
    units = 10.0 ** chance.integers(-3, 4, features)
    return as_problem(values * units + 3 * units, measured, folds=folds, rows_per_batch=rows_per_batch, name=product_id)


def as_problem(
    features: Array, values: Array, *, folds: int = 4, rows_per_batch: int = 1, name: str = "P", own: bool = True
) -> Problem:
    """Rows as the problem of a product: so many in a batch, one after the other."""
    batches = np.arange(len(values)) // rows_per_batch
    count = int(batches.max()) + 1
    keys = [f"B{number}" for number in range(count)]
    assigned = folds_of_keys(keys, folds=folds, location="plant", product_id=name, shared={})
    return Problem(
        product_id=name,
        targets=tuple(f"y{place}" for place in range(values.shape[1])),
        features=features,
        measured=values,
        logs=np.zeros(values.shape[1], dtype=bool),
        rows=np.arange(len(values)),
        batch=batches,
        folds=assigned[batches],
        blocks=batches * BLOCKS // count,
        own=own,
    )


def as_location(products: Mapping[str, tuple[Array, Array]], *, shared_batches: bool = False) -> PreparedLocation:
    """Products by name, each with features (rows, features) and targets (rows, targets), a batch in each row."""
    groups = []
    for name, (features, targets) in products.items():
        prefix = "run" if shared_batches else name
        ids = np.array([f"{prefix}-{row:04d}" for row in range(len(targets))], dtype=object)
        pending = FeatureRows(np.empty(0, dtype=object), np.empty((0, features.shape[1])))
        groups.append(PreparedGroup(name, ids, features, targets, pending))
    features, targets = next(iter(products.values()))
    return PreparedLocation(
        "plant",
        tuple(f"x{place}" for place in range(features.shape[1])),
        tuple(PreparedTarget(f"y{place}") for place in range(targets.shape[1])),
        tuple(groups),
    )

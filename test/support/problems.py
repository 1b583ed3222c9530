"""Small regression problems, seeded, for the tests of training."""

from __future__ import annotations

import numpy as np

from src.training.batchai.ridge.folds import folds_of_batches
from src.training.batchai.ridge.problems import BLOCKS, Problem


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
    batches = np.arange(rows) // rows_per_batch
    count = int(batches.max()) + 1
    ids = [f"B{number}" for number in range(count)]
    return Problem(
        product_id=product_id,
        targets=tuple(f"y{place}" for place in range(targets)),
        features=values * units + 3 * units,
        values=measured,
        rows=np.arange(rows),
        folds=folds_of_batches(ids, folds=folds, key=f"plant/{product_id}")[batches],
        blocks=batches * BLOCKS // count,
        batches=count,
    )

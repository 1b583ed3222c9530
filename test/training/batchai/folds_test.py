from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from src.training.batchai.folds import folds_of_rows


@given(st.lists(st.integers(0, 30), min_size=10, max_size=60), st.integers(2, 5), st.text(max_size=10))
def test_batches_stay_together_and_folds_are_even(batches: list[int], folds: int, key: str) -> None:
    rows = np.array(batches)
    assigned = folds_of_rows(rows, folds=folds, key=key)
    per_batch = {batch: set(assigned[rows == batch].tolist()) for batch in batches}
    assert all(len(found) == 1 for found in per_batch.values())
    sizes = np.bincount([next(iter(found)) for found in per_batch.values()], minlength=folds)
    assert sizes.max() - sizes.min() <= 1


def test_the_folds_depend_on_the_key_and_the_batches_only() -> None:
    rows = np.arange(40)
    first = folds_of_rows(rows, folds=5, key="plant/P")
    assert np.array_equal(first, folds_of_rows(rows + 1000, folds=5, key="plant/P"))
    assert not np.array_equal(first, folds_of_rows(rows, folds=5, key="plant/Q"))
    repeated = folds_of_rows(np.repeat(rows, 3), folds=5, key="plant/P")
    assert np.array_equal(repeated[::3], first)

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from src.training.batchai.ridge.folds import folds_of_batches


def folds_by_id(ids: list[str], *, folds: int, key: str) -> dict[str, int]:
    known = {name: number for number, name in enumerate(dict.fromkeys(ids))}
    assigned = folds_of_batches(list(known), folds=folds, key=key)
    return {name: int(assigned[number]) for name, number in known.items()}


@given(st.lists(st.text(max_size=3), min_size=1, max_size=60), st.integers(2, 10), st.text(max_size=10))
def test_folds_are_even_and_do_not_depend_on_the_order_of_rows(ids: list[str], folds: int, key: str) -> None:
    assigned = folds_by_id(ids, folds=folds, key=key)
    sizes = np.bincount(list(assigned.values()), minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    assert folds_by_id(ids[::-1], folds=folds, key=key) == assigned
    assert folds_by_id(ids * 2, folds=folds, key=key) == assigned


def test_the_folds_depend_on_the_key() -> None:
    ids = [f"B{number}" for number in range(40)]
    assert folds_by_id(ids, folds=5, key="plant/P") != folds_by_id(ids, folds=5, key="plant/Q")

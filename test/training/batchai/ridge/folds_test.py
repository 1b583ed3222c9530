"""Folds are even, independent of the order of rows, and the same in every product for what can't be told apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from src.training.batchai.ridge.folds import BLOCKS, Splits, cuts_of_times, folds_of_keys, shared_folds

KEYS = st.lists(st.text(max_size=3), min_size=1, max_size=60, unique=True)


def folds_by_key(
    keys: list[str], *, folds: int, product_id: str = "P", shared: dict[str, int] | None = None
) -> dict[str, int]:
    assigned = folds_of_keys(keys, folds=folds, location="plant", product_id=product_id, shared=shared or {})
    return dict(zip(keys, assigned.tolist(), strict=True))


@given(KEYS, st.integers(2, 10), st.text(max_size=10))
def test_folds_are_even_and_do_not_depend_on_the_order_of_rows(keys: list[str], folds: int, product_id: str) -> None:
    assigned = folds_by_key(keys, folds=folds, product_id=product_id)
    sizes = np.bincount(list(assigned.values()), minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    assert folds_by_key(keys[::-1], folds=folds, product_id=product_id) == assigned


def test_the_folds_depend_on_the_product() -> None:
    keys = [f"B{number}" for number in range(40)]
    assert folds_by_key(keys, folds=5) != folds_by_key(keys, folds=5, product_id="Q")


@given(st.lists(KEYS, min_size=2, max_size=4), st.integers(2, 10))
def test_a_key_is_in_one_fold_in_every_product(products: list[list[str]], folds: int) -> None:
    shared = shared_folds(products, folds=folds, location="plant")
    assert set(shared) == {key for keys in products for key in keys if sum(key in other for other in products) > 1}
    for number, keys in enumerate(products):
        assigned = folds_by_key(keys, folds=folds, product_id=str(number), shared=shared)
        assert all(assigned[key] == shared[key] for key in keys if key in shared)
        own = [assigned[key] for key in keys if key not in shared]
        sizes = np.bincount(list(assigned.values()), minlength=folds)
        assert not own or max(sizes[fold] for fold in own) - sizes.min() <= 1


def test_shared_keys_are_spread_evenly() -> None:
    runs = [f"R{number}" for number in range(40)]
    assert np.bincount(list(shared_folds([runs, runs], folds=10, location="plant").values())).tolist() == [4] * 10


def test_the_past_ends_at_the_same_moments_in_all_products() -> None:
    """Tenths of 100 batches of two products, of which one began later; a campaign is in the part of its first batch."""
    early = np.arange(60, dtype=np.float64)
    late = early[20:] + 0.5
    splits = Splits(cuts=cuts_of_times([early, late]))
    assert len(splits.cuts) == BLOCKS - 1
    every = np.sort(np.concatenate([early, late]))
    assert splits.cuts[4] == every[50]
    for times in (early, late):
        blocks = splits.blocks(times, np.arange(len(times)))
        assert (np.diff(blocks) >= 0).all()
        np.testing.assert_array_equal(times[blocks < 5], times[times < splits.cuts[4]])
    campaign = np.arange(60) // 20
    starts = np.searchsorted(splits.cuts, [0.0, 20.0, 40.0], side="right").tolist()
    assert splits.blocks(early, campaign).tolist() == np.repeat(starts, 20).tolist()


def test_without_times_each_product_has_parts_of_its_own() -> None:
    assert cuts_of_times([np.arange(3, dtype=np.float64), None]) == ()
    blocks = Splits().blocks(np.arange(20, dtype=np.float64), np.arange(20))
    np.testing.assert_array_equal(blocks, np.arange(20) // 2)

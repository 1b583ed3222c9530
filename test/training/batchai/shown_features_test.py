"""Indicators of a category are one feature; its levels come back from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai.category_description import OTHER, Category
from src.training.batchai.shown_features import shown_features

SUPPLIER = Category("supplier", "A", ("B", "C"), ("X",))
SHIFT = Category("shift", "day", ("night",))


def test_a_category_stands_where_its_first_indicator_stands() -> None:
    names = ("t", "supplier=B", "shift=night", "supplier=C", "p", "supplier=(other)")
    found = shown_features(names, (SUPPLIER, SHIFT))
    assert [(feature.name, feature.places) for feature in found] == [
        ("t", (0,)),
        ("supplier", (1, 3, 5)),
        ("shift", (2,)),
        ("p", (4,)),
    ]


def test_a_category_without_one_of_its_indicators_is_shown_column_by_column() -> None:
    found = shown_features(("supplier=B", "supplier=C"), (SUPPLIER,))
    assert [(feature.name, feature.category) for feature in found] == [("supplier=B", None), ("supplier=C", None)]


@given(st.lists(st.sampled_from(["A", "B", "C", "X", "unseen", ""]), min_size=1, max_size=9))
def test_a_level_comes_back_from_its_indicators(texts: list[str]) -> None:
    columns = np.column_stack(list(SUPPLIER.encode(np.array(texts, dtype=object)).values()))
    expected = [text if text in {"A", "B", "C", ""} else OTHER for text in texts]
    assert [SUPPLIER.level(row) for row in columns.tolist()] == expected


@pytest.mark.parametrize(("row", "text"), [((0.5, 0.5, 0), "0.5 B + 0.5 C"), ((0.4, 0, 0), "0.4 B")])
def test_a_mix_of_levels_is_said_as_such(row: tuple[float, ...], text: str) -> None:
    assert SUPPLIER.level(row) == text

"""Tables from columns are what the csv module reads back, and a row's bytes are its own."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.common.csv_columns import Texts, format_columns
from src.common.tables import format_csv

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(',"\n\r'), max_size=5)
ROWS = st.lists(st.tuples(TEXT, TEXT, st.floats(), st.integers(-(10**9), 10**9)), min_size=1, max_size=20)


def columns(rows: list[tuple[str, str, float, int]]) -> bytes:
    first, second, floats, whole = zip(*rows, strict=True)
    ids = np.empty(len(rows), dtype=object)
    ids[:] = second
    return format_columns([Texts.of(first), ids, np.asarray(floats), np.asarray(whole)])


@settings(deadline=None)
@given(ROWS)
def test_everything_reads_back(rows: list[tuple[str, str, float, int]]) -> None:
    read = list(csv.reader(io.StringIO(columns(rows).decode(), newline="")))
    assert len(read) == len(rows)
    for found, (first, second, number, whole) in zip(read, rows, strict=True):
        assert found[:2] == [first, second]
        assert found[2] == "" if np.isnan(number) else float(found[2]) == number
        assert int(found[3]) == whole


@settings(deadline=None)
@given(ROWS, ROWS)
def test_a_row_is_written_alike_beside_any_other(
    rows: list[tuple[str, str, float, int]], others: list[tuple[str, str, float, int]]
) -> None:
    assert columns(rows + others) == columns(rows) + columns(others)


@pytest.mark.parametrize("number", [0.0, -0.0, 1.0, 0.1, 1 / 3, 1e-5, 5e-324, 1e22, 123456789.125])
def test_a_number_is_the_shortest_text_that_reads_back(number: float) -> None:
    text = format_columns([np.array([number])]).decode().strip()
    assert float(text) == number
    assert len(text) <= len(format_csv([], [[number]]).strip()) + 4


def test_texts_are_repeated() -> None:
    keys = Texts.of(["b", "a", "b"])
    assert keys.values == ["b", "a"]
    assert format_columns([keys.each(2)]) == b"b\nb\na\na\nb\nb\n"
    assert format_columns([keys.each(np.array([0, 1, 2]))]) == b"a\nb\nb\n"


def test_no_rows_are_no_bytes() -> None:
    assert format_columns([]) == format_columns([Texts.of([]), np.empty(0)]) == b""

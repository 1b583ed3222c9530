"""Arrow and Python's csv module read the same cells from the same text, or Arrow leaves it to the other."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.common import tables
from src.common.errors import DataError
from src.common.plain_csv import plain_cells
from src.common.tables import read_text_table

CHARACTERS = st.text(st.sampled_from("ab,;\t\r\n\"\0 0.é\u00a0\u2028\x0b\x1c\x85\ufeff'\\"), max_size=40)


@settings(max_examples=2000, deadline=None)
@given(CHARACTERS, st.sampled_from(",;\t"))
def test_what_is_read_is_what_pythons_csv_module_reads(text: str, delimiter: str) -> None:
    found = plain_cells(text, delimiter=delimiter)
    if found is None:
        return
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert [list(row) for row in zip(*found, strict=True)] == [[cell.strip() for cell in row] for row in rows]


@pytest.mark.parametrize("text", ["a,b\n1\n", "a\n\n1\n", 'a\n"1"\n', "\na\n", "a\rb\n", "a\0\nb\n", "\ud800\n", ""])
def test_what_is_not_plain_is_left_to_the_csv_module(text: str) -> None:
    assert plain_cells(text, delimiter=",") is None


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab1 ,é\u200b"), max_size=6), min_size=2, max_size=8))
def test_a_large_file_is_the_table_that_a_small_one_is(lines: list[str]) -> None:
    texts: list[tuple[object, list[int]]] = []
    for enough in (0, 1 << 30):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tables, "ENOUGH", enough)
            patched.setattr(tables, "read_text", lambda *_, **__: "\n".join(lines))
            try:
                table = read_text_table(Path("a.csv"))
                texts.append(({name: cells.tolist() for name, cells in table.columns.items()}, [*table.lines]))
            except DataError as error:
                texts.append((str(error), []))
    assert texts[0] == texts[1]

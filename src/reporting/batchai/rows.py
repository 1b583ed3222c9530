"""Rows of tables as the report shows them: numbers are rounded alike on the page and in the CSVs beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from src.common.tables import read_text_table

DIGITS = 7

Row = Mapping[str, str]


def rounded(number: float) -> float | None:
    """A number to seven significant digits; None for one that is not finite."""
    return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None


def number(text: str) -> float | None:
    """The rounded number of a cell; None where it is empty or not finite."""
    return rounded(float(text)) if text else None


def read_rows(path: Path) -> list[Row]:
    """The rows of a table as texts by column; none where it has a header alone."""
    if path.read_bytes().count(b"\n") < 2:
        return []
    columns = read_text_table(path).columns
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]

"""Cells as numbers, the way a plant's system writes them: ``1'204,5``, ``12 %``, ``<0.05``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from src.common.tables import MAX_MAGNITUDE, is_beyond, to_numbers
from src.data_preparation.batchai.table_description import TableDescription

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIMIT, HALF, LEAVE_OUT = "limit", "half", "leave_out"
CENSORING = (LIMIT, HALF, LEAVE_OUT)
"""What becomes of a value of which only a limit is known: the limit, half of it, or nothing."""
BEYOND = f"not finite, or beyond {MAX_MAGNITUDE:g}, which no measurement is"
CENSORED = "only a limit is known (censored: leave_out)"
_BELOW, _ABOVE = ("<=", "<", "≤"), (">=", ">", "≥")


def numbers_of_cells(
    cells: NDArray[np.object_], table: TableDescription, *, values: Mapping[str, float] | None, censored: str
) -> tuple[NDArray[np.float64], list[int]]:
    """Convert cells to numbers.

    Args:
        cells: Shape (rows,).
        table: How the numbers of its table are written.
        values: Numbers that stand for texts.
        censored: What a limit (``<0.05``) becomes, of `CENSORING`; empty where it is not said.

    Returns:
        Shape (rows,): NaN where not measured, infinite where the value is to be left out (`why_left_out`); and the
        positions of cells that are no numbers.
    """
    import numpy as np

    factors = np.ones(len(cells))
    plain = cells.copy()
    if table.thousands or table.suffixes or censored:
        given = {"", *table.missing, *(values or {})}
        for place, text in enumerate(cells):
            if text not in given:
                plain[place], factors[place] = _plain(text, table, censored)
    numbers, wrong = to_numbers(plain, decimal=table.decimal, missing=table.missing, values=values)
    # written as a number, and none that can be: left out like any implausible value
    beyond = [place for place in wrong if is_beyond(plain[place], decimal=table.decimal)]
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = numbers * factors
    numbers[beyond] = np.inf
    numbers[np.isinf(factors) & ~np.isin(np.arange(len(cells)), wrong)] = np.inf
    return numbers, sorted({*wrong} - {*beyond})


def why_left_out(text: str) -> str:
    """The reason why a cell whose number is infinite is left out."""
    return CENSORED if text.startswith((*_BELOW, *_ABOVE)) else BEYOND


def _plain(text: str, table: TableDescription, censored: str) -> tuple[str, float]:
    """A cell without what only dresses its number, and what the number is multiplied by."""
    factor = 1.0
    for sign in (*_BELOW, *_ABOVE) if censored else ():
        if text.startswith(sign):
            if censored == HALF and sign in _ABOVE:
                return text, factor  # half of what is above a limit means nothing: no number
            factor = {LIMIT: 1.0, HALF: 0.5, LEAVE_OUT: float("inf")}[censored]
            text = text.removeprefix(sign).strip() or text
            break
    suffix = next((suffix for suffix in table.suffixes if text.endswith(suffix)), "")
    number = text.removesuffix(suffix).rstrip()
    if table.thousands and table.thousands in number:
        grouped = _grouped(table.thousands, table.decimal).fullmatch(number)
        number = number.replace(table.thousands, "") if grouped else text
    return number or text, factor


@lru_cache(maxsize=16)
def _grouped(thousands: str, decimal: str) -> re.Pattern[str]:
    """Numbers whose digits stand in groups of three; 1.2345 is none, whatever it means."""
    return re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}\d*)?", re.ASCII)

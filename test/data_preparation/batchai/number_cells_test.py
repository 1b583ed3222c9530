from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai.number_cells import BEYOND, CENSORED, numbers_of_cells, why_left_out
from src.data_preparation.batchai.table_description import TableDescription

INF = float("inf")


def read(text: str, *, censored: str = "", **table: Any) -> float | None:
    """One cell as a number; None where it is none."""
    cells = np.array([text], dtype=object)
    numbers, wrong = numbers_of_cells(cells, TableDescription("t.csv", **table), values={"yes": 1}, censored=censored)
    return None if wrong else float(numbers[0])


@pytest.mark.parametrize(
    ("text", "table", "expected"),
    [
        ("1'204.5", {"thousands": "'"}, 1204.5),
        ("1.204.000,5", {"thousands": ".", "decimal": ","}, 1204000.5),
        ("-12 345", {"thousands": " "}, -12345),
        ("1.2345,0", {"thousands": ".", "decimal": ","}, None),
        ("12.34", {"thousands": ".", "decimal": ","}, None),
        ("1.234", {"thousands": ".", "decimal": ","}, 1234),
        ("1.234", {"decimal": ","}, None),
        ("1,234", {}, None),
        ("1,,234", {"thousands": ","}, None),
        ("1e3", {"thousands": ","}, 1000),
        ("12 %", {"suffixes": ("%",)}, 12),
        ("12.5%", {"suffixes": ("%",)}, 12.5),
        ("1,204 %", {"suffixes": ("%",), "thousands": ","}, 1204),
        ("%", {"suffixes": ("%",)}, None),
        ("12 % %", {"suffixes": ("%",)}, None),
        ("yes", {"suffixes": ("s",)}, 1),
        ("inf", {}, INF),
        ("-1e999", {}, INF),
        ("1,5e999", {"decimal": ","}, INF),
        ("1.5e999", {"decimal": ","}, None),
    ],
)
def test_a_cell_is_read_as_its_table_writes(text: str, table: dict[str, Any], expected: float | None) -> None:
    assert read(text, **table) == expected


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ("<0.05", "limit", 0.05),
        ("< 0.05", "half", 0.025),
        ("≤0.05", "half", 0.025),
        ("<=0.05", "half", 0.025),
        (">100", "limit", 100),
        (">100", "half", None),
        ("<0.05", "leave_out", INF),
        (">=9", "leave_out", INF),
        ("<0", "leave_out", INF),
        ("<0.05", "", None),
        ("<", "limit", None),
        ("<x", "half", None),
        ("<<1", "limit", None),
    ],
)
def test_a_limit_becomes_what_is_declared(text: str, rule: str, expected: float | None) -> None:
    assert read(text, censored=rule) == expected


def test_the_reason_tells_limits_from_what_is_no_measurement() -> None:
    assert (why_left_out("<0.05"), why_left_out("1e99")) == (CENSORED, BEYOND)


@given(st.floats(-1e12, 1e12, allow_nan=False))
def test_numbers_as_python_groups_them_are_read_back(number: float) -> None:
    text = f"{number:,.3f}"
    assert read(text, thousands=",") == float(f"{number:.3f}")
    swapped = text.translate(str.maketrans(",.", ".,"))
    assert read(swapped, thousands=".", decimal=",") == float(f"{number:.3f}")

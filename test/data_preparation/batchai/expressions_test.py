from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai.expressions import parse_expression

COLUMNS = {"a": np.array([1.0, 4.0, np.nan]), "b": np.array([2.0, 0.5, 3.0]), "Time (days)": np.array([1.0, 7.0, 28.0])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", [5.0, 5.0, np.nan]),
        ("-(a - b) ** 2", [-1.0, -12.25, np.nan]),
        ("sqrt(a) / b", [0.5, 4.0, np.nan]),
        ("log(`Time (days)`)", [0.0, math.log(7), math.log(28)]),
        ("b", [2.0, 0.5, 3.0]),
    ],
)
def test_values(text: str, expected: list[float]) -> None:
    np.testing.assert_allclose(parse_expression(text).evaluate(COLUMNS), expected, rtol=1e-15)


def test_the_columns_are_named_in_their_order_of_appearance() -> None:
    assert parse_expression("log(`Time (days)`) * b + a / b").columns == ("Time (days)", "b", "a")


def test_a_value_that_does_not_exist_is_not_finite_and_warns_nobody() -> None:
    values = parse_expression("log(a - 1) + 1 / (b - 2)").evaluate(COLUMNS)
    assert not np.isfinite(values[0])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.__class__",
        "a[0]",
        "[a for a in b]",
        "lambda: a",
        "a if b else a",
        "a @ b",
        "a // b",
        "a % b",
        "exp(a)",
        "log(a, b)",
        "log(a, base=2)",
        "'text' + a",
        "True + a",
        "a < b",
        "a; b",
        "a = b",
        "",
        "1 + 2",
        "(" * 300 + "a" + ")" * 300,
        "a" * 501,
        "`a",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|not an expression|reads no column|characters long"):
        parse_expression(text)


_leaf = st.one_of(st.sampled_from(["a", "b"]), st.floats(0.1, 10).map(lambda number: repr(round(number, 3))))
_trees = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        inner.map(lambda part: f"sqrt({part} * {part})"),
        inner.map(lambda part: f"-{part}"),
    ),
    max_leaves=12,
)


@given(_trees.filter(lambda text: "a" in text), st.floats(0.5, 5), st.floats(0.5, 5))
def test_values_agree_with_python(text: str, a: float, b: float) -> None:
    try:
        expected = eval(text, {"__builtins__": {}}, {"a": a, "b": b, "sqrt": math.sqrt})
    except ZeroDivisionError:
        return
    value = parse_expression(text).evaluate({"a": np.array([a]), "b": np.array([b])})[0]
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_function_name_without_parentheses_is_a_column() -> None:
    assert parse_expression("log + 1").columns == ("log",)


def _refusal(text: str) -> str | None:
    try:
        parse_expression(text)
    except ValueError as error:
        return str(error)
    return None


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused_with_a_sentence(text: str) -> None:
    assert _refusal(text) != ""

"""Strict JSON. What is JSON is decided by RFC 8259, sections 6 and 3: no NaN, no Infinity, lower-case literals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common.json_text import from_json, to_json
from test.faults.promises import NO_BAD_NUMBER

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.sampled_from([None, 1]))
def test_what_is_written_reads_back(value: object, indent: int | None) -> None:
    assert from_json(to_json(value, indent=indent)) == value


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"skill": [number]})


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', "[-Infinity]", "1e400", '{"a": [-1e999]}'])
def test_a_number_that_is_not_finite_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no JSON|too large"):
        from_json(text)

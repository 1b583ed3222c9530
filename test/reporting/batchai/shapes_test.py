"""Shapes that are known are described as a person would describe them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from src.reporting.batchai.shapes import in_words

PLACES = np.arange(101, dtype=np.float64)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (lambda x: 3 * x, "rises"),
        (lambda x: -x, "falls"),
        (lambda x: 0 * x, "does nothing"),
        (lambda x: -((x - 35) ** 2), "rises up to 35, then falls"),
        (lambda x: (x - 35) ** 2, "falls up to 35, then rises"),
        (lambda x: np.log(x + 1), "rises, less and less"),
        (lambda x: -np.exp(x / 20), "falls, more and more"),
        (lambda x: np.minimum(x, 50), "rises, less and less"),
        (lambda x: np.sin(x / 50 * np.pi), "rises up to 25, falls up to 75, then rises"),
        (lambda x: np.sin(x / 5 * np.pi), "goes up and down"),
        (lambda x: x + 3 * np.sin(x / 3), "rises"),  # ripples of a few percent can't be seen
        (lambda x: -abs(x - 97), "rises"),
    ],
)
def test_known_shapes(effect: Callable[[NDArray[np.float64]], NDArray[np.float64]], words: str) -> None:
    assert in_words(PLACES, effect(PLACES)) == words


@given(st.floats(5, 95), st.floats(0.01, 1e6), st.floats(-1e6, 1e6))
def test_the_top_of_a_hill_is_found_in_any_unit(top: float, height: float, level: float) -> None:
    words = in_words(PLACES, level - height * (PLACES - top) ** 2)
    if 25 < top < 75:  # elsewhere one side may be lower than can be seen
        verb, _, rest = words.partition(" up to ")
        assert (verb, rest.partition(", ")[2]) == ("rises", "then falls")
        assert abs(float(rest.partition(",")[0]) - top) <= 0.51

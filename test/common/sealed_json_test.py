"""JSON documents that notice their own damage."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common.sealed_json import seal, unseal

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text('aé\n"{'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5).filter(lambda name: name != "sha256"), VALUES, min_size=1))
def test_what_is_sealed_is_read(document: dict[str, Any]) -> None:
    try:
        content = seal(document).encode()
    except UnicodeEncodeError:  # half a character is no text
        return
    assert unseal(content) == document


def test_the_seal_is_the_digest_of_all_that_stands_before() -> None:
    *before, last, end, _ = seal({"a": 1, "b": ["x"]}).split("\n")
    digest = hashlib.sha256("\n".join(before).removesuffix(",").encode()).hexdigest()
    assert (last, end) == (f' "sha256": "{digest}"', "}")


def test_every_flipped_bit_is_seen() -> None:
    content = seal({"a": 1.5, "ü": [None, True, "x"]}).encode()
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match=r".+"):
            unseal(bytes(flipped))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"sha256": ""}', b'{"a": 1}', b"[" * 100_000])
def test_other_texts_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unseal(content)

"""JSON documents that protect themselves: the last line is the SHA-256 of all that stands before.

A text that is not, byte for byte, what would be written for its content is refused, so that no changed bit is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from src.common.json_text import from_json, to_json

SEAL = "sha256"


def seal(document: Mapping[str, Any]) -> str:
    """A document as the text of its file. The same content gives the same bytes.

    Args:
        document: JSON values by name, at least one.

    Raises:
        ValueError: It holds a number that is not finite.
    """
    text = to_json(document).removesuffix("\n}")
    return f'{text},\n "{SEAL}": "{hashlib.sha256(text.encode()).hexdigest()}"\n}}\n'


def unseal(content: bytes) -> dict[str, Any]:
    """Read what `seal` wrote.

    Raises:
        ValueError: It is not such a text, or it was changed.
    """
    try:
        document = from_json(content)
    except RecursionError as error:
        raise ValueError("not a document of this project") from error
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - callers handle one kind of error
    document.pop(SEAL, None)
    if not document or seal(document).encode() != content:
        raise ValueError("it was changed: its own SHA-256 does not fit")
    return document

"""The one door for JSON: strict (RFC 8259), in and out.

Python's own `json` writes and reads ``NaN`` and ``Infinity``, which are no JSON and which other readers refuse.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def to_json(document: object, *, indent: int | None = 1) -> str:
    """Write JSON values as text; on one line where `indent` is None.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)


def from_json(text: str | bytes) -> Any:
    """Read JSON text.

    Raises:
        ValueError: It is no JSON, or holds a number that no float can hold.
        RecursionError: It is nested too deep.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a number")
    return number

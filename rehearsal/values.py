"""Values of expressions, and how one type becomes another.

https://learn.microsoft.com/azure/devops/pipelines/process/expressions#type-casting
"""

from __future__ import annotations

import re
from typing import Any

from rehearsal.results import NotPlayedError

Value = Any
"""None (Null), bool, float (Number), str, `Version`, list, or dict with text keys."""
INT_LIMIT = 2**31
_NUMBER = re.compile(r"\s*([+-]?)([\d,]*)(?:\.(\d*))?\s*")


class Version(tuple[int, ...]):
    """Two to four numbers."""

    __slots__ = ()

    def __str__(self) -> str:
        return ".".join(map(str, self))


class NotConvertibleError(Exception):
    """A value can't become one of the type that is wanted."""


def truth(value: Value) -> bool:
    """A value as Boolean: Null, 0 and the empty text are false, all else is true."""
    return isinstance(value, Version) or value not in (None, False, 0.0, "")


def text(value: Value) -> str:
    """A value as text.

    Raises:
        NotPlayedError: A fraction, of which the page says that its text has no decimal separator; a list or mapping.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float):
        if not value.is_integer():
            raise NotPlayedError(f"{value} as text: the page says that it has no decimal separator")
        return str(int(value))
    if isinstance(value, (list, dict)):
        raise NotPlayedError(f"a list or a mapping can't be text: {value}")
    return str(value)


def number(value: Value) -> float:
    """A value as Number.

    Raises:
        NotConvertibleError: It is none.
        NotPlayedError: It is text with a fraction or beyond 32 bits, where the page's rule contradicts itself.
    """
    if value is None or isinstance(value, (bool, float)):
        return float(value or 0)
    if not isinstance(value, str):
        raise NotConvertibleError
    match = _NUMBER.fullmatch(value)
    if value and (match is None or not (match[2] or match[3])):
        raise NotConvertibleError
    sign, whole, fraction = match.groups() if value and match else ("", "0", "")
    parsed = float(f"{sign}{whole.replace(',', '') or 0}.{fraction or 0}")
    if not parsed.is_integer() or not -INT_LIMIT <= parsed < INT_LIMIT:
        raise NotPlayedError(f"{value!r} as Number: the page says Int32.TryParse, and that a decimal point is allowed")
    return parsed


def version(value: Value) -> Version:
    """A value as Version.

    Raises:
        NotConvertibleError: It is none.
    """
    if isinstance(value, Version):
        return value
    written = str(value) if isinstance(value, float) and value > 0 and not value.is_integer() else value
    if not isinstance(written, str) or not re.fullmatch(r"\d+(\.\d+){1,3}", written):
        raise NotConvertibleError
    return Version(int(part) for part in written.split("."))


def alike(left: Value, right: Value) -> tuple[Any, Any]:
    """Both values ready to be compared: the right one made what the left one is, text without case.

    Raises:
        NotConvertibleError: The right one can't be that.
        NotPlayedError: One is a list or a mapping, of which the page says nothing.
    """
    if isinstance(left, (list, dict)) or isinstance(right, (list, dict)):
        raise NotPlayedError(f"{left!r} and {right!r}: the page does not say how lists and mappings compare")
    if left is None:
        if right not in (None, ""):
            raise NotConvertibleError
        return 0, 0
    if isinstance(left, bool):
        return left, truth(right)
    if isinstance(left, float):
        return left, number(right)
    if isinstance(left, Version):
        return left, version(right)
    return left.lower(), text(right).lower()


def equal(left: Value, right: Value) -> bool:
    """Whether two values are equal; false where the right one can't become what the left one is."""
    try:
        one, other = alike(left, right)
    except NotConvertibleError:
        return False
    return bool(one == other)

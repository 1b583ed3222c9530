"""The functions of expressions that work everywhere.

https://learn.microsoft.com/azure/devops/pipelines/process/expressions#functions
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rehearsal.results import NotPlayedError
from rehearsal.values import NotConvertibleError, Value, alike, equal, text, truth

Thunk = Callable[[], Value]
MANY = 1000
_PLACE = re.compile(r"\{\{|\}\}|\{(\d+)(:[^}]*)?\}")


@dataclass(frozen=True)
class Function:
    """A function, with the number of arguments that it takes. It gets them unevaluated."""

    fewest: int
    most: int
    call: Callable[[Sequence[Thunk]], Value]


def eager(fewest: int, most: int, call: Callable[..., Value]) -> Function:
    """A function that evaluates all its arguments."""
    return Function(fewest, most, lambda thunks: call(*(thunk() for thunk in thunks)))


def _compare(holds: Callable[[Value, Value], bool]) -> Function:
    def call(left: Value, right: Value) -> bool:
        try:
            return holds(*alike(left, right))
        except NotConvertibleError as error:
            raise NotPlayedError(
                f"{right!r} can't be compared with {left!r}, and Azure DevOps ends in error"
            ) from error

    return eager(2, 2, call)


def _in(thunks: Sequence[Thunk]) -> bool:
    left = thunks[0]()
    return any(equal(left, thunk()) for thunk in thunks[1:])


def _coalesce(thunks: Sequence[Thunk]) -> Value:
    return next((value for value in (thunk() for thunk in thunks) if value not in (None, "")), None)


def _contains_value(collection: Value, wanted: Value) -> bool:
    items = collection.values() if isinstance(collection, dict) else collection
    return isinstance(collection, (list, dict)) and any(equal(wanted, item) for item in items)


def _format(pattern: Value, *values: Value) -> str:
    def place(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[2] or int(match[1]) >= len(values):
            raise NotPlayedError(f"format() with {match[0]} is not played")
        return text(values[int(match[1])])

    return _PLACE.sub(place, text(pattern))


def _join(separator: Value, items: Value) -> str:
    if not isinstance(items, list):
        return text(items)
    return text(separator).join("" if isinstance(item, (list, dict)) else text(item) for item in items)


def _length(value: Value) -> float:
    return float(len(value if isinstance(value, list) else text(value)))


def _split(value: Value, delimiters: Value) -> list[Value]:
    return list(re.split(f"[{re.escape(text(delimiters))}]", text(value))) if text(delimiters) else [text(value)]


def _lowered(holds: Callable[[str, str], bool]) -> Function:
    return eager(2, 2, lambda left, right: holds(text(left).lower(), text(right).lower()))


FUNCTIONS = {
    "and": Function(2, MANY, lambda thunks: all(truth(thunk()) for thunk in thunks)),
    "or": Function(2, MANY, lambda thunks: any(truth(thunk()) for thunk in thunks)),
    "in": Function(1, MANY, _in),
    "notin": Function(1, MANY, lambda thunks: not _in(thunks)),
    "coalesce": Function(2, MANY, _coalesce),
    "not": eager(1, 1, lambda value: not truth(value)),
    "xor": eager(2, 2, lambda left, right: truth(left) != truth(right)),
    "eq": eager(2, 2, equal),
    "ne": eager(2, 2, lambda left, right: not equal(left, right)),
    "ge": _compare(operator.ge),
    "gt": _compare(operator.gt),
    "le": _compare(operator.le),
    "lt": _compare(operator.lt),
    "contains": _lowered(operator.contains),
    "startswith": _lowered(str.startswith),
    "endswith": _lowered(str.endswith),
    "containsvalue": eager(2, 2, _contains_value),
    "converttojson": eager(1, 1, lambda value: json.dumps(value, indent=2)),
    "format": eager(1, MANY, _format),
    "join": eager(2, 2, _join),
    "length": eager(1, 1, _length),
    "lower": eager(1, 1, lambda value: text(value).lower()),
    "upper": eager(1, 1, lambda value: text(value).upper()),
    "replace": eager(3, 3, lambda value, old, new: text(value).replace(text(old), text(new))),
    "split": eager(2, 2, _split),
}
"""By name, in lower case."""

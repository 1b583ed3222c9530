"""The filters of run queries: the part of OData that the SDK writes.

``((Tags/build eq "7") and (Status eq Completed))``; values stand with or without quotes, ``null`` means
absent.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aml_emulator.errors import InvalidError

Test = Callable[[Mapping[str, Any]], bool]

_LONGEST = 2000
_TERM = re.compile(r"(?P<field>[A-Za-z][\w./-]*) (?P<operator>eq|ne|ge|gt|le|lt) (?P<value>.*)", re.DOTALL)
_ORDER = re.compile(r"(?P<field>[A-Za-z][\w./-]*)( (?P<direction>asc|desc))?", re.IGNORECASE)
_PAGE = 500
_FIELDS = {
    "runid": "runId",
    "rootrunid": "rootRunId",
    "parentrunid": "parentRunId",
    "status": "status",
    "runtype": "runType",
    "target": "target",
    "createdutc": "createdUtc",
    "name": "name",
    "starttimeutc": "startTimeUtc",
    "endtimeutc": "endTimeUtc",
    "runnumber": "runNumber",
}


def _depths(text: str) -> list[int]:
    """Return how many brackets are open after each character; what is quoted counts as inside."""
    depths, depth, quoted = [], 0, False
    for character in text:
        quoted = quoted != (character == '"')
        if not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
        depths.append(depth + quoted)
    return depths


def _split(text: str, word: str) -> list[str]:
    """Split at a word that stands outside of all brackets and quotes."""
    depths = _depths(text)
    parts, start, mark = [], 0, f" {word} "
    for position in range(len(text)):
        if depths[position] == 0 and position >= start and text.startswith(mark, position):
            parts.append(text[start:position])
            start = position + len(mark)
    return [*parts, text[start:]]


def _enclosed(text: str) -> bool:
    """Tell whether the first bracket is closed by the last character."""
    return text.startswith("(") and 0 not in _depths(text)[:-1] and text.endswith(")")


def _value(run: Mapping[str, Any], field: str) -> Any:
    head, _, rest = field.partition("/")
    if head.lower() in ("tags", "properties") and rest:
        return (run.get(head.lower()) or {}).get(rest)
    if head.lower() not in _FIELDS:
        raise InvalidError(f"runs cannot be filtered by '{field}'")
    return run.get(_FIELDS[head.lower()])


def _compare(found: Any, operator: str, wanted: str) -> bool:
    if wanted == "null":
        return (found is None) == (operator == "eq")
    if operator in ("eq", "ne"):
        same = found is not None and str(found) == wanted
        return same == (operator == "eq")
    if found is None:
        return False
    text = str(found)
    return {"ge": text >= wanted, "gt": text > wanted, "le": text <= wanted, "lt": text < wanted}[operator]


def parse_filter(text: str) -> Test:
    """Return a test of run documents.

    Raises:
        InvalidError: when the filter cannot be read.
    """
    if len(text) > _LONGEST:
        raise InvalidError(f"a filter may have {_LONGEST} characters")
    text = text.strip()
    for word, combine in (("or", any), ("and", all)):
        parts = _split(text, word)
        if len(parts) > 1:
            tests = [parse_filter(part) for part in parts]
            return lambda run, tests=tests, combine=combine: combine(test(run) for test in tests)  # type: ignore[misc]
    if _enclosed(text):
        return parse_filter(text[1:-1])
    match = _TERM.fullmatch(text)
    if match is None:
        raise InvalidError(f"the filter '{text}' cannot be read")
    field, operator, wanted = match["field"], match["operator"], match["value"]
    if len(wanted) > 1 and wanted[0] == wanted[-1] and wanted[0] in "\"'":
        wanted = wanted[1:-1]
    return lambda run: _compare(_value(run, field), operator, wanted)


def sort_runs(runs: list[dict[str, Any]], order: list[str]) -> list[dict[str, Any]]:
    """Return run documents in an order as in ``["StartTimeUtc desc"]``; those without a value come last.

    Raises:
        InvalidError: The order cannot be read.
    """
    for text in reversed(order):
        match = _ORDER.fullmatch(text.strip())
        if match is None:
            raise InvalidError(f"the order '{text[:80]}' cannot be read")
        given = [(_value(run, match["field"]), run) for run in runs]
        there = [pair for pair in given if pair[0] is not None]
        there.sort(key=lambda pair: pair[0], reverse=(match["direction"] or "").lower() == "desc")
        runs = [run for _, run in there] + [run for value, run in given if value is None]
    return runs


def page(values: list[Any], *, size: int | None, token: str | None) -> dict[str, Any]:
    """Return a page of a listing, with the token of the page behind it.

    Raises:
        InvalidError: The token is not one of these.
    """
    if token is not None and not token.isdecimal():
        raise InvalidError(f"'{token[:80]}' is no continuation token of this emulator")
    start = int(token or 0)
    end = start + (size or _PAGE)
    return {"value": values[start:end], "continuationToken": str(end) if end < len(values) else None}

"""Typed reading of a YAML mapping that remembers what was asked for, so that nothing unknown goes unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from src.common.errors import did_you_mean, one_line
from src.common.tables import MAX_MAGNITUDE

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Control characters but for those that a delimiter or a text of several lines has."""


class Section:
    """One mapping of a YAML document.

    Each reading method checks one key, notes a problem where it is missing or of another kind, and returns a value
    of the right type in any case, so that all problems of a file are found in one go.

    Attributes:
        problems: What is wrong so far, one sentence each, shared with all parts of the same document.
    """

    def __init__(self, value: object, *, path: str = "", problems: list[str] | None = None) -> None:
        self.problems: list[str] = [] if problems is None else problems
        self._path = path
        self._asked: list[str] = []
        self._content: dict[str, Any] = {}
        if isinstance(value, Mapping):
            for key, item in value.items():
                if not isinstance(key, str):
                    self.problem(_text(key), "is a key that is not text; put it in quotes")
                elif _CONTROL.search(key):
                    self.problem(repr(key), "is a key that holds a control character")
                self._content[_text(key)] = item
        else:
            place = path.removesuffix(": ") or "the document"
            self.problems.append(f"{place} is {_kind(value)}, expected keys with values")

    def problem(self, key: str, what: str) -> None:
        """Note a problem of a key."""
        self.problems.append(f"{self._path}{key} {what}" if key else f"{self._path.removesuffix(': ')} {what}")

    def finish(self) -> None:
        """Note every key that nobody asked for, with the nearest known one."""
        for key in self._content:
            if key not in self._asked:
                near = did_you_mean(key, self._asked) or f"; known are {', '.join(self._asked)}"
                self.problem(key, f"is not known{near}")

    def has(self, key: str) -> bool:
        """Whether there is such a key, with a value."""
        return self._content.get(key) is not None

    def text(self, key: str, *, default: str | None = None) -> str:
        """A text; a number is taken as its text."""
        value = self._get(key, required=default is None)
        if value is None:
            return default or ""
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            text = _text(value)
            if not text.strip() and default is None:
                self.problem(key, "is empty")
            elif _INVISIBLE.search(text):
                self.problem(key, f"holds a control character: {one_line(text, limit=60)!r}")
            return text
        self.problem(key, f"is {_kind(value)}, expected a text")
        return default or ""

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one."""
        value = self._get(key, required=required)
        items = [] if value is None else value if isinstance(value, list) else [value]
        if all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items):
            texts = tuple(_text(item) for item in items)
            twice = sorted({text for text in texts if texts.count(text) > 1})
            if twice:
                self.problem(key, f"names {twice[0]!r} twice")
            if required and not all(text.strip() for text in texts):
                self.problem(key, "is empty" if len(texts) == 1 else "names an empty text")
            if broken := [text for text in texts if _INVISIBLE.search(text)]:
                self.problem(key, f"holds a control character: {one_line(broken[0], limit=60)!r}")
            return texts
        wrong = [item for item in items if not isinstance(item, str | int | float) or isinstance(item, bool)]
        found = f"holds {_kind(wrong[0])}" if isinstance(value, list) else f"is {_kind(value)}"
        self.problem(key, f"{found}, expected a list of texts (put yes, no, on and off in quotes)")
        return ()

    def text_mapping(self, key: str, *, required: bool = False) -> dict[str, str]:
        """Texts by text. A list (or one text) stands for the mapping of each to itself."""
        value = self._get(key, required=required)
        if isinstance(value, str | list):
            return {text: text for text in self.texts(key)}
        if value is None:
            return {}
        part = Section(value, path=f"{self._path}{key}: ", problems=self.problems)
        return {name: part.text(name) for name in part._content}

    def choice(self, key: str, known: Sequence[str], *, default: str | None = None) -> str:
        """One of some texts."""
        text = self.text(key, default=default)
        if text and text not in known:
            self.problem(key, f"is {text!r}{did_you_mean(text, known) or ', expected one of ' + ', '.join(known)}")
        return text

    def flag(self, key: str, *, default: bool) -> bool:
        """``true`` or ``false``."""
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.problem(key, f"is {_kind(value)}, expected true or false")
        return default

    def number(self, key: str, *, default: float, minimum: float, maximum: float) -> float:
        """A number within limits."""
        value = self._get(key)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool) and minimum <= value <= maximum:
            return float(value)
        self.problem(key, f"is {one_line(value, limit=60)!r}, expected a number from {minimum:g} to {maximum:g}")
        return default

    def limits(self, key: str) -> tuple[float | None, float | None]:
        """A lower and an upper limit, either of them open (``null``)."""
        value = self._get(key)
        if value is None:
            return (None, None)
        if isinstance(value, list) and len(value) == 2 and all(_is_limit(item) for item in value):
            lower, upper = (None if item is None else float(item) for item in value)
            if lower is None or upper is None or lower < upper:
                return lower, upper
        found = one_line(repr(value), limit=60)
        self.problem(key, f"is {found}, expected [lower, upper], null for an open side")
        return (None, None)

    def section(self, key: str) -> Section | None:
        """A part with keys of its own, or None."""
        value = self._get(key)
        return None if value is None else Section(value, path=f"{self._path}{key}: ", problems=self.problems)

    def sections(self, key: str, *, required: bool = False) -> Iterator[Section]:
        """A list of parts."""
        value = self._get(key, required=required)
        items = value if isinstance(value, list) else []
        if value is not None and (not isinstance(value, list) or (required and not value)):
            self.problem(key, f"is {_kind(value)}, expected a list of entries")
        for number, item in enumerate(items, start=1):
            yield Section(item, path=f"{self._path}{key} {number}: ", problems=self.problems)

    def named_sections(self, key: str, *, required: bool = False, shorthand: str = "") -> Iterator[tuple[str, Section]]:
        """Parts by name. A part without content stands for all defaults, with `shorthand` a text for this key of it."""
        value = self._get(key, required=required)
        if value is None:
            return
        whole = Section(value, path=f"{self._path}{key}: ", problems=self.problems)
        if required and isinstance(value, Mapping) and not value:
            self.problem(key, "is empty, expected at least one")
        for name, item in whole._content.items():
            content = {} if item is None else {shorthand: item} if shorthand and isinstance(item, str) else item
            yield name, Section(content, path=f"{self._path}{key}: {name}: ", problems=self.problems)

    def numbers_by_text(self) -> dict[str, float]:
        """All of this part as numbers by text."""
        numbers = {}
        for key, value in self._content.items():
            self._asked.append(key)
            if value is not None and _is_limit(value):
                numbers[key] = float(value)
            else:
                self.problem(key, f"is {_kind(value)}, expected a number")
        return numbers

    def _get(self, key: str, *, required: bool = False) -> Any:
        self._asked.append(key)
        value = self._content.get(key)
        if value is None and required:
            near = did_you_mean(key, [other for other in self._content if other not in self._asked])
            self.problem(key, f"is missing{near}")
        return value


def _is_limit(value: object) -> bool:
    """Whether a value is a number that a measurement can have, or open."""
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_MAGNITUDE


def _text(value: object) -> str:
    """A scalar as it was written."""
    return str(getattr(value, "text", value))


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"{'true' if value else 'false'} (YAML reads yes, no, on and off so; put a text in quotes)"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return repr(one_line(value, limit=60))

"""Variables while a job runs: macros, secrets, and what of them a script's environment holds.

https://learn.microsoft.com/azure/devops/pipelines/process/variables
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rehearsal.predefined import SYSTEM, refuse_unknown

OPENING, CLOSING = "$(", ")"
DEEPEST = 50
RESERVED = ("endpoint", "input", "secret", "securefile")
"""Variables that begin so reach no task and no script."""
_NAME = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
Macro = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Variable:
    """A variable."""

    name: str
    value: str
    secret: bool = False
    readonly: bool = False


class Variables(Mapping[str, str]):
    """Variables by name, compared without case. Values are those that are written: macros stand in them."""

    def __init__(self, items: Iterable[Variable] = ()) -> None:
        self._items = {item.name.lower(): item for item in items}

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()].value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __iter__(self) -> Iterator[str]:
        return (item.name for item in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def missing_key(self, name: str) -> None:
        """An expression asks for a variable that is not there."""
        refuse_unknown(name)

    def with_(self, items: Iterable[Variable]) -> Variables:
        """These, with others in place of those of the same name, or beside them."""
        return Variables([*self._items.values(), *items])

    def assign(self, item: Variable) -> str | None:
        """Set a variable, as a script does. A secret stays one. Returns a warning, if there is one."""
        before = self._items.get(item.name.lower())
        system = item.name.lower().startswith(SYSTEM)
        self._items[item.name.lower()] = replace(item, secret=item.secret or bool(before and before.secret))
        if before and (before.readonly or system):
            return f"Overwriting readonly variable '{item.name}'. This behavior will be disabled in the future."
        return None

    def secrets(self) -> set[str]:
        """The values that no log may show."""
        return {item.value for item in self.expanded()._items.values() if item.secret and item.value}

    def expanded(self) -> Variables:
        """With the macros in values replaced, again and again. What holds a secret is one."""
        return Variables(self._expanded(item) for item in self._items.values())

    def _expanded(self, item: Variable) -> Variable:
        secret = [item.secret]

        def nested(name: str, above: tuple[str, ...]) -> str | None:
            found = self._items.get(name.lower())
            if found is None:
                return None
            if name.lower() in above or len(above) >= DEEPEST:
                raise _EndlessError
            secret[0] = secret[0] or found.secret
            return replaced(found.value, lambda inner: nested(inner, (*above, name.lower())))

        try:
            value = nested(item.name, ())
        except _EndlessError:
            return item
        return replace(item, value=value or "", secret=secret[0])

    def macros(self, text: str) -> str:
        """Text with its macros ``$(NAME)`` replaced once; those without a variable stay as they are."""
        expanded = self.expanded()
        return replaced(text, expanded.get)

    def environment(self) -> dict[str, str]:
        """What a script's environment holds of them: names in capitals, no secrets, nothing with a reserved name."""
        return {
            environment_name(item.name): item.value
            for key, item in self.expanded()._items.items()
            if not item.secret and not key.startswith(RESERVED)
        }


class _EndlessError(Exception):
    """A variable holds itself."""


def replaced(text: str, value: Macro) -> str:
    """Text in which each macro for which there is a value is replaced by it, without looking into that again."""
    place = 0
    while (start := text.find(OPENING, place)) >= 0 and (end := text.find(CLOSING, start)) >= 0:
        found = value(text[start + len(OPENING) : end])
        if found is None:
            place = start + 1
        else:
            text = text[:start] + found + text[end + 1 :]
            place = start + len(found)
    return text


def unknown_macros(text: str, variables: Variables) -> list[str]:
    """Macros that look like a variable's and have none: Azure DevOps leaves them as they are."""
    names: list[str] = []

    def note(name: str) -> str | None:
        if name not in variables and _NAME.fullmatch(name):
            refuse_unknown(name)
            names.append(name)
        return None

    replaced(text, note)
    return names


def environment_name(variable: str) -> str:
    """The name that a variable has in a script's environment."""
    return variable.upper().replace(".", "_").replace(" ", "_")

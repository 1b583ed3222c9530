"""What depends on what, among stages or among the jobs of a stage.

https://learn.microsoft.com/azure/devops/pipelines/process/stages
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from rehearsal.results import NotPlayedError


class Part(Protocol):
    """A stage or a job."""

    @property
    def name(self) -> str:
        """How others call it."""

    @property
    def depends_on(self) -> tuple[str, ...]:
        """What has to be over before it starts."""


P = TypeVar("P", bound=Part)


def ordered(parts: Sequence[P], where: str) -> tuple[P, ...]:
    """Parts in an order in which each stands behind what it depends on.

    Raises:
        NotPlayedError: A name is there twice, a dependency is not there, or parts wait for each other.
    """
    named: dict[str, P] = {}
    for part in parts:
        if part.name.lower() in named:
            raise NotPlayedError(f"{where} {part.name!r} is there twice")
        named[part.name.lower()] = part
    for part in parts:
        absent = [name for name in part.depends_on if name.lower() not in named]
        if absent:
            raise NotPlayedError(f"{where} {part.name!r} depends on {', '.join(absent)}, which is not there")
    result: list[P] = []
    while waiting := [part for part in parts if part not in result]:
        over = {part.name.lower() for part in result}
        ready = next((part for part in waiting if {name.lower() for name in part.depends_on} <= over), None)
        if ready is None:
            raise NotPlayedError(f"{where} {waiting[0].name!r} waits for itself, as {len(waiting)} do")
        result.append(ready)
    return tuple(result)


def ancestors(part: Part, parts: Iterable[Part]) -> set[str]:
    """The names of all that a part depends on, directly or through others."""
    known: Mapping[str, Part] = {other.name: other for other in parts}
    found: set[str] = set()
    waiting = [other for name in part.depends_on for other in known if other.lower() == name.lower()]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += ancestors(known[name], known.values())
    return found


def descendants(names: Iterable[str], parts: Iterable[Part]) -> set[str]:
    """The names of all that depends on one of these, directly or through others."""
    known, wanted = list(parts), set(names)
    return {part.name for part in known if ancestors(part, known) & wanted}

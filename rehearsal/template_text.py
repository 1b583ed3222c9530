"""Text with template expressions ``${{ }}``.

https://learn.microsoft.com/azure/devops/pipelines/process/template-expressions
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rehearsal.expressions import Scope, evaluate
from rehearsal.results import NotPlayedError
from rehearsal.values import Value, text

OPENING = "${{"
_EXPRESSION = re.compile(r"\$\{\{((?:[^'}]|'(?:[^']|'')*'|\}(?!\}))*)\}\}")


def expanded(source: str, scope: Scope) -> Value:
    """Text with its expressions replaced; the value itself where the text is one expression and nothing else.

    Raises:
        NotPlayedError: An expression has no end, or is refused.
    """
    parts = list(_parts(source))
    if len(parts) == 1 and isinstance(parts[0], re.Match):
        return evaluate(parts[0][1].strip(), scope)
    return "".join(part if isinstance(part, str) else text(evaluate(part[1].strip(), scope)) for part in parts)


def directive(key: str) -> str | None:
    """What stands in a key that is one expression, such as ``if eq(1, 2)``; None where it is something else."""
    match = _EXPRESSION.fullmatch(key.strip())
    return match[1].strip() if match else None


def _parts(source: str) -> Iterator[str | re.Match[str]]:
    place = 0
    while (start := source.find(OPENING, place)) >= 0:
        match = _EXPRESSION.match(source, start)
        if match is None:
            raise NotPlayedError(f"the template expression in {source!r} has no end")
        if start > place:
            yield source[place:start]
        yield match
        place = match.end()
    if place < len(source):
        yield source[place:]

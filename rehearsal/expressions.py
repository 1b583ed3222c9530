"""Conditions, runtime expressions and macros of Azure DevOps, as far as the pipelines here use them.

https://learn.microsoft.com/azure/devops/pipelines/process/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class NotPlayedError(Exception):
    """Something in the YAML that the rehearsal does not understand."""


class Result(str, Enum):
    """How a step, a job, a stage or a build ended, in Azure DevOps' words."""

    SUCCEEDED = "Succeeded"
    ISSUES = "SucceededWithIssues"
    FAILED = "Failed"
    CANCELED = "Canceled"
    SKIPPED = "Skipped"


GOOD = (Result.SUCCEEDED, Result.ISSUES)


@dataclass(frozen=True)
class Context:
    """What an expression may ask for.

    Attributes:
        variables: By name; names are compared without case.
        results: Of what this depends on: for a step the steps before it, for a job its `dependsOn`.
        outputs: Output variables of jobs: by job, ``step.NAME`` → value.
        canceled: Whether somebody cancelled the build.
    """

    variables: Mapping[str, str]
    results: Mapping[str, Result] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    canceled: bool = False

    def variable(self, name: str) -> str:
        """The value of a variable; empty where there is none, as in Azure DevOps."""
        return next((value for known, value in self.variables.items() if known.lower() == name.lower()), "")


Value = str | bool | float
MANY = 1000
ARGUMENTS = {
    "and": (2, MANY),
    "or": (2, MANY),
    "not": (1, 1),
    "eq": (2, 2),
    "ne": (2, 2),
    "in": (2, MANY),
    "startswith": (2, 2),
}
"""How many arguments a function has, at least and at most. Those that ask for a result have none here: names of jobs,
which Azure DevOps takes, are not played."""
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[()\[\],.])")
_MACRO = re.compile(r"\$\(([A-Za-z_][\w.]*)\)")


def evaluate(expression: str, context: Context) -> Value:
    """Evaluate an expression such as ``and(succeeded(), eq(variables['A'], 'b'))``.

    Raises:
        NotPlayedError: It is none, or uses what is not played.
    """
    tokens: list[str] = []
    place = 0
    while place < len(expression.rstrip()):
        match = _TOKEN.match(expression, place)
        if match is None:
            raise NotPlayedError(f"the expression {expression!r} can't be read at {expression[place:]!r}")
        tokens.append(match.group(1))
        place = match.end()
    parser = _Parser(tokens, context, expression)
    try:
        value = parser.value()
    except RecursionError:
        raise NotPlayedError(f"the expression {expression[:80]!r}… is nested too deeply") from None
    if parser.left():
        raise NotPlayedError(f"the expression {expression!r} goes on where it should end")
    return value


def holds(condition: str, context: Context) -> bool:
    """Whether a condition holds."""
    return _truth(evaluate(condition, context))


def expand(text: str, context: Context) -> str:
    """Replace macros ``$(NAME)``.

    Raises:
        NotPlayedError: There is no such variable: Azure DevOps would leave the text as it is, which is never meant.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not any(known.lower() == name.lower() for known in context.variables):
            raise NotPlayedError(f"there is no variable {name!r} for {match.group(0)}")
        return context.variable(name)

    return _MACRO.sub(value, text)


class _Parser:
    """Evaluates while it reads; there are no side effects that could matter."""

    def __init__(self, tokens: Sequence[str], context: Context, source: str) -> None:
        self._tokens = list(tokens)
        self._context = context
        self._source = source

    def left(self) -> bool:
        return bool(self._tokens)

    def value(self) -> Value:
        token = self._next()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            return float(token)
        if token.lower() in ("true", "false"):
            return token.lower() == "true"
        if self._tokens[:1] == ["("]:
            return self._call(token)
        return self._property(token)

    def _next(self) -> str:
        if not self._tokens:
            raise NotPlayedError(f"the expression {self._source!r} ends too early")
        return self._tokens.pop(0)

    def _name(self) -> str:
        name = self._next()
        if not name.isidentifier():
            raise NotPlayedError(f"the expression {self._source!r} has {name!r} where a name should be")
        return name

    def _take(self, wanted: str) -> None:
        found = self._next()
        if found != wanted:
            raise NotPlayedError(f"the expression {self._source!r} has {found!r} where {wanted!r} should be")

    def _call(self, name: str) -> Value:
        self._take("(")
        arguments: list[Value] = []
        if self._tokens[:1] != [")"]:
            arguments.append(self.value())
            while self._tokens[:1] == [","]:
                self._take(",")
                arguments.append(self.value())
        self._take(")")
        known = {key.lower(): function for key, function in _functions(self._context).items()}
        if name.lower() not in known:
            raise NotPlayedError(f"the function {name}() in {self._source!r} is not played")
        fewest, most = ARGUMENTS.get(name.lower(), (0, 0))
        if not fewest <= len(arguments) <= most:
            raise NotPlayedError(f"{name}() in {self._source!r} is not played with {len(arguments)} arguments")
        return known[name.lower()](arguments)

    def _property(self, name: str) -> Value:
        path = [name]
        while self._tokens[:1] in (["."], ["["]):
            if self._next() == ".":
                path.append(self._name())
            else:
                path.append(_text(self.value()))
                self._take("]")
        match path:
            case ["variables", variable]:
                return self._context.variable(variable)
            case ["dependencies", job, "result"] if job in self._context.results:
                return self._context.results[job].value
            case ["dependencies", job, "outputs", output] if job in self._context.results:
                return self._context.outputs.get(job, {}).get(output, "")
        raise NotPlayedError(f"{'.'.join(path)} in {self._source!r} is not there, or not among what this depends on")


def _functions(context: Context) -> dict[str, Callable[[list[Value]], bool]]:
    results = context.results.values()  # what is skipped did not succeed: what depends on it is skipped, too
    return {
        "and": lambda values: all(map(_truth, values)),
        "or": lambda values: any(map(_truth, values)),
        "not": lambda values: not _truth(values[0]),
        "eq": lambda values: _equal(values[0], values[1]),
        "ne": lambda values: not _equal(values[0], values[1]),
        "in": lambda values: any(_equal(values[0], value) for value in values[1:]),
        "startsWith": lambda values: _text(values[0]).lower().startswith(_text(values[1]).lower()),
        "succeeded": lambda _: not context.canceled and all(result in GOOD for result in results),
        "succeededOrFailed": lambda _: not context.canceled,
        "failed": lambda _: any(result is Result.FAILED for result in results),
        "canceled": lambda _: context.canceled,
        "always": lambda _: True,
    }


def _truth(value: Value) -> bool:
    return bool(value)


def _equal(one: Value, other: Value) -> bool:
    """As Azure DevOps compares: the right side is made what the left one is; text without case."""
    if isinstance(one, bool):
        return one is _truth(other)
    if isinstance(one, float):
        return one == _number(other)
    return one.lower() == _text(other).lower()


def _number(value: Value) -> float | None:
    try:
        return float(value or 0)
    except ValueError:
        return None


def _text(value: Value) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

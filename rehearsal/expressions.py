"""Expressions of Azure DevOps: read, checked, evaluated.

https://learn.microsoft.com/azure/devops/pipelines/process/expressions
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rehearsal.functions import FUNCTIONS, Function
from rehearsal.results import NotPlayedError
from rehearsal.values import Value, Version, text

_TOKEN = re.compile(
    r"\s*(?P<word>(?P<text>'(?:[^']|'')*')|(?P<version>\d+(?:\.\d+){2,3})|(?P<number>-?(?:\d+(?:\.\d+)?|\.\d+))"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>[()\[\],.]))",
    re.ASCII,
)
DEEPEST = 50
"""No expression of a person nests deeper; Azure DevOps' own limit is not documented."""


class Closed(dict[str, Value]):
    """A mapping of which each key that is asked for must be there; what is missing is named."""

    def __init__(self, items: Mapping[str, Value], missing: str) -> None:
        super().__init__(items)
        self._missing = missing

    def missing_key(self, key: str) -> None:
        """An expression asks for what is not there."""
        raise NotPlayedError(f"{key!r} {self._missing}")


@dataclass(frozen=True)
class Scope:
    """What an expression may ask for.

    Attributes:
        names: `variables`, `parameters`, `dependencies` and the like.
        functions: Those that work only here, by lower-case name, such as `succeeded`.
    """

    names: Mapping[str, Value]
    functions: Mapping[str, Function] = field(default_factory=dict)


def evaluate(expression: str, scope: Scope) -> Value:
    """Evaluate an expression such as ``and(succeeded(), eq(variables['A'], 'b'))``.

    Names and numbers of arguments are checked before anything is evaluated.

    Raises:
        NotPlayedError: It is none, or uses what is not played.
    """
    return _Parser(expression, scope).whole().value()


def check(expression: str, scope: Scope) -> None:
    """Check an expression without evaluating it: its form, its names, its functions and their arguments.

    Raises:
        NotPlayedError: It is none, or uses what is not played.
    """
    _Parser(expression, scope).whole()


class _Node:
    """A part of an expression."""

    def value(self) -> Value:
        raise NotImplementedError


@dataclass(frozen=True)
class _Literal(_Node):
    literal: Value

    def value(self) -> Value:
        return self.literal


@dataclass(frozen=True)
class _Call(_Node):
    function: Function
    arguments: Sequence[_Node]

    def value(self) -> Value:
        return self.function.call([argument.value for argument in self.arguments])


@dataclass(frozen=True)
class _Index(_Node):
    collection: _Node
    key: _Node

    def value(self) -> Value:
        collection, key = self.collection.value(), self.key.value()
        if isinstance(collection, list):
            return collection[int(key)] if isinstance(key, float) and 0 <= key < len(collection) else None
        if not isinstance(collection, Mapping):
            return None
        return looked_up(collection, text(key))


def looked_up(collection: Mapping[str, Value], key: str) -> Value:
    """The value of a key, compared without case; Null where there is none.

    Raises:
        NotPlayedError: There is none, and there should be.
    """
    for name, value in collection.items():
        if name.lower() == key.lower():
            return value
    missing = getattr(collection, "missing_key", None)
    if missing is not None:
        missing(key)
    return None


class _Parser:
    def __init__(self, source: str, scope: Scope) -> None:
        self._source = source
        self._scope = scope
        self._tokens = list(self._read())
        self._depth = 0

    def _read(self) -> Iterator[re.Match[str]]:
        place = 0
        while place < len(self._source.rstrip()):
            match = _TOKEN.match(self._source, place)
            if match is None:
                raise NotPlayedError(f"the expression {self._source!r} can't be read at {self._source[place:]!r}")
            yield match
            place = match.end()

    def whole(self) -> _Node:
        node = self._node()
        if self._tokens:
            raise NotPlayedError(f"the expression {self._source!r} goes on where it should end")
        return node

    def _next(self) -> re.Match[str]:
        if not self._tokens:
            raise NotPlayedError(f"the expression {self._source!r} ends too early")
        return self._tokens.pop(0)

    def _ahead(self, *signs: str) -> bool:
        return bool(self._tokens) and self._tokens[0]["word"] in signs

    def _take(self, wanted: str) -> None:
        found = self._next()["word"]
        if found != wanted:
            raise NotPlayedError(f"the expression {self._source!r} has {found!r} where {wanted!r} should be")

    def _node(self) -> _Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotPlayedError(f"the expression {self._source[:80]!r}… is nested too deeply")
        node = self._single()
        while self._ahead(".", "["):
            node = _Index(node, self._key())
        self._depth -= 1
        return node

    def _key(self) -> _Node:
        if self._next()["word"] == "[":
            key = self._node()
            self._take("]")
            return key
        name = self._next()
        if not name["name"]:
            raise NotPlayedError(f"the expression {self._source!r} has {name['word']!r} where a name should be")
        return _Literal(name["name"])

    def _single(self) -> _Node:
        match = self._next()
        token = match["word"]
        if match["text"]:
            return _Literal(token[1:-1].replace("''", "'"))
        if match["version"]:
            return _Literal(Version(int(part) for part in token.split(".")))
        if match["number"]:
            return _Literal(float(token))
        if match["sign"]:
            raise NotPlayedError(f"the expression {self._source!r} has {token!r} where a value should be")
        if token.lower() in ("true", "false"):
            return _Literal(token.lower() == "true")
        return self._call(token) if self._ahead("(") else self._named(token)

    def _call(self, name: str) -> _Node:
        known = {**FUNCTIONS, **self._scope.functions}
        if name.lower() not in known:
            raise NotPlayedError(f"the function {name}() in {self._source!r} is not played here")
        function = known[name.lower()]
        self._take("(")
        arguments: list[_Node] = []
        while not self._ahead(")"):
            if arguments:
                self._take(",")
            arguments.append(self._node())
        self._take(")")
        if not function.fewest <= len(arguments) <= function.most:
            raise NotPlayedError(f"{name}() in {self._source!r} does not take {len(arguments)} arguments")
        return _Call(function, arguments)

    def _named(self, name: str) -> _Node:
        known = {key.lower(): value for key, value in self._scope.names.items()}
        if name.lower() not in known:
            raise NotPlayedError(f"there is no {name!r} in {self._source!r}: {', '.join(self._scope.names)}")
        return _Literal(known[name.lower()])

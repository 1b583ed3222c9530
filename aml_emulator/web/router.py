"""Which function answers which request.

A service lists its calls in a :class:`Routes`; the :class:`Router` finds the one that fits a path. A
template names the parts of a path in braces: ``{name}`` is one segment, ``{path:rest}`` all that follow.
``{ws}`` stands for the resource id of a workspace.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partialmethod
from typing import Any
from urllib.parse import unquote

from aml_emulator.errors import InvalidError
from aml_emulator.web.messages import Request

Handler = Callable[[Request], Any]

_WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
_PART = re.compile(r"\{(?P<name>\w+)(?P<rest>:rest)?\}")


class Access(Enum):
    """Who may make a call."""

    TOKEN = "token"  # noqa: S105  (a name)
    """Whoever has a token."""
    OWNER = "owner"
    """Whoever has a token or the emulator's secret."""
    PUBLIC = "public"
    """Everybody on this machine."""


@dataclass(frozen=True)
class Route:
    """One call: its method, its template, who answers, who may make it, and the fields that its body may have.

    Where the fields are None, the body is kept as it comes.
    """

    method: str
    template: str
    handler: Handler
    access: Access
    takes: frozenset[str] | None
    pattern: re.Pattern[str]


def _pattern(template: str) -> re.Pattern[str]:
    full = template.replace("{ws}", _WORKSPACE)
    position, parts = 0, []
    for part in _PART.finditer(full):
        parts.append(re.escape(full[position : part.start()]))
        parts.append(f"(?P<{part['name']}>{'.+' if part['rest'] else '[^/]+'})")
        position = part.end()
    parts.append(re.escape(full[position:]))
    return re.compile("".join(parts), re.IGNORECASE)


class Routes:
    """The calls of one service.

    Args:
        prefix: What all templates of the service begin with.
        access: Who may make its calls, where a call does not say.
    """

    def __init__(self, prefix: str = "", *, access: Access = Access.TOKEN) -> None:
        self._prefix = prefix
        self._access = access
        self.routes: list[Route] = []

    def add(
        self, method: str, *templates: str, public: bool = False, takes: str | None = None
    ) -> Callable[[Handler], Handler]:
        """Return a decorator that makes a function answer the method on the templates.

        Args:
            method: The HTTP method.
            templates: The paths.
            public: Whether everybody on this machine may make the call.
            takes: The fields that a body may have, with spaces between; None lets any pass.
        """
        fields = None if takes is None else frozenset(takes.split())
        access = Access.PUBLIC if public else self._access

        def register(handler: Handler) -> Handler:
            for template in templates:
                full = self._prefix + template
                self.routes.append(Route(method, full, handler, access, fields, _pattern(full)))
            return handler

        return register

    get = partialmethod(add, "GET")
    post = partialmethod(add, "POST")
    put = partialmethod(add, "PUT")
    patch = partialmethod(add, "PATCH")
    delete = partialmethod(add, "DELETE")


class Router:
    """Finds the route of a request.

    Args:
        services: The routes of all services; where two templates fit a path, the one with fewer braces wins.
    """

    def __init__(self, services: Iterable[Routes]) -> None:
        routes = [route for service in services for route in service.routes]
        self._routes = sorted(routes, key=lambda route: (":rest" in route.template, route.template.count("{")))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and the parts of the path that its template names, or None."""
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, {name: _decoded(value) for name, value in match.groupdict().items()}
        return None


def _decoded(part: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise InvalidError(f"the path holds '{part}', which is not UTF-8") from None

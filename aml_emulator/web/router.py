"""Which function answers which request.

A service lists its calls in a :class:`Routes`; the :class:`Router` finds the one that fits a path. A
template names the parts of a path in braces: ``{name}`` is one segment, ``{path:rest}`` all that follow.
``{ws}`` stands for the resource id of a workspace.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aml_emulator.web.messages import Request

Handler = Callable[[Request], Any]

_WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
_PART = re.compile(r"\{(?P<name>\w+)(?P<rest>:rest)?\}")


@dataclass(frozen=True)
class Route:
    """One call: its method, its template, who answers, and whether it needs no token."""

    method: str
    template: str
    handler: Handler
    public: bool
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
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.routes: list[Route] = []

    def add(self, method: str, *templates: str, public: bool = False) -> Callable[[Handler], Handler]:
        """Return a decorator that makes a function answer the method on the templates."""

        def register(handler: Handler) -> Handler:
            for template in templates:
                full = self._prefix + template
                self.routes.append(Route(method, full, handler, public, _pattern(full)))
            return handler

        return register

    def get(self, *templates: str, public: bool = False) -> Callable[[Handler], Handler]:
        """Answer GET."""
        return self.add("GET", *templates, public=public)

    def post(self, *templates: str, public: bool = False) -> Callable[[Handler], Handler]:
        """Answer POST."""
        return self.add("POST", *templates, public=public)

    def put(self, *templates: str) -> Callable[[Handler], Handler]:
        """Answer PUT."""
        return self.add("PUT", *templates)

    def patch(self, *templates: str) -> Callable[[Handler], Handler]:
        """Answer PATCH."""
        return self.add("PATCH", *templates)

    def delete(self, *templates: str, public: bool = False) -> Callable[[Handler], Handler]:
        """Answer DELETE."""
        return self.add("DELETE", *templates, public=public)


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
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        return None

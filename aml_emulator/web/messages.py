"""What goes through the router: requests and replies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aml_emulator import fields
from aml_emulator.errors import InvalidError
from aml_emulator.fields import Fields
from aml_emulator.site import Site
from aml_emulator.store.store import Store
from aml_emulator.store.workspaces import Workspace


@dataclass(frozen=True)
class Reply:
    """An answer: a JSON document, or bytes of a given type.

    Attributes:
        content: A JSON value, or bytes that go out as they are; None is an empty body.
        status: HTTP status.
        headers: Further headers.
        content_type: Type of the body where it is not JSON.
    """

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def body(self) -> bytes:
        """Return the bytes of the body."""
        if isinstance(self.content, bytes):
            return self.content
        return b"" if self.content is None else json.dumps(self.content).encode()


@dataclass
class Request:
    """One request, as the handlers see it.

    Attributes:
        site: Everything the emulator has: database, blob storage, executor.
        method: HTTP method.
        path: Path without the query; doubled slashes are collapsed, one at the end is left out.
        query: The last value of each query parameter.
        headers: Header fields by their names in lower case.
        body: The bytes of the body.
        tunnelled: Whether it came through the proxy, for one of Azure's own host names.
        parameters: What the route's template took out of the path, checked.
        principal: Who asks: the object id in the token.
    """

    site: Site
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    tunnelled: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    principal: str = ""

    def json(self) -> Any:
        """Return the body as a JSON value; None when it is empty."""
        return fields.parse(self.body) if self.body else None

    def document(self) -> Fields:
        """Return the body as a JSON object; an empty one when there is no body.

        Raises:
            InvalidError: It is another kind of value.
        """
        value = self.json()
        if not isinstance(value, Fields | None):
            raise InvalidError(f"the body has to be a JSON object, not {type(value).__name__}")
        return Fields() if value is None else value

    def objects(self) -> list[Fields]:
        """Return the body as a list of JSON objects."""
        return Fields(body=self.json()).objects("body")

    def texts(self) -> list[str]:
        """Return the body as a list of texts."""
        return Fields(body=self.json()).texts("body")

    def __getitem__(self, name: str) -> str:
        """Return a parameter of the path."""
        return self.parameters[name]

    @property
    def store(self) -> Store:
        """What the emulator remembers."""
        return self.site.store

    @property
    def workspace(self) -> Workspace:
        """The workspace that the path names; NotFoundError when there is none of that name."""
        return self.store.workspaces.find(
            self.parameters["subscription"], self.parameters["group"], self.parameters["workspace"]
        )

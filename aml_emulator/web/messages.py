"""What goes through the router: requests, replies, and the refusals that become error replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aml_emulator.site import Site
    from aml_emulator.store.workspaces import Workspace


class Refusal(Exception):  # noqa: N818  (it is an answer, not a defect)
    """An answer other than success, in the shape of Azure ML's error documents.

    Args:
        status: HTTP status.
        message: What was wrong, for the person who reads the SDK's exception.
        code: Azure's error code.
    """

    def __init__(self, status: int, message: str, *, code: str = "UserError") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    def document(self) -> dict[str, Any]:
        """Return the JSON document of the answer."""
        return {
            "error": {"code": self.code, "message": self.message, "details": []},
            # the pipelines service writes its fields with a capital letter
            "Error": {"Code": self.code, "Message": self.message},
            "correlation": {},
            "environment": "local",
            "location": "local",
            "statusCode": self.status,
        }


def not_found(kind: str, name: str) -> Refusal:
    """Return the refusal for something that is not there."""
    return Refusal(404, f"{kind} '{name}' was not found.", code="NotFound")


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
        parameters: What the route's template took out of the path.
        principal: Who asks: the object id in the token.
    """

    site: Site
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    parameters: dict[str, str] = field(default_factory=dict)
    principal: str = ""

    def json(self) -> Any:
        """Return the body as a JSON value; None when it is empty."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(400, f"the body is not JSON: {error}") from None

    def __getitem__(self, name: str) -> str:
        """Return a parameter of the path."""
        return self.parameters[name]

    @property
    def workspace(self) -> Workspace:
        """The workspace that the path names; 404 when there is none of that name."""
        return self.site.workspaces.find(
            self.parameters["subscription"], self.parameters["group"], self.parameters["workspace"]
        )

"""JSON objects that come from outside, read strictly: what is missing or of another kind is an error of the sender."""

import json
from typing import Any

from aml_emulator.errors import InvalidError


class Fields(dict[str, Any]):
    """A JSON object; a key that is not there is an :class:`InvalidError`, not a defect."""

    def __missing__(self, name: str) -> Any:
        raise InvalidError(f"the field '{name}' is missing")

    def object(self, name: str) -> "Fields":
        """Return the object of a field; an empty one where it is missing or null."""
        return self._typed(name, Fields) or Fields()

    def objects(self, name: str) -> "list[Fields]":
        """Return the objects of a list; none where it is missing or null."""
        found = self._typed(name, list) or []
        if not all(isinstance(one, Fields) for one in found):
            raise InvalidError(f"the field '{name}' has to be a list of objects")
        return found

    def texts(self, name: str) -> list[str]:
        """Return the texts of a list; none where it is missing or null."""
        found = self._typed(name, list) or []
        if not all(isinstance(one, str) for one in found):
            raise InvalidError(f"the field '{name}' has to be a list of texts")
        return found

    def text(self, name: str) -> str | None:
        """Return a text; None where it is missing or null."""
        found: str | None = self._typed(name, str)
        return found

    def required(self, name: str) -> str:
        """Return a text that has to be there and may not be empty."""
        found = self.text(name)
        if not found:
            raise InvalidError(f"the field '{name}' is missing")
        return found

    def whole(self, name: str) -> int | None:
        """Return a whole number that is not negative; None where it is missing or null."""
        found = self._typed(name, int)
        if found is not None and (found < 0 or isinstance(found, bool)):
            raise InvalidError(f"the field '{name}' has to be a whole number that is not negative, not {found}")
        return found

    def mapping(self, name: str) -> dict[str, str | None]:
        """Return an object whose values are texts, as tags are; numbers and truth values become texts."""
        found = self.object(name)
        if any(isinstance(value, dict | list) for value in found.values()):
            raise InvalidError(f"the values of '{name}' have to be texts")
        return {
            key: value if value is None or isinstance(value, str) else json.dumps(value) for key, value in found.items()
        }

    def _typed(self, name: str, kind: type[Any]) -> Any:
        value = self.get(name)
        if value is not None and not isinstance(value, kind):
            raise InvalidError(f"the field '{name}' cannot be {value!r:.80}")
        return value


def parse(content: bytes | str) -> Any:
    """Return a JSON value; its objects, also inner ones, are :class:`Fields`.

    Raises:
        InvalidError: It is not JSON (RFC 8259), or nested too deeply.
    """
    try:
        return json.loads(content, object_hook=Fields, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"this is not JSON: {error}") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")

"""Names that come from outside, checked where they enter.

Every part of a path that a route names passes through :func:`checked`; names that stand in a body pass through
the function of their kind. What has passed can be a folder, a blob or a header without leaving its place.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from aml_emulator.errors import InvalidError

_LONGEST = 255
_LONGEST_PATH = 1024  # the limit of a blob's name
# "Naming and referencing containers, blobs, and metadata", REST reference of Azure Storage
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*|\$root|\$web")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,255}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,254}")
_DRIVE = re.compile(r"[A-Za-z]:")


def name(value: object, what: str = "name") -> str:
    """Return a name that can be one segment of a path.

    Raises:
        InvalidError: It is not a text of 1 to 255 printable characters without slashes, or it means a folder.
    """
    text = _text(value, what)
    if not 0 < len(text) <= _LONGEST or not text.isprintable() or "/" in text or "\\" in text or text in (".", ".."):
        raise InvalidError(f"{text[:80]!r} cannot be a {what}: 1 to {_LONGEST} printable characters without slashes")
    return text


def run(value: object) -> str:
    """Return the id of a run.

    Raises:
        InvalidError: It has other characters than letters, digits, hyphens and underscores.
    """
    text = _text(value, "run's id")
    if not _RUN.fullmatch(text):
        raise InvalidError(
            f"{text[:80]!r} cannot be a run's id: up to 256 letters, digits, '-' and '_', "
            "beginning with a letter or a digit"
        )
    return text


def tenant(value: object) -> str:
    """Return a tenant: a GUID or a domain.

    Raises:
        InvalidError: It has other characters than letters, digits, dots and hyphens.
    """
    text = _text(value, "tenant")
    if not _TENANT.fullmatch(text):
        raise InvalidError(f"{text[:80]!r} cannot be a tenant")
    return text


def container(value: object) -> str:
    """Return the name of a blob container.

    Raises:
        InvalidError: Azure Storage would not take it.
    """
    text = _text(value, "container")
    if not _CONTAINER.fullmatch(text):
        raise InvalidError(
            f"{text[:80]!r} cannot be a blob container: 3 to 63 lower-case letters, digits and single hyphens"
        )
    return text


def relative_path(value: object, what: str = "path") -> str:
    """Return a path below some folder, with slashes.

    Raises:
        InvalidError: It is empty, absolute, leads upwards, or holds a backslash or a control character.
    """
    text = _text(value, what)
    parts = text.split("/")
    outside = any(part in ("", ".", "..") for part in parts) or _DRIVE.match(text) or "\\" in text
    if outside or len(text) > _LONGEST_PATH or not text.replace("/", "").isprintable():
        raise InvalidError(f"{text[:80]!r} cannot be a {what}: it has to stay in its folder")
    return text


def inner_path(value: object) -> str:
    """Return a path below some folder in its shortest form: clients also send ``./outputs/a`` and ``outputs//a``.

    Raises:
        InvalidError: It is empty or leads upwards.
    """
    text = _text(value, "path").replace("\\", "/")
    return relative_path("/".join(part for part in text.split("/") if part not in ("", ".")))


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidError(f"a {what} has to be a text, not {value!r:.80}")
    return value


_KINDS = {"run": run, "tenant": tenant, "path": inner_path, "scope": inner_path}


def checked(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Return the named parts of a request's path, each checked by what it names.

    Raises:
        InvalidError: One of them cannot be what its name says.
    """
    return MappingProxyType({key: _KINDS.get(key, name)(value) for key, value in parameters.items()})

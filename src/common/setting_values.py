"""How the text of a setting becomes a value, and what no setting may hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TypeVar

from src.common.redaction import looks_secret
from src.common.sources.container_url import is_blob_url

PROJECT_ROOT = Path(__file__).resolve().parents[2]
Chosen = TypeVar("Chosen", bound=Enum)
_ADDRESS = re.compile(
    r"^[a-z][a-z0-9+.-]+[:;]/|://|\bhttps?\b|\.core\.|\b(?:sv|sig|se|sp|sr)(?:=|%3D)|%3F"
    r"|AccountName|DefaultEndpointsProtocol|BlobEndpoint|[^\s/\\]:[^\s/\\]+@",
    re.IGNORECASE,
)
"""What a folder's path hardly has, and a URL, a SAS token, a connection string or a name with its password does."""

_MACRO = re.compile(r"\$\([A-Za-z_][\w.-]*\)|\$\[[^\]]*\]|\$\{\{.*?\}\}")
"""https://learn.microsoft.com/azure/devops/pipelines/process/variables#understand-variable-syntax"""
_REFERENCE = re.compile(r"\$\{\w+\}|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTES = "'\"“”„‘’`"


class HiddenValueError(ValueError):
    """A value is wrong, and is not shown, since it may be a secret."""


class Mode(str, Enum):
    """Where pipelines run: on this machine, or in Azure ML."""

    DEV = "DEV"
    PROD = "PROD"


class GatePolicy(str, Enum):
    """What a trained model has to show, to become the registered one."""

    BETTER = "better"
    FRESH = "fresh"


class Priority(str, Enum):
    """What the nodes of a cluster cost, and whether they may be taken away."""

    LOW = "lowpriority"
    DEDICATED = "dedicated"


def choice(kind: type[Chosen], expected: str) -> Callable[[str], Chosen]:
    """Make a reader of one of several words.

    Args:
        kind: The words.
        expected: What to say where it is none of them.
    """

    def parse(text: str) -> Chosen:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(expected) from None

    return parse


def folder(text: str) -> Path:
    """Read the path of a folder, which need not be there yet; relative ones start at the project."""
    if not text:
        raise ValueError("the path of a folder")
    try:
        path = PROJECT_ROOT / Path(text).expanduser()
        standing = next(place for place in (path, *path.parents) if place.exists() or place.is_symlink())
    except (RuntimeError, OSError) as error:  # ~somebody who has no home here; a name that is too long
        raise ValueError(f"the path of a folder ({getattr(error, 'strerror', None) or error})") from error
    if not standing.is_dir():
        what = "a file" if standing.exists() else "a link that leads nowhere"
        raise ValueError(f"the path of a folder, and {standing} is {what}")
    return path


def source(text: str) -> str:
    """A folder, or the URL of a container; what may be a mistyped URL is refused, for it may hold a secret."""
    expected = "a folder, or the https URL of a blob container with or without a prefix"
    if not text:
        raise ValueError(expected)
    if is_blob_url(text):
        if looks_secret(re.split("[?]", text, maxsplit=1)[0]):
            raise HiddenValueError(f"{expected}; a SAS token stands after a question mark, and no password anywhere")
        return text
    try:
        path = PROJECT_ROOT / Path(text).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (RuntimeError, OSError) as error:  # ~somebody who has no home here; a name that is too long
        raise ValueError(expected) from error
    if is_file:
        raise ValueError(f"{expected}; it is a file")
    if not is_folder and (_ADDRESS.search(text) or looks_secret(text)):
        raise HiddenValueError(f"{expected}, such as https://<account>.blob.core.windows.net/<container>?<SAS token>")
    return text


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Make a reader of whole numbers in a range."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def number(minimum: float, maximum: float) -> Callable[[str], float]:
    """Make a reader of numbers in a range."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) or not minimum <= float(text) <= maximum:
            raise ValueError(f"a number from {minimum:g} to {maximum:g}")
        return float(text)

    return parse


def switch(text: str) -> bool:
    """Read true or false."""
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


def name(text: str) -> str:
    """A name that Azure ML takes for pipelines, models, environments, clusters, datasets and experiments alike."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", text):
        raise ValueError("a name of 1 to 32 letters, digits, - and _, that starts with a letter or a digit")
    return text


def refuse_what_is_no_value(text: str, *, secret: bool) -> None:
    """Refuse what got into a setting by a mistake that other programs would not notice.

    Raises:
        ValueError: It is such a mistake; `HiddenValueError` where the text must not be shown.
    """
    left = _MACRO.search(text)
    if left:
        raise ValueError(f"a value: Azure DevOps leaves {left[0]} as it is where no variable of this name is defined")
    if _CONTROL.search(text):
        raise ValueError("one line without control characters (is a quote missing?)")
    if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        raise ValueError("a value without quotes around it")
    if re.fullmatch(r"<[^<>]*>", text):
        raise ValueError("a value in place of the example")
    if secret:
        return
    if looks_secret(text):
        raise HiddenValueError("no secret and no password: secrets have settings of their own")
    if _REFERENCE.search(text):
        raise ValueError("a value in which $NAME and %NAME% are not to be replaced: they stay as they are here")

"""What is secret in a text, by its shape or because it is known, and the text without it.

Shapes are those of Azure: SAS tokens (https://learn.microsoft.com/rest/api/storageservices/create-service-sas),
connection strings and account keys (https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string),
tokens (RFC 7519), client secrets of Microsoft Entra, and the user information of any URL (RFC 3986, 3.2.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
SHORTEST = 8
"""Known values that are shorter are let be: they would hide parts of common words."""

_EQUALS = r"(?:=|%3D)"
_START = r"(?:(?<![a-z])|(?<=\\[abfnrtv]))"
"""Not within a word, but after a sign that is shown as backslash and letter."""
_VALUE = r"""(?:(?!%26|%3B)[^&;\s"'<>])+"""
_SIGN = r"(?:[A-Za-z0-9+/]|%2B|%2F)"
_SHAPES = tuple(
    (re.compile(pattern, re.IGNORECASE if ignore_case else 0), replacement)
    for pattern, replacement, ignore_case in (
        (rf"({_START}sig\s*{_EQUALS})\s*{_VALUE}", rf"\1{HIDDEN}", True),
        (rf"(SharedAccessSignature\s*{_EQUALS})[^;\s\"'<>]+", rf"\1{HIDDEN}", True),
        (
            rf"({_START}(?:Account_?Key|SharedAccessKey|client_?secret|access_?token|refresh_?token|password|pwd)\s*{_EQUALS})"
            rf"\s*{_VALUE}",
            rf"\1{HIDDEN}",
            True,
        ),
        (r"(\bBearer\s+)[\w.~+/-]{8,}=*", rf"\1{HIDDEN}", True),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", HIDDEN, False),
        (
            r"([:;]//+|%3A%2F%2F|\b(?:https?|tcp|tls|ucx|wss?|abfss?|wasbs?)[:;]?/+)[^\s\"'<>]*(?:@|%40)",
            rf"\1{HIDDEN}@",
            True,
        ),
        # a slash may stand before it: it got into the path of a folder
        (rf"(?<![A-Za-z0-9+]){_SIGN}{{86}}(?:==|%3D%3D)", HIDDEN, True),  # 64 bytes: a key of a storage account
        # 32 bytes: the signature of a SAS; what goes on after the sign = is a folder such as location=plant
        (rf"(?<![A-Za-z0-9+])(?=\S*[A-Z])(?=\S*[a-z])(?=\S*\d){_SIGN}{{43}}{_EQUALS}(?![=\w%])", HIDDEN, False),
        (r"(?<![\w~.-])[\w~.]{3}\dQ~[\w~.-]{31,34}", HIDDEN, False),
    )
)
_HINT = re.compile(r"[=@~]|%3D|%40|eyJ|bearer", re.IGNORECASE)
"""What every shape has a sign of: most texts have none, and cost one search."""

_known: set[str] = set()


def register_secret(value: str) -> None:
    """Hide a value from now on, wherever it stands, also percent-encoded or with its parts alone."""
    parts = {value.strip(), *(part.partition("=")[2] for part in re.split(r"[;&?]", value) if _is_secret_part(part))}
    for part in parts:
        for form in (part, unquote(part)):
            _known.update(
                text
                for text in (form, quote(form), quote(form, safe=""), quote_plus(form), repr(form)[1:-1])
                if len(text) >= SHORTEST
            )


def register_secrets(values: Iterable[str]) -> None:
    """Hide several values."""
    for value in values:
        register_secret(value)


def _is_secret_part(part: str) -> bool:
    return part.partition("=")[0].strip().lower() in ("sig", "accountkey", "sharedaccesssignature", "sharedaccesskey")


def redacted(text: str) -> str:
    """The text, with asterisks in place of every secret in it."""
    for value in sorted((value for value in _known if value in text), key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    if _HINT.search(text):
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
    return text


def looks_secret(text: str) -> bool:
    """Whether a text holds what has the shape of a secret, or is a known one."""
    return redacted(text) != text

"""Names from data become paths here, and paths become names again.

Both ways of encoding are injective and reversible, never leave the folder they are joined to, and give names that
every file system takes. What is encoded is percent-encoded UTF-8, as in URLs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from src.common.errors import DataError

MAX_NAME_BYTES = 200  # file systems take 255; temporary names and prefixes need room
_KEY_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_FILE_SAFE = _KEY_SAFE | frozenset(b". +,;=@()[]{}'!#$&~^")
_DEVICES = re.compile(r"(con|conin\$|conout\$|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"  # read as a missing value, also when it is percent-encoded


@lru_cache(maxsize=1 << 16)
def encode_key(value: str) -> str:
    """Encode the value of a key (such as a product id) for a folder name. Dots are encoded too.

    Raises:
        DataError: The value is empty, too long for a folder's name, or hive's own word for a missing value.
    """
    encoded = _percent_encode(value, safe=_KEY_SAFE)
    if not encoded or len(encoded) > MAX_NAME_BYTES or encoded == _HIVE_NULL:
        raise DataError(
            "an id can't be used as a folder's name",
            where="ids become folders such as product_id=7",
            found=repr(value),
            expected=f"1 to {MAX_NAME_BYTES} bytes after percent-encoding, not {len(encoded)}; not {_HIVE_NULL}",
            hint="correct the id in the export, or name another column in location.yml",
        )
    return encoded


def group_name(location: str, product_id: str) -> str:
    """The relative folder of a group, hive-style: ``location=l/product_id=p``."""
    return f"location={encode_key(location)}/product_id={encode_key(product_id)}"


def group_of(path: Path) -> tuple[str, str]:
    """Turn a group's folder back into (location, product_id).

    Raises:
        DataError: The path does not end in such a folder.
    """
    location_part, product_part = path.parts[-2:] if len(path.parts) > 1 else ("", "")
    location = location_part.removeprefix("location=")
    product = product_part.removeprefix("product_id=")
    if location == location_part or product == product_part:
        raise DataError(
            "not the folder of a group", where=path, expected="…/location=<location>/product_id=<product_id>"
        )
    try:
        return unquote(location, errors="strict"), unquote(product, errors="strict")
    except UnicodeDecodeError:
        raise DataError("the folder of a group has a name that can't be decoded", where=path) from None


def safe_relative_path(name: str) -> str:
    """Turn any blob's or file's name into a relative path with forward slashes that every system takes.

    Ordinary names stay as they are, with the letters of all languages. Encoded are: characters that a file system
    refuses, ``%`` itself, the parts ``.`` and ``..`` and empty ones, a leading dot, a trailing dot or space, and the
    device names of Windows.

    Raises:
        DataError: A part of the name is too long.
    """
    parts = [_safe_part(part) for part in name.split("/")]
    for part in parts:
        if len(part.encode()) > MAX_NAME_BYTES:
            raise DataError(
                "a name is too long for a file",
                where=name,
                found=f"{len(part.encode())} bytes between two slashes",
                expected=f"at most {MAX_NAME_BYTES}",
                hint="rename it at its source",
            )
    return "/".join(parts)


def original_name(safe: str) -> str:
    """The name that `safe_relative_path` was given."""
    return "/".join("" if part == "%" else unquote(part, errors="strict") for part in safe.split("/"))


def refuse_look_alikes(names: Iterable[str], *, what: str, where: object) -> None:
    """Refuse names that some file systems would take for one: they differ only in case or Unicode form.

    Raises:
        DataError: Two such names exist; both are named.
    """
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        other = seen.setdefault(folded, name)
        if other != name:
            raise DataError(
                f"two {what} differ only in case",
                where=where,
                found=f"{other!r} and {name!r}",
                expected=f"{what} that Windows and macOS can tell apart",
                hint="if they are the same, write them the same way in the export; else rename one",
            )


def appearance(text: str) -> str:
    """What a person sees of a text: invisible characters gone, all spaces alike, compatible letters (µ and μ) alike."""
    plain = unicodedata.normalize("NFKC", text)
    return " ".join("".join(char for char in plain if unicodedata.category(char) != "Cf").split())


def refuse_twins(names: Iterable[str], *, what: str, where: object) -> None:
    """Refuse names that a person can't tell apart: they differ in invisible characters, spaces, or look-alike letters.

    Raises:
        DataError: Two such names exist; both are shown with the codes of their characters.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(appearance(name), name) if name else name
        if other != name:
            raise DataError(
                f"two {what} look the same",
                where=where,
                found=f"{other!a} and {name!a}",
                expected=f"{what} that people can tell apart",
                hint="if they are the same, write them the same way in the export; else rename one",
            )


def _safe_part(part: str) -> str:
    if not part:
        return "%"  # never what percent-encoding gives, so it can stand for an empty part
    # a file system may normalise a decomposed name: it would come back as another one
    keep_letters = unicodedata.is_normalized("NFC", part)
    encoded = "".join(
        char if keep_letters and not char.isascii() and char.isalnum() else _percent_encode(char, safe=_FILE_SAFE)
        for char in part
    )
    if encoded[0] == "." or _DEVICES.fullmatch(encoded):
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if encoded[-1] in ". ":
        encoded = f"{encoded[:-1]}%{ord(encoded[-1]):02X}"
    return encoded


def _percent_encode(text: str, *, safe: frozenset[int]) -> str:
    try:
        data = text.encode()
    except UnicodeEncodeError:  # how Linux shows a file's name that is not UTF-8
        raise DataError("a name that is no Unicode can't be used", found=repr(text), hint="rename it") from None
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in data)

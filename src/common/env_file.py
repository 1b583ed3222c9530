"""Files such as ``.env``: every line is a comment or ``NAME=value``, and anything else is named, without its value."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from contextlib import suppress
from io import StringIO
from pathlib import Path

from src.common.errors import SettingsError, did_you_mean

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NAME = re.compile(r"\s*(?:(?:export|setx?|\$env:)\s*)?([A-Za-z_]\w*)")


def read_env_file(path: Path, known: Iterable[str]) -> dict[str, str]:
    """Read the variables of a file; none where there is no file.

    Args:
        path: The file.
        known: The names that it may hold.

    Raises:
        SettingsError: It is no such file, or lines of it can't be read, stand twice, or set what is not known.
    """
    if not path.exists() and not path.is_symlink():
        return {}
    if not path.is_file():
        raise SettingsError(
            f"{path.name} can't be read",
            where=path,
            found="a folder" if path.is_dir() else "no file, or a link that leads nowhere",
            expected="a file with lines such as TRAIN_FOLDS=10",
            hint="move it away",
        )
    values, problems = _parse(_text(path), tuple(known))
    if problems:
        raise SettingsError("\n".join(problems), where=path, hint="correct or remove these lines")
    return values


def _text(path: Path) -> str:
    content = path.read_bytes()
    text = None
    if not content.startswith(_UTF16) and b"\0" not in content:
        with suppress(UnicodeDecodeError):
            text = content.decode("utf-8-sig")  # editors on Windows add the mark
    if text is None:
        raise SettingsError("the file is not UTF-8", where=path, hint="save it as UTF-8")
    return text


def _parse(text: str, known: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems = []
    for binding in parse_stream(StringIO(text)):
        written = binding.original.string
        line = binding.original.line + _blank_lines(written)
        name = binding.key
        if binding.error or (name is not None and binding.value is None):
            problems.append(f"line {line} {_what_is_wrong(written.lstrip(), known)}")
        elif name is not None and name not in known:
            problems.append(f"line {line}: unknown variable {_shown(name, known)}")
        elif name is not None and name in values:
            problems.append(f"line {line}: {name} stands in line {lines[name]} already")
        elif name is not None:
            values[name], lines[name] = binding.value or "", line
    return values, problems


def _blank_lines(written: str) -> int:
    start = written[: len(written) - len(written.lstrip())]
    return len(re.findall(r"\r\n|\r|\n", start))


def _what_is_wrong(written: str, known: tuple[str, ...]) -> str:
    """What is wrong with a line, without showing a value: it may be a secret."""
    found = _NAME.match(written)
    if found is None:
        return "holds no name, expected NAME=value"
    name, rest = found[1], written[found.end() :].lstrip(" \t")
    named = f"({_shown(name, known)})"
    if not rest.startswith("="):
        return f"{named} has no = after the name, expected NAME=value"
    value = rest[1:].lstrip(" \t")
    if value[:1] in ("'", '"'):
        return f"{named} has a quote that does not close, or something after it"
    return f"{named} can't be read, expected NAME=value"


def _shown(name: str, known: tuple[str, ...]) -> str:
    """A name and what was meant; what is no name of a variable may be part of a secret."""
    near = "" if name in known else did_you_mean(name, known)
    plain = name in known or near or re.fullmatch(r"[A-Z_][A-Z0-9_]{0,40}", name)
    return f"{name}{near}" if plain else "with a name that is not shown"

"""What an Azure DevOps agent takes from the lines that a program prints.

Written after the agent's source, https://github.com/microsoft/azure-pipelines-agent: ``ProcessInvoker.cs`` reads lines
with ``StreamReader.ReadLine``, which ends them at ``\\r``, ``\\n`` and ``\\r\\n``; ``Command.cs`` looks for the prefix
anywhere in a line, by the rules of the current culture, to which what is ignorable in the Unicode Collation Algorithm
counts as nothing; ``Logging.cs`` looks for ``##[group]`` whatever its case; the page of a log formats ``##[``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command as the agent reads it."""

    name: str
    properties: dict[str, str]
    message: str


def lines_of(printed: str) -> list[str]:
    """The lines that ``StreamReader.ReadLine`` gives."""
    return re.split(r"\r\n|\r|\n", printed)


def looks_like_command(line: str) -> bool:
    """Whether a line could be taken for a command; all that is not a printable sign of ASCII may count as nothing."""
    plain = re.sub(r"[^\x20-\x7e]", "", line).lower()
    return "##vso" in plain or "##[" in plain


def parse(line: str) -> Command | None:
    """``Command.TryParse`` with ``DECODE_PERCENTS``, which is on since March 2021."""
    start = line.find("##vso[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, given = line[start + len("##vso[") : end].partition(" ")
    if len([part for part in name.split(".") if part]) != 2:
        return None
    pairs = [pair.split("=", 1) for pair in given.split(";") if "=" in pair]
    properties = {key: _unescaped(value) for key, value in pairs if key and value}
    return Command(name, properties, _unescaped(line[end + 1 :]))


def _unescaped(text: str) -> str:
    for code, sign in (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")):
        text = text.replace(code, sign)
    return text

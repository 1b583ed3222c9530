"""What we mean to say to an Azure DevOps agent, and how nothing else is taken for it.

An agent reads commands from every line that a program prints, on both streams
(https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands). A line is a command when ``##vso[``
stands anywhere in it. The agent looks for that by the rules of a culture, to which many invisible characters count as
nothing; and it ends a line at a carriage return, too (``src/Microsoft.VisualStudio.Services.Agent/Command.cs`` and
``src/Agent.Sdk/ProcessInvoker.cs`` of https://github.com/microsoft/azure-pipelines-agent).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from src.common.redaction import redacted

_UNSEEN = r"[^\x20-\x7e\n\t]*"
"""What may stand between the signs of a command: any of it may count as nothing."""
_COMMAND = re.compile(
    rf"#(?={_UNSEEN}#{_UNSEEN}(?:\[|{_UNSEEN.join('vso')}))",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, separators of lines, and what turns the direction of writing."""


def under_azure_devops() -> bool:
    """Whether an Azure DevOps agent runs this process."""
    return os.environ.get("TF_BUILD", "").lower() == "true"


def neutralised(text: str) -> str:
    """A text in which an agent finds no command, and a terminal no control character; lines stay lines."""
    text = _CONTROL.sub(_visible, text.replace("\r\n", "\n"))
    return _COMMAND.sub("# ", text)


def _visible(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")


def log_issue(kind: Literal["error", "warning"], message: str) -> None:
    """Show an error or a warning on the page of the build. The agent keeps ten of each for a step."""
    _command("task.logissue", {"type": kind}, message)


def set_progress(percent: int, what: str) -> None:
    """Show how far the step is, in percent."""
    _command("task.setprogress", {"value": str(percent)}, what)


def set_variable(name: str, value: str, *, output: bool = False, secret: bool = False) -> None:
    """Set a variable for the steps that follow; an output variable also for other jobs and stages."""
    properties = {"variable": name}
    properties |= {"isOutput": "true"} if output else {}
    properties |= {"issecret": "true"} if secret else {}
    _command("task.setvariable", properties, value, hide=not secret)


def upload_summary(file: Path) -> None:
    """Show a file in Markdown on the page of the build."""
    _command("task.uploadsummary", {}, str(file.resolve()))


def add_build_tag(tag: str) -> None:
    """Add a tag to the build. A tag can't have a colon."""
    _command("build.addbuildtag", {}, tag.replace(":", "-"))


def complete(result: Literal["Succeeded", "SucceededWithIssues", "Failed"], message: str = "") -> None:
    """Say how the step ends."""
    _command("task.complete", {"result": result}, message)


@contextmanager
def group(title: str) -> Iterator[None]:
    """Fold what is printed meanwhile under a title; elsewhere the title is a line."""
    if not under_azure_devops():
        print(f"--- {title}", flush=True)
        yield
        return
    _send(f"##[group]{' '.join(neutralised(redacted(title)).split())}")
    try:
        yield
    finally:
        _send("##[endgroup]")


def _command(name: str, properties: dict[str, str], message: str, *, hide: bool = True) -> None:
    if not under_azure_devops():
        return
    # a message is shown by the agent: it may not hold a second command, either
    shown = neutralised(redacted(message)) if hide else message
    given = ";".join(f"{key}={_escaped(value)}" for key, value in properties.items())
    _send(f"##vso[{name}{' ' if given else ''}{given}]{_escaped(shown)}")


def _escaped(text: str) -> str:
    """As the agent reads it back (its ``docs/design/percentEncoding.md``)."""
    text = text.replace("%", "%AZP25")
    for sign, code in ((";", "%3B"), ("\r", "%0D"), ("\n", "%0A"), ("]", "%5D")):
        text = text.replace(sign, code)
    return text


def _send(line: str) -> None:
    """Write a command past the guard of standard output, on a line of its own."""
    stream: Any = sys.stdout
    while hasattr(stream, "unguarded"):
        stream.end_line()
        stream = stream.unguarded
    stream.write(line + "\n")
    stream.flush()

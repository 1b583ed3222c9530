"""Log commands: how a script talks to Azure DevOps.

https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.expressions import NotPlayedError, Result

_COMMAND = re.compile(r"##vso\[([a-z]+\.[a-z]+)((?: [^\]]*)?)\](.*)", re.IGNORECASE)
IGNORED = ("task.setprogress", "build.addbuildtag", "task.uploadsummary")


@dataclass
class Heard:
    """What a script has told Azure DevOps.

    Attributes:
        outputs: Output variables, for other jobs.
        variables: Variables for the steps that follow.
        warnings: Warnings.
        errors: Errors.
        tags: Tags of the build.
        result: What the script says that its step ended as; None if it does not.
    """

    outputs: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    result: Result | None = None

    def line(self, text: str) -> None:
        """Listen to a line of a script's output.

        Raises:
            NotPlayedError: It is a command that is not played.
        """
        match = _COMMAND.search(text)
        if match is None:
            if "##vso[" in text:
                raise NotPlayedError(f"this is no log command: {text}")
            return
        command, properties, message = match.group(1).lower(), _properties(match.group(2)), match.group(3)
        try:
            self._command(command, properties, message)
        except (KeyError, ValueError) as error:
            raise NotPlayedError(f"the log command {command} lacks a property, or has a wrong one: {text}") from error

    def _command(self, command: str, properties: Mapping[str, str], message: str) -> None:
        if command == "task.setvariable":
            if properties.keys() - {"variable", "isoutput"}:
                raise ValueError("a secret, for example, which would have to be kept from the scripts")
            kept = self.outputs if properties.get("isoutput", "").lower() == "true" else self.variables
            kept[properties["variable"]] = message
        elif command == "task.logissue":
            {"error": self.errors, "warning": self.warnings}[properties["type"]].append(message)
        elif command == "task.complete":
            self.result = Result(properties["result"])
        elif command == "build.addbuildtag":
            self.tags.append(message)
        elif command not in IGNORED:
            raise NotPlayedError(f"the log command {command} is not played")


def _properties(text: str) -> dict[str, str]:
    pairs = (part.split("=", maxsplit=1) for part in text.strip().split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, value in pairs}

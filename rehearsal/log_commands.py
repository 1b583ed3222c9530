"""Log commands: how a script talks to the agent.

https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.results import NotPlayedError, Result, merged
from rehearsal.variables import Variable

PREFIX = "##vso["
ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))
"""https://github.com/microsoft/azure-pipelines-agent/blob/master/docs/design/percentEncoding.md"""
SHOWN_ELSEWHERE = ("task.setprogress", "task.uploadsummary", "task.debug", "task.addattachment", "task.uploadfile")


@dataclass(frozen=True)
class Command:
    """A log command."""

    name: str
    properties: Mapping[str, str]
    data: str


def parsed(line: str) -> Command | None:
    """The command in a line, wherever in it it begins; None where there is none."""
    start = line.find(PREFIX)
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, properties = line[start + len(PREFIX) : end].partition(" ")
    if len([part for part in name.split(".") if part]) != 2:
        return None
    pairs = (part.partition("=") for part in properties.split(";"))
    found = {key.lower(): _unescaped(value) for key, _, value in pairs if key and value}
    return Command(name.lower(), found, _unescaped(line[end + 1 :]))


def _unescaped(text: str) -> str:
    for escape, sign in ESCAPES:
        text = text.replace(escape, sign)
    return text


@dataclass
class Heard:
    """What a step has told the agent.

    Attributes:
        variables: Variables that it set, in their order.
        outputs: Output variables, by name.
        warnings: Warnings.
        errors: Errors.
        tags: Tags of the run.
        result: What it says that it ended as; None if it does not.
        secrets: Values that no log may show from here on.
        path: Folders for the front of the path of the steps that follow.
        notes: What the rehearsal has to say of it.
    """

    variables: list[Variable] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    result: Result | None = None
    secrets: set[str] = field(default_factory=set)
    path: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ends(self, result: Result, error: str = "") -> Heard:
        """Note one more word about how it ended, and why."""
        self.result = merged(self.result, result)
        self.errors += [error] if error else []
        return self

    def line(self, text: str) -> None:
        """Listen to a line of a step's output, from whichever of its streams.

        Raises:
            NotPlayedError: It is a command that is not played.
        """
        command = parsed(text)
        if command is not None:
            try:
                self._obey(command)
            except (KeyError, ValueError) as error:
                raise NotPlayedError(
                    f"the log command {command.name} lacks a property, or has a wrong one: {text}"
                ) from error
        elif "##vso" in text:
            self.warnings.append(f"'{text}' contains logging command keyword '##vso', but it's not a legal command.")

    def _obey(self, command: Command) -> None:
        properties, data = command.properties, command.data
        match command.name:
            case "task.setvariable":
                self._variable(properties, data)
            case "task.setsecret":
                self.secrets |= {data} - {""}
            case "task.logissue":
                {"error": self.errors, "warning": self.warnings}[properties["type"].lower()].append(data)
            case "task.complete":
                self.result = merged(self.result, Result(properties["result"]))
            case "task.prependpath":
                self.path.append(data)
            case "build.addbuildtag":
                self.tags.append(data)
            case _ if command.name not in SHOWN_ELSEWHERE:
                raise NotPlayedError(f"the log command {command.name} is not played")

    def _variable(self, properties: Mapping[str, str], data: str) -> None:
        secret, output, readonly = (
            properties.get(key, "").lower() == "true" for key in ("issecret", "isoutput", "isreadonly")
        )
        if secret:
            if "\n" in data:
                raise ValueError("a secret of several lines")
            self.secrets |= {data} - {""}
        if output:
            self.outputs[properties["variable"]] = data
        self.variables.append(Variable(properties["variable"], data, secret=secret, readonly=readonly or output))

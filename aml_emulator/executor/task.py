"""What the executor runs: tasks, where their data comes from and where it goes.

Neutral: no word of how a client describes it. A front (as :mod:`aml_emulator.v1.graph`) compiles what its SDK
sends into tasks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aml_emulator.errors import EmulatorError


class PlanError(EmulatorError):
    """Something that cannot be run; the message says why."""


@dataclass(frozen=True)
class NodeOutput:
    """Data that another task of the same run writes."""

    node: str
    port: str


@dataclass(frozen=True)
class DatasetSource:
    """A saved dataset, or the version (or latest) of a registered one."""

    saved: str | None = None
    dataset: str | None = None
    name: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class PathSource:
    """A path on a datastore."""

    datastore: str
    path: str


Source = NodeOutput | DatasetSource | PathSource


@dataclass(frozen=True)
class InputPort:
    """One input of a task: its name, how it is delivered (mount, download, direct), where it comes from."""

    name: str
    mode: str
    source: Source | None
    path_on_compute: str | None = None


@dataclass(frozen=True)
class OutputPort:
    """One output of a task: where it goes, and what it is registered as when the task is done."""

    name: str
    kind: str
    datastore: str
    path: str
    is_folder: bool
    registration: dict[str, Any] | None = None


@dataclass(frozen=True)
class InputPath:
    """Stands in an argument for what an input is delivered as: a local path, or the id of a dataset."""

    name: str


@dataclass(frozen=True)
class OutputPath:
    """Stands in an argument for the local path of an output."""

    name: str


Argument = str | InputPath | OutputPath | tuple["Argument", ...]
"""One argument of a script; a tuple is its pieces, joined."""


@dataclass(frozen=True)
class Task:
    """One thing to run.

    Attributes:
        id: Its id within the run.
        name: Its name.
        kind: What its author calls it, as in ``PythonScriptStep``.
        code: Id of the snapshot of its source folder.
        script: The Python script, relative to the source folder; None where there is none.
        command: The program that runs in the place of a script.
        spread: Whether the script's functions are called for mini-batches, in several processes.
        arguments: The script's arguments.
        variables: The environment variables that its author asks for.
        parameters: The parameters that its author declared, with their values.
        inputs: Where its data comes from.
        outputs: Where its data goes.
        after: Ids of the tasks that must be finished first.
        retries: How often it is tried again after a failure.
        limit_seconds: How long it may take; None is for ever.
        nodes: How many machines it asks for.
        target: The compute that it asks for.
        reusable: Whether an earlier result may be taken.
        definition: All that decides what it does, beside its code and its data.
        not_imitated: What it asks for and one machine cannot give.
        properties: What its run has as properties.
        run_definition: What its run shows as its configuration.
    """

    id: str
    name: str
    kind: str
    code: str
    script: str | None
    command: str | None = None
    spread: bool = False
    arguments: tuple[Argument, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    inputs: tuple[InputPort, ...] = ()
    outputs: tuple[OutputPort, ...] = ()
    after: frozenset[str] = frozenset()
    retries: int = 0
    limit_seconds: float | None = None
    nodes: int = 1
    target: str | None = None
    reusable: bool = False
    definition: Mapping[str, Any] = field(default_factory=dict)
    not_imitated: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    run_definition: Mapping[str, Any] = field(default_factory=dict)

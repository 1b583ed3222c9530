"""What a pipeline run is made of, resolved: steps, where their data comes from and where it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aml_emulator.errors import EmulatorError


class PlanError(EmulatorError):
    """A graph that cannot be run; the message says why."""


@dataclass(frozen=True)
class NodeOutput:
    """Data that another node of the same run writes."""

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
    """One input of a node: its name, how it is delivered (mount, download, direct), where it comes from."""

    name: str
    mode: str
    source: Source | None
    path_on_compute: str | None = None


@dataclass(frozen=True)
class OutputPort:
    """One output of a node: where it goes, and what it is registered as when the node is done."""

    name: str
    kind: str
    datastore: str
    path: str
    is_folder: bool
    registration: dict[str, Any] | None = None


@dataclass(frozen=True)
class Node:
    """One step of a run.

    Attributes:
        id: Id of the node in the graph.
        name: Name of the step.
        module: The module's document.
        parameters: The module's parameters, pipeline parameters put in.
        inputs: Where its data comes from.
        outputs: Where its data goes.
        after: Ids of the nodes that must be finished first.
        runconfig: The run configuration that the step was built with.
        reusable: Whether an earlier result may be taken.
    """

    id: str
    name: str
    module: dict[str, Any]
    parameters: dict[str, str | None]
    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]
    after: frozenset[str]
    runconfig: dict[str, Any] = field(default_factory=dict)
    reusable: bool = False

    @property
    def structured(self) -> dict[str, Any]:
        """How the module was defined: its ports, parameters and arguments."""
        return self.module["StructuredInterface"]  # type: ignore[no-any-return]

    @property
    def snapshot(self) -> str:
        """Id of the snapshot of its source folder."""
        return str(self.module["DataLocation"]["StorageId"])

"""A pipeline's stages, jobs and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.pools import Pool

SUCCEEDED = "succeeded()"
CHECKOUT = "checkout"


@dataclass(frozen=True)
class Entry:
    """A variable, or a group of them."""

    name: str = ""
    value: str = ""
    group: str = ""
    readonly: bool = False


@dataclass(frozen=True)
class Step:
    """A task of Azure DevOps with its inputs; a script is one, too.

    Attributes:
        task: Its name and version, or `CHECKOUT`.
        timeout: In minutes; 0 is none.
        retries: How often it is tried again when it fails.
    """

    task: str
    title: str
    name: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    condition: str = SUCCEEDED
    env: Mapping[str, str] = field(default_factory=dict)
    continue_on_error: bool = False
    timeout: int = 0
    retries: int = 0

    @property
    def script(self) -> str:
        """What it runs, if it is a script."""
        return self.inputs.get("script", self.inputs.get("inlineScript", ""))


@dataclass(frozen=True)
class Job:
    """Steps that run one after the other, on an agent or (`pool.server`) without one.

    Attributes:
        timeout: In minutes, as the YAML has it; None where it says nothing.
        environment: What a deployment job deploys to; empty for a job of the other kind.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    pool: Pool
    depends_on: tuple[str, ...] = ()
    condition: str = SUCCEEDED
    variables: tuple[Entry, ...] = ()
    timeout: int | None = None
    continue_on_error: bool = False
    environment: str = ""


@dataclass(frozen=True)
class Stage:
    """Jobs, in an order in which each stands behind what it depends on."""

    name: str
    title: str
    jobs: tuple[Job, ...]
    depends_on: tuple[str, ...] = ()
    condition: str = SUCCEEDED
    variables: tuple[Entry, ...] = ()
    lock: str = ""


@dataclass(frozen=True)
class Definition:
    """A pipeline, compiled for one run.

    Attributes:
        file: Where it lies.
        stages: In an order in which each stands behind what it depends on.
        entries: Its variables and groups.
        document: What it was read from, with its triggers.
    """

    file: Path
    stages: tuple[Stage, ...]
    entries: tuple[Entry, ...]
    document: Mapping[str, Any]

    @property
    def variables(self) -> dict[str, str]:
        """The values that it sets at its root, by name."""
        return {entry.name: entry.value for entry in self.entries if not entry.group}

    @property
    def groups(self) -> tuple[str, ...]:
        """The variable groups that it takes, anywhere."""
        owners = (self.entries, *(stage.variables for stage in self.stages), *(job.variables for job in self.jobs()))
        return tuple(dict.fromkeys(entry.group for entries in owners for entry in entries if entry.group))

    def jobs(self) -> tuple[Job, ...]:
        """Its jobs, of all stages."""
        return tuple(job for stage in self.stages for job in stage.jobs)

"""What a pipeline's last run left: which steps are done, with what, and a lock so that only one runs at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from src.common.errors import SettingsError
from src.common.files import atomic_write
from src.common.folder_lock import holder_of, take_lock
from src.common.sealed_json import seal, unseal

FORMAT = 2


@dataclass(frozen=True)
class StepRecord:
    """A finished step.

    Attributes:
        depends_on: Digests of what it was run with, by what people call it, such as ``code``.
        outputs: Digests of the folders that it wrote, by argument.
    """

    depends_on: dict[str, str]
    outputs: dict[str, str]


@dataclass
class RunState:
    """The records of a pipeline's steps, in a file that is written after each step."""

    path: Path
    steps: dict[str, StepRecord] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def load(cls, path: Path) -> RunState:
        """Read the file. One that can't be read is no harm: all steps run, and `problem` says why."""
        try:
            document = unseal(path.read_bytes())
            if document["format"] != FORMAT:
                return cls(path, problem=f"{path} has another format")
            return cls(path, {name: _step_record(record) for name, record in document["steps"].items()})
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path, problem=f"{path} can't be read")

    def record(self, step: str, record: StepRecord) -> None:
        """Note a finished step."""
        self.steps[step] = record
        self._save()

    def forget(self, step: str) -> None:
        """Note that a step is about to run: until it has finished, its last record counts no more."""
        if self.steps.pop(step, None) is not None:
            self._save()

    def _save(self) -> None:
        document = {"format": FORMAT, "steps": {name: asdict(record) for name, record in self.steps.items()}}
        atomic_write(self.path, seal(document))


def _step_record(document: Mapping[str, Mapping[str, str]]) -> StepRecord:
    return StepRecord(depends_on=dict(document["depends_on"].items()), outputs=dict(document["outputs"].items()))


@contextmanager
def only_one_run(path: Path) -> Iterator[int | None]:
    """Hold the lock of a pipeline; the system lets go of it when the process ends, however it ends.

    Yields:
        The lock's file descriptor, to be inherited by the steps: should the runner be killed while a step goes on, no
        other run starts before it has ended. None on Windows, where steps end with their console.

    Raises:
        SettingsError: Another run holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not take_lock(descriptor):
            raise SettingsError(
                "another run of this pipeline is going on",
                where=path,
                found=f"process {holder_of(path)}, or a step that it started",
                hint="wait for it to end, or end it",
            )
        yield None if sys.platform == "win32" else descriptor
    finally:
        os.close(descriptor)

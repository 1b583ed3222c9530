"""What the executor needs of the emulator around it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """Where tasks run.

    Attributes:
        folder: Folder that has one folder for each run.
        python: The interpreter that scripts run in.
        processes: How many tasks run at the same time.
        base_url: Address of the emulator.
        variables: Variables that lead a process to the emulator.
        token: Gives a token for the processes of a run, and when it expires (seconds since 1970).
    """

    folder: Path
    python: str
    processes: int
    base_url: str
    variables: Mapping[str, str]
    token: Callable[[str], tuple[str, int]]

    def folder_of(self, run: str) -> Path:
        """Return the folder of a run."""
        return self.folder / run

    def log_of(self, run: str, name: str = "driver") -> Path:
        """Return the file of what a run writes: ``stdout``, ``stderr``, or both in ``driver``."""
        return self.folder_of(run) / "logs" / f"{name}.txt"

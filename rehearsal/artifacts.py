"""What a run has published: a name is taken once, for all attempts of the run.

https://learn.microsoft.com/azure/devops/pipelines/artifacts/pipeline-artifacts
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from rehearsal.results import NotPlayedError


@dataclass(frozen=True)
class Artifacts:
    """The artifacts of a run, each a folder."""

    folder: Path

    def names(self) -> list[str]:
        """What is there."""
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []

    def publish(self, name: str, source: Path) -> str:
        """Keep a file, or what is in a folder. Returns an error, if there is one."""
        if not name or set(name) & set('\\/"<>|:*?'):
            raise NotPlayedError(f"an artifact without a name, or with one that can't be: {name!r}")
        if not source.exists():
            return f"Path does not exist: {source}"
        if name.lower() in map(str.lower, self.names()):
            return f"Artifact {name} already exists for this run."
        place = self.folder / name
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            place.mkdir(parents=True)
            shutil.copy2(source, place)
        return ""

    def download(self, name: str, target: Path) -> str:
        """Put an artifact into a folder; one with its name, unless the folder is its own. Returns an error, if any."""
        if name not in self.names():
            return f"Artifact {name} was not found for this run."
        shutil.copytree(self.folder / name, target, dirs_exist_ok=True)
        return ""

"""The folders of a job, and the checkout in them.

https://learn.microsoft.com/azure/devops/pipelines/process/phases#workspace
https://learn.microsoft.com/azure/devops/pipelines/repos/pipeline-options-for-git
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

LEFT_BEHIND = (".git", ".venv", "node_modules", ".env.local")


@dataclass(frozen=True)
class Workspace:
    """The folders of a job, as a hosted agent has them."""

    folder: Path

    @property
    def sources(self) -> Path:
        """`Build.SourcesDirectory`."""
        return self.folder / "s"

    def variables(self) -> dict[str, str]:
        """The predefined variables that name the folders."""
        named = {
            "Agent.BuildDirectory": self.folder,
            "Agent.TempDirectory": self.folder / "_temp",
            "Agent.ToolsDirectory": self.folder / "_tool",
            "Agent.WorkFolder": self.folder,
            "Build.ArtifactStagingDirectory": self.folder / "a",
            "Build.BinariesDirectory": self.folder / "b",
            "Build.Repository.LocalPath": self.sources,
            "Build.SourcesDirectory": self.sources,
            "Build.StagingDirectory": self.folder / "a",
            "Common.TestResultsDirectory": self.folder / "TestResults",
            "Pipeline.Workspace": self.folder,
            "System.ArtifactsDirectory": self.folder / "a",
            "System.DefaultWorkingDirectory": self.sources,
        }
        return {name: str(path) for name, path in named.items()}


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Make the folders of a job, and delete them at the end."""
    with TemporaryDirectory(prefix="agent-", ignore_cleanup_errors=True) as temporary:
        made = Workspace(Path(temporary).resolve())
        for path in made.variables().values():
            Path(path).mkdir(exist_ok=True)
        yield made


def check_out(root: Path, sources: Path) -> list[str]:
    """Clone the commit that is checked out, and put the changes of tracked files on top of it.

    Files that Git does not track are not there, as on an agent. The clone has one commit, as a new pipeline's has.

    Returns:
        What is not as it would be for a push of the commit alone: changed files, and files that are left out.
    """
    if not (root / ".git").exists():  # a download of the files alone
        shutil.copytree(root, sources, ignore=shutil.ignore_patterns(*LEFT_BEHIND), dirs_exist_ok=True)
        return []
    git(root.parent, "clone", "--quiet", "--depth=1", "--no-local", root.resolve().as_uri(), str(sources))
    changed = _names(git(root, "diff", "--name-only", "-z", "HEAD"))
    for name in changed:
        (sources / name).unlink(missing_ok=True)
        if (root / name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, sources / name)
    untracked = _names(git(root, "ls-files", "--others", "--exclude-standard", "-z"))
    notes = [f"{len(changed)} files have changes that are not committed: {', '.join(changed[:3])}"] if changed else []
    return notes + ([f"{len(untracked)} files are not tracked, so they are left out"] if untracked else [])


def git(folder: Path, *arguments: str) -> str:
    """Run Git and return what it prints.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode()


def _names(listed: str) -> list[str]:
    return [name for name in listed.split("\0") if name]

"""A copy of the whole project, in which anything may be changed, and commands that run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from src.common.settings import PROJECT_ROOT

LEFT_BEHIND = (".git", ".venv", "node_modules", ".env.local", "__pycache__", ".hypothesis", ".*_cache", "*.egg-info")
RESULTS = ("DataPrep_inputs", "DataPrep_outputs", "Training_Output", "outputs")


def copy_project(target: Path) -> Path:
    """Copy the project without what it made; its Node programs are linked."""

    def left_behind(folder: str, names: list[str]) -> set[str]:
        results = set(RESULTS) if Path(folder) == PROJECT_ROOT else set()
        return results | set(shutil.ignore_patterns(*LEFT_BEHIND)(folder, names))

    shutil.copytree(PROJECT_ROOT, target, ignore=left_behind)
    if (PROJECT_ROOT / "node_modules").is_dir():
        (target / "node_modules").symlink_to(PROJECT_ROOT / "node_modules")
    return target


def run_in(root: Path, *arguments: str) -> str:
    """Run Python in the copy. Returns what it printed.

    Raises:
        AssertionError: It failed.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def run_tests(root: Path, *tests: str) -> str:
    """Run tests in the copy. Returns what pytest printed."""
    return run_in(root, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *tests)


def files_in(root: Path) -> dict[str, bytes]:
    """The content of every file by its path, but for Node's."""
    paths = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}

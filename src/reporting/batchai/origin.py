"""Which source code made a report."""

from __future__ import annotations

import subprocess

from src.common.settings import PROJECT_ROOT


def commit(source_version: str) -> str:
    """The commit: that of the build, else that of the working copy; empty where nobody knows.

    Args:
        source_version: The commit of the build, if it is one. A working copy that differs from its commit is marked.
    """
    if source_version:
        return source_version
    found = _git("rev-parse", "HEAD")
    return f"{found}, with changes" if found and _git("status", "--porcelain", "--untracked-files=no") else found


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

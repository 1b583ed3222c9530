"""When something was made, and by which source code."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timezone

from src.common.settings import PROJECT_ROOT

REGISTERED_AS = "registered_as"
"""The fact with the name and version under which a copy of a model is registered."""
EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
"""Where it is set, in seconds since 1970, it stands for the time: two builds from the same then have the same bytes
(https://reproducible-builds.org/specs/source-date-epoch)."""


def made_now(source_version: str) -> dict[str, str]:
    """The facts `at` (UTC) and `code`, for the manifest of what is being made.

    Args:
        source_version: The commit of the build; empty where there is none.
    """
    epoch = os.environ.get(EPOCH_VARIABLE, "")
    time = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdecimal() else datetime.now(timezone.utc)
    return {"at": time.isoformat(timespec="seconds").replace("+00:00", "Z"), "code": commit(source_version)}


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

"""Runs code where the space on the disk really ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from src.common.settings import PROJECT_ROOT

Limit = Literal["small disk", "small files"]
LIMITS: tuple[Limit, ...] = ("small disk", "small files")
ROOM_BYTES = 256 * 1024
"""What there is room for: on the small disk in all, else in one file."""
_LIMIT_FILES = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM_BYTES}, {ROOM_BYTES}))\n"
_MOUNT = f'mount -t tmpfs -o size={ROOM_BYTES} tmpfs "$0" && exec "$@"'


def run_in_little_space(limit: Limit, folder: Path, source: str) -> dict[str, Any]:
    """Run a program where only `ROOM_BYTES` can be written.

    Args:
        limit: A disk of that size (which takes the right to mount one), or a limit for each file.
        folder: An empty folder.
        source: The program. Its ``folder`` is the `pathlib.Path` to write to; the dict ``found`` is what it tells.

    Returns:
        ``found``. The files are gone with the small disk.
    """
    if sys.platform == "win32":
        pytest.skip("Windows has neither such a disk nor such a limit")
    program = f"import json, sys\nfrom pathlib import Path\nfolder, found = Path(sys.argv[1]), {{}}\n{source}"
    command = [sys.executable, "-c", f"{program}\nprint(json.dumps(found))", str(folder)]
    if limit == "small disk":
        # in a mount namespace of its own, so that the disk is gone with the process, however that ends
        private = ["unshare", "--mount", "sh", "-c", _MOUNT, str(folder)]
        if (
            os.geteuid() != 0
            or not shutil.which("unshare")
            or subprocess.run([*private, "true"], check=False).returncode
        ):
            pytest.skip("mounting a small disk takes root and Linux")
        command = [*private, *command]
    else:
        command[2] = _LIMIT_FILES + command[2]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer

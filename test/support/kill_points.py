"""Kills a process before each of its calls that change the disk, one after the other.

`kill_at_every_call` starts one process, which forks a child for every call: the first child dies before its first
call, the second before its second, until a child gets to its end.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from src.common.settings import PROJECT_ROOT

CHANGES = {"open", "write", "close", "fsync", "mkdir", "rename", "replace", "unlink", "remove", "rmdir", "utime"}
MOST_CALLS = 1000


def kill_at_every_call(action: str, templates: Path, into: Path, *, every: int = 1) -> list[list[Path]]:
    """Run an action again and again, killed one call later each time.

    Args:
        action: Python source that defines ``action(folder: Path) -> None``.
        templates: A folder of folders: the states that the action starts from.
        into: Where the states go that the kills leave, as ``<template's name>/<number of calls that were made>``.
        every: Kill at every call, or at every second one, and so on.

    Returns:
        For each template the folders that were left, in order; in the last one the action got to its end.
    """
    subprocess.run(
        [sys.executable, "-m", "test.support.kill_points", action, str(templates), str(into), str(every)],
        cwd=PROJECT_ROOT,
        check=True,
    )
    return [
        [into / template.name / str(number * every) for number in range(len(list((into / template.name).iterdir())))]
        for template in sorted(templates.iterdir())
    ]


def die_before(call: int) -> None:
    """Let this process kill itself before a call that changes the disk; the first is number 0."""
    made = 0

    def profile(_frame: FrameType, event: str, called: Any) -> None:
        nonlocal made
        if event != "c_call" or called.__name__ not in CHANGES:
            return
        owner = getattr(called, "__self__", None)
        if isinstance(owner, io.IOBase) or called.__module__ in {"posix", "io", "_io"}:
            if made == call:
                os.kill(os.getpid(), signal.SIGKILL)
            made += 1

    sys.setprofile(profile)


def _main(source: str, templates: Path, into: Path, every: int) -> None:
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    for template in sorted(templates.iterdir()):
        for call in range(0, MOST_CALLS, every):
            folder = into / template.name / str(call)
            shutil.copytree(template, folder, symlinks=True)
            child = os.fork()
            if child == 0:
                die_before(call)
                try:
                    namespace["action"](folder)
                finally:
                    os._exit(0 if sys.exc_info()[0] is None else 1)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status == 0:
                break
            if status != -signal.SIGKILL:
                sys.exit(f"killed at call {call}, the action ended with {status}")
        else:
            sys.exit(f"the action made more than {MOST_CALLS} calls")


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))

"""A checkout for each job, and its scripts as real processes in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rehearsal.expressions import Result
from rehearsal.log_commands import Heard

INHERITED = ("LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "COMSPEC", "PATHEXT")
LEFT_BEHIND = {".git", ".venv", "node_modules", ".env.local"}


@contextmanager
def checkout(root: Path) -> Iterator[Path]:
    """Copy what Git would check out, with the changes that are not committed yet, to a folder of its own."""
    with TemporaryDirectory(prefix="checkout-") as temporary:
        folder = Path(temporary, "s")
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            check=False,
        )
        if listed.returncode:  # no repository: a download of the files alone
            shutil.copytree(root, folder, ignore=lambda _, names: LEFT_BEHIND & set(names))
        else:
            for name in filter(None, listed.stdout.decode().split("\0")):
                if (root / name).is_file():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(root / name, folder / name)  # with its permissions
        yield folder


def run_process(command: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> tuple[Result, Heard]:
    """Run a command, listen to what it tells Azure DevOps, and keep all that it prints.

    Args:
        command: The program and its arguments.
        folder: Where to run it.
        environment: Variables beside those that a process needs to run at all.
        log: The file for what it prints.

    Returns:
        How it ended, as Azure DevOps would see it, and what it told.
    """
    heard = Heard()
    programs = str(Path(sys.executable).parent)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    variables = {
        **inherited,
        **environment,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")]),
        "TF_BUILD": "True",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                kept.write(line)
                heard.line(line.rstrip("\n"))
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        heard.errors.append(f"exit status {process.returncode}")
        return Result.FAILED, heard
    return heard.result or Result.SUCCEEDED, heard


def shell(script: str) -> list[str]:
    """The command that Azure DevOps runs a script with, on a hosted Linux agent and elsewhere."""
    if os.name == "nt":
        return ["cmd", "/d", "/c", script]
    return ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]

"""Writes or reads a committed folder again and again, for a number of processes that do so at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from src.common.committed_folder import open_committed, replace_folder
from src.common.errors import DataError, IntegrityError
from src.common.settings import PROJECT_ROOT

FILES = 5


def write_and_read_at_once(folder: Path, *, writers: int, readers: int, times: int) -> list[str]:
    """Let processes write and read a folder at the same moment. Returns what readers or writers found wrong."""
    names = [f"w{number}" for number in range(writers)] + [f"r{number}" for number in range(readers)]
    command = [sys.executable, "-m", "test.faults.loop_of_writers", str(folder), str(times)]
    processes = [
        subprocess.Popen(
            [*command, name], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    wrong: list[str] = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    for name, process in zip(names, processes, strict=True):
        said, errors = process.communicate()
        wrong += [f"{name}: {errors.decode()}"] if process.returncode else json.loads(said)
    return wrong


def _write(folder: Path, who: str, number: int) -> str:
    try:
        with replace_folder(folder, kind="loop") as staged:
            for file in range(FILES):
                staged.write(f"{who}/{file}.txt" if file % 2 else f"{file}.txt", f"{who} {number}")
    except (DataError, OSError) as error:
        return f"{who} could not write: {error}"
    return ""


def _read(folder: Path, who: str, _number: int) -> str:
    try:
        opened = open_committed(folder, kind="loop")
        found = {opened.read(name) for name in opened.manifest.files}
    except IntegrityError as error:
        return f"{who} found damage: {error}"
    except DataError as error:
        return "" if "was replaced while it was read" in str(error) else f"{who} found nothing: {error}"
    except OSError as error:
        return f"{who} could not read: {error}"
    return "" if len(found) == 1 and len(opened.manifest.files) == FILES else f"{who} found a mixture: {found}"


def _main(folder: Path, times: int, who: str) -> None:
    print("ready", flush=True)
    sys.stdin.read()
    act = _write if who.startswith("w") else _read
    print(json.dumps([wrong for number in range(times) if (wrong := act(folder, who, number))]))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])

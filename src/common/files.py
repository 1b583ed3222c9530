"""The one door out: a file is written whole or not at all.

For a folder that is replaced as a whole see `src.common.committed_folder`.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

TEMPORARY_PREFIX = ".tmp-"
_TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + "[0-9a-f]{32}")
LEFT_BY_DESKTOPS = frozenset({"thumbs.db", "desktop.ini"})


@contextmanager
def atomic_open(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when it is complete.

    The bytes go to a temporary name in the same folder, are flushed to the disk, and then replace the old
    file in one step. When anything fails on the way (the disk is full, the process is killed), the old file
    is still there, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    try:
        with naming(path):
            with temporary.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in the error for a full disk: the system does not, since it shows only when a stream is written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and error.filename is None:
            error.filename = str(path)
        raise


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write one file, whole or not at all. Text is written as UTF-8 with the line ends it has."""
    with atomic_open(path) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


def temporary_sibling(path: Path) -> Path:
    """Return a free name in the same folder (so on the same disk) that `sweep_temporaries` recognises."""
    return path.parent / f"{TEMPORARY_PREFIX}{uuid4().hex}"


def sweep_temporaries(folder: Path) -> int:
    """Remove what an interrupted run left behind in a folder (not below it). Returns how many.

    Only whoever owns the folder may do this: what another process is just writing looks the same.
    """
    if not folder.is_dir():
        return 0
    leftovers = [entry for entry in folder.iterdir() if _TEMPORARY.fullmatch(entry.name)]
    for entry in leftovers:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return len(leftovers)


def counts(name: str) -> bool:
    """Whether a name in a folder of ours is somebody's file: not hidden, and not what desktops leave everywhere."""
    return not name.startswith(".") and name.lower() not in LEFT_BY_DESKTOPS


def sync_folder(folder: Path) -> None:
    """Make a rename durable. Windows can't open folders, and needs no such step."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

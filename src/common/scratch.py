"""A temporary folder that does not outlive its process for long: what a killed one left is removed by a later one."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from src.common.folder_lock import LOCK_NAME, try_folder

PREFIX = "batch-ai-scratch-"
YOUNG_SECONDS = 3600.0
"""A younger folder is left alone: its process may be about to lock it."""


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make an empty folder, and remove it with all that is in it at the end of the block.

    Args:
        parent: The folder that it lies in; None for the system's folder for temporary files.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with try_folder(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove folders whose process is gone: it locked its folder, and nobody holds that lock any more."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is another user's, or somebody else has just removed it
            old = time.time() - folder.lstat().st_mtime > YOUNG_SECONDS
            if old and not folder.is_symlink() and (folder / LOCK_NAME).is_file():
                with try_folder(folder) as abandoned:
                    if abandoned:
                        shutil.rmtree(folder, ignore_errors=True)

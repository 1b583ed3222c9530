"""What a step depends on, as digests that change when it does: code, data files, inputs, outputs."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path

from ml_service.pipeline import Step
from ml_service.script_source import imported_files
from src.common.committed_folder import open_committed
from src.common.errors import DataError

REQUIREMENTS = "requirements/compute.txt"


def code_digest(step: Step, root: Path) -> str:
    """The digest of a step's code: its script and all that it imports."""
    return _digest_of_files(imported_files(root / step.script, root), root)


def data_files_digest(step: Step, root: Path) -> str:
    """The digest of the data files in the repository that a step reads."""
    found = {path for pattern in step.files for path in root.glob(pattern) if path.is_file()}
    return _digest_of_files(sorted(found), root)


def environment_digest(root: Path) -> str:
    """The digest of what runs the code: the Python version and the pinned libraries."""
    requirements = root / REQUIREMENTS
    pinned = requirements.read_bytes() if requirements.is_file() else b""
    return digest([platform.python_version(), hashlib.sha256(pinned).hexdigest()])


def source_digest(place: str) -> str | None:
    """The digest of a folder's file names, sizes and times; None for a URL, which can't be known from here."""
    if "://" in place:
        return None
    root = Path(place)
    entries = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            state = Path(folder, name).stat(follow_symlinks=False)
            entries.append([os.path.relpath(Path(folder, name), root), state.st_size, state.st_mtime_ns])
    return digest(entries)


def committed_digest(folder: Path) -> str | None:
    """The digest of a committed folder that is there byte for byte as it was written; None where it is not.

    Every file is read: its size and time would not tell that a single bit has changed.
    """
    try:
        opened = open_committed(folder)
        for name in opened.manifest.files:
            opened.read(name)
    except (OSError, DataError):
        return None
    return digest(opened.manifest.version)


def content_digest(root: Path) -> str:
    """The digest of a folder's file names and their content; hidden files and those in hidden folders do not count."""
    found = [path for path in root.rglob("[!.]*") if path.is_file()]
    shown = [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    return _digest_of_files(sorted(shown), root)


def digest(document: object) -> str:
    """The digest of any JSON value."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


def _digest_of_files(files: Iterable[Path], root: Path) -> str:
    contents = [[path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()] for path in files]
    return digest(contents)

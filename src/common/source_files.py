"""Where files are cloned from: what every kind of source can do, and a folder as the simplest one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from src.common.errors import DataError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """A file at its source.

    Attributes:
        name: Its path below the source, with forward slashes.
        size: In bytes.
        version: Changes whenever the content does: an ETag, or the time of the last change.
        md5: The MD5 of its content where the source knows it, else empty.
    """

    name: str
    size: int
    version: str
    md5: bytes = b""


class Source(Protocol):
    """Something that holds a tree of files."""

    @property
    def identity(self) -> str:
        """What tells this source from others, without any secret."""

    def list(self) -> list[SourceFile]:
        """All files. Raises CloudError or DataError where they can't be listed."""

    def chunks(self, file: SourceFile) -> Iterator[bytes]:
        """The content of a file, in parts. Raises CloudError where it can't be read as it was listed."""


class FolderSource:
    """A folder on this machine or a mounted share."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        if not self._root.is_dir():
            raise DataError(
                "the input folder does not exist",
                where=root,
                found="a file" if root.exists() else "nothing",
                expected="a folder with one folder per location",
                hint="correct BATCHAI_INPUT_URL in .env or .env.local",
            )

    @property
    def root(self) -> Path:
        """The folder, resolved."""
        return self._root

    @property
    def identity(self) -> str:
        """Its path."""
        return self._root.as_posix()

    def list(self) -> list[SourceFile]:
        """All files below it. Links are not followed; hidden files, pipes and the like are not taken.

        Raises:
            OSError: A folder can't be read.
        """
        found = []
        for folder, folders, names in os.walk(self._root, onerror=_raise):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if name.startswith(".") or path.is_symlink() or not path.is_file():
                    continue
                state = path.stat()
                relative = path.relative_to(self._root).as_posix()
                found.append(SourceFile(relative, state.st_size, str(state.st_mtime_ns)))
        return found

    def chunks(self, file: SourceFile) -> Iterator[bytes]:
        """The content of a file, in parts."""
        with (self._root / file.name).open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk


def _raise(error: OSError) -> None:
    """A folder that can't be read must not look like one whose files were deleted."""
    raise error

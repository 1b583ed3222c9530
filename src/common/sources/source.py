"""What every kind of source can do: it holds a tree of files, lists them, and gives their content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from src.common.errors import DataError


@dataclass(frozen=True)
class SourceFile:
    """A file at its source.

    Attributes:
        name: Its path below the source, with forward slashes.
        size: In bytes.
        version: Changes whenever the content does: an ETag, or the time of the last change.
        md5: The MD5 of its content where the source knows it, else empty.
        problem: Why it can't be read, where that is known before.
    """

    name: str
    size: int
    version: str
    md5: bytes = b""
    problem: DataError | None = None


class Source(Protocol):
    """Something that holds a tree of files."""

    @property
    def identity(self) -> str:
        """What tells this source from others, without any secret."""

    def list(self) -> list[SourceFile]:
        """All files. Raises CloudError or DataError where they can't be listed."""

    def chunks(self, file: SourceFile) -> Iterator[bytes]:
        """The content of a file, in parts.

        Raises CloudError or DataError where it can't be read as it was listed; `of_one_file` where others still can.
        """

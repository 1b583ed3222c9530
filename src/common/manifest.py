"""What a committed folder holds, as its manifest says it: the name, size and SHA-256 of each file, and facts.

The manifest protects itself (`src.common.sealed_json`): a text that is not, byte for byte, what was written is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from src.common.sealed_json import seal, unseal

MANIFEST_NAME = "manifest.json"
MANIFEST_FORMAT = 2
_EARLIER = b'{\n "format": 1,\n'


@dataclass(frozen=True)
class FileEntry:
    """Size in bytes and SHA-256 (hexadecimal) of one file."""

    bytes: int
    sha256: str


def entry_of(content: bytes) -> FileEntry:
    """What a manifest says of a file with this content."""
    return FileEntry(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Manifest:
    """What a committed folder holds.

    Attributes:
        kind: What the folder is for, such as ``prepared data``.
        facts: What the next stage has to know about the whole; JSON values only.
        files: Each file of the folder by its relative path with forward slashes.
        made: When and by which code it was made, where that is kept (see `src.common.made`). It does not belong to the
            content: what is made again from the same has the same version.
    """

    kind: str
    facts: Mapping[str, Any]
    files: Mapping[str, FileEntry]
    made: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that name exactly this content."""
        return hashlib.sha256(seal(self._content()).encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """The manifest as the text of its file. The same content gives the same bytes."""
        return seal({**self._content(), **({"made": dict(self.made)} if self.made else {})})

    def _content(self) -> dict[str, Any]:
        files = {name: vars(self.files[name]) for name in sorted(self.files)}
        return {"format": MANIFEST_FORMAT, "kind": self.kind, "facts": self.facts, "files": files}

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is not such a text.
        """
        if content.startswith(_EARLIER):
            raise ValueError("it was written by an earlier version of this project")
        document = unseal(content)
        if document.get("format") != MANIFEST_FORMAT:
            raise ValueError(f"not a manifest of format {MANIFEST_FORMAT}")
        try:
            files = {str(name): FileEntry(**entry) for name, entry in document["files"].items()}
            made = {str(name): str(text) for name, text in document.get("made", {}).items()}
            manifest = cls(kind=str(document["kind"]), facts=dict(document["facts"]), files=files, made=made)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"incomplete manifest ({error})") from error
        if not all(map(is_inside, files)):
            raise ValueError("a file outside the folder")
        return manifest


def is_inside(name: str) -> bool:
    """Whether a file's relative path stays inside its folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts

"""What a committed folder holds, as its manifest says it: the name, size and SHA-256 of each file, and facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

MANIFEST_NAME = "manifest.json"
MANIFEST_FORMAT = 1


@dataclass(frozen=True)
class FileEntry:
    """Size in bytes and SHA-256 (hexadecimal) of one file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a committed folder holds.

    Attributes:
        kind: What the folder is for, such as ``prepared data``.
        facts: What the next stage has to know about the whole; JSON values only.
        files: Each file of the folder by its relative path with forward slashes.
    """

    kind: str
    facts: Mapping[str, Any]
    files: Mapping[str, FileEntry]

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that name exactly this content."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """The manifest as the text of its file. The same content gives the same bytes."""
        document = {
            "format": MANIFEST_FORMAT,
            "kind": self.kind,
            "facts": self.facts,
            "files": {name: vars(self.files[name]) for name in sorted(self.files)},
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is not such a text.
        """
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("format") != MANIFEST_FORMAT:
            raise ValueError(f"not a manifest of format {MANIFEST_FORMAT}")
        try:
            files = {str(name): FileEntry(**entry) for name, entry in document["files"].items()}
            if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in files):
                raise ValueError("a file outside the folder")
            return cls(kind=str(document["kind"]), facts=dict(document["facts"]), files=files)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"incomplete manifest ({error})") from error

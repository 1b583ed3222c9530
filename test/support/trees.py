"""Folders of small files for tests."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from src.common.manifest import MANIFEST_NAME, Manifest


def write_tree(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by their relative paths. Returns the folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def read_tree(root: Path) -> dict[str, bytes]:
    """All files that are not hidden or in a hidden folder, by relative path with forward slashes."""
    paths = [path for path in root.rglob("*") if path.is_file()]
    named = {path.relative_to(root).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in sorted(named.items()) if not re.search(r"(^|/)\.", name)}


def read_content(root: Path) -> tuple[str, dict[str, bytes]]:
    """The version of a committed folder and its files; how it was made is not its content."""
    files = read_tree(root)
    version = Manifest.from_json(files.pop(MANIFEST_NAME)).version
    return version, files


def change_later(path: Path, content: bytes) -> None:
    """Write a file so that its time differs, however coarse the clock of the file system is."""
    before = path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(before + 2_000_000_000, before + 2_000_000_000))

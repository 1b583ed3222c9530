"""Folders that tests commit, and what a reader finds in them."""

from __future__ import annotations

from pathlib import Path

from src.common.committed_folder import NEXT, read_manifest, replace_folder, verify_files
from src.common.files import TEMPORARY_PREFIX
from src.common.manifest import MANIFEST_NAME

Files = dict[str, str]
KIND = "results"
OLD: Files = {"a.csv": "old", "gone.csv": "old", "sub/b.csv": "old", "sub/deep/gone.csv": "old"}
NEW: Files = {
    "a.csv": "new",
    "added.csv": "new" * 5000,
    "sub/b.csv": "new",
    "sub/added.csv": "new",
    "other/d.csv": "new",
}
THIRD: Files = {"third.csv": "third", "sub/b.csv": "third"}


def write(path: Path, files: Files) -> None:
    with replace_folder(path, kind=KIND) as staged:
        for name, content in files.items():
            staged.write(name, content)
        staged.facts["files"] = len(files)


def read(path: Path) -> Files:
    """What a reader finds: everything that the manifest names, checked, and nothing else beside it."""
    manifest = read_manifest(path, kind=KIND, made_by="test")
    verify_files(path, manifest)
    assert manifest.facts == {"files": len(manifest.files)}
    shown = {name for name in tree(path) if not name.startswith(".")}
    assert shown == {*manifest.files, MANIFEST_NAME}
    return {name: (path / name).read_text(encoding="utf-8") for name in manifest.files}


def tree(path: Path) -> set[str]:
    return {entry.relative_to(path).as_posix() for entry in path.rglob("*") if entry.is_file()}


def leftovers(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.name.startswith((TEMPORARY_PREFIX, NEXT)))

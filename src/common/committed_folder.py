"""A folder of results that is there whole, or not at all: its manifest is the commit.

A step writes its files into a staging folder inside the folder they are for. When all are written, the
manifest (name, size and SHA-256 of each file, and facts about the whole) is written and synced, and the staging
folder is renamed to ``.next``: that rename is the commit. What follows, moving the old files out and the new ones
in, can be interrupted anywhere and is carried on by whoever opens the folder next. So a kill leaves the old
results before the commit, and the new ones after it, never a mixture.

Only what an earlier commit brought is replaced: other people's files beside it stay where they are, and a folder
that holds files and was never committed is refused.

Files are not synced one by one (thousands of small ones would take minutes): after a power cut the digests in
the manifest tell whether all of them had reached the disk.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any
from uuid import uuid4

from src.common.errors import DataError, IntegrityError, some_of
from src.common.files import TEMPORARY_PREFIX, atomic_write, counts, sweep_temporaries, sync_folder
from src.common.manifest import MANIFEST_NAME, FileEntry, Manifest

NEXT = ".next"


@dataclass
class StagedFile:
    """A file of a folder that is being written piece by piece."""

    stream: IO[bytes]
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> None:
        """Add to the file."""
        self.stream.write(content)
        self.digest.update(content)

    def entry(self) -> FileEntry:
        """What was written, for the manifest."""
        return FileEntry(bytes=self.stream.tell(), sha256=self.digest.hexdigest())


@dataclass
class StagedFolder:
    """The new content of a folder while it is being written."""

    root: Path
    facts: dict[str, Any] = field(default_factory=dict)
    _files: dict[str, FileEntry] = field(default_factory=dict)
    _folders: set[Path] = field(default_factory=set)

    def write(self, name: str, content: bytes | str) -> None:
        """Write one file of the folder; `name` is its relative path with forward slashes."""
        data = content.encode() if isinstance(content, str) else content
        self._path(name).write_bytes(data)
        self._files[name] = FileEntry(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    @contextmanager
    def open(self, name: str) -> Iterator[StagedFile]:
        """Write one file of the folder piece by piece; it is complete when the block ends."""
        with self._path(name).open("xb") as stream:
            file = StagedFile(stream)
            yield file
            self._files[name] = file.entry()

    def _path(self, name: str) -> Path:
        path = self.root.joinpath(*PurePosixPath(name).parts)
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        return path

    def write_json(self, name: str, document: object) -> None:
        """Write one JSON file of the folder."""
        self.write(name, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def manifest(self, kind: str) -> Manifest:
        """Everything written so far, as a manifest."""
        return Manifest(kind=kind, facts=self.facts, files=self._files)


@contextmanager
def replace_folder(path: Path, *, kind: str) -> Iterator[StagedFolder]:
    """Replace the content of a folder in one step, when the block ends without an error.

    Args:
        path: The folder. What is in it stays as it is until the block has ended.
        kind: What the folder is for; readers refuse a folder of another kind.

    Yields:
        Where to write the new files. Facts for the manifest go into its `facts`.

    Raises:
        DataError: The folder holds files and no manifest, so they are somebody else's.
    """
    path.mkdir(parents=True, exist_ok=True)
    try:
        finish_commit(path)
    except IntegrityError:  # its manifest is damaged: nobody can tell what should have come, and it is made again now
        shutil.rmtree(path / NEXT)
    sweep_temporaries(path)
    _refuse_foreign(path)
    staging = path / f"{TEMPORARY_PREFIX}{uuid4().hex}"
    staging.mkdir()
    try:
        staged = StagedFolder(staging)
        yield staged
        atomic_write(staging / MANIFEST_NAME, staged.manifest(kind).to_json())
        staging.rename(path / NEXT)
        sync_folder(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    finish_commit(path)


def finish_commit(path: Path) -> None:
    """Carry on a commit that was interrupted; nothing happens where there is none. May be called at any time."""
    coming = path / NEXT
    if not coming.is_dir():
        return
    if (coming / MANIFEST_NAME).exists():
        _parse_manifest(coming / MANIFEST_NAME)
        retired = path / f"{TEMPORARY_PREFIX}{uuid4().hex}"
        retired.mkdir()
        waiting = {entry.name for entry in coming.iterdir()}
        outgoing = (waiting | _committed_names(path)) - {MANIFEST_NAME}
        for name in [*sorted(outgoing), MANIFEST_NAME]:  # the manifest last: it tells a resumed commit what is old
            with suppress(FileNotFoundError):
                (path / name).rename(retired / name)
        for name in sorted(waiting - {MANIFEST_NAME}):
            (coming / name).rename(path / name)
        (coming / MANIFEST_NAME).rename(path / MANIFEST_NAME)
        sync_folder(path)
        shutil.rmtree(retired, ignore_errors=True)
    coming.rmdir()


def _committed_names(path: Path) -> set[str]:
    """The files and folders directly in a folder that its manifest accounts for; all, where it is damaged."""
    file = path / MANIFEST_NAME
    if not file.is_file():
        return set()
    try:
        return {PurePosixPath(name).parts[0] for name in _parse_manifest(file).files}
    except IntegrityError:
        return {entry.name for entry in path.iterdir() if counts(entry.name)}


def _refuse_foreign(path: Path) -> None:
    foreign = sorted(entry.name for entry in path.iterdir() if counts(entry.name))
    if foreign and MANIFEST_NAME not in foreign:
        raise DataError(
            "the folder for the results holds files that are none",
            where=path,
            found=some_of(foreign),
            expected=f"a new or empty folder, or one with a {MANIFEST_NAME}",
            hint="name another folder in .env.local, or move these files away",
        )


def read_manifest(path: Path, *, kind: str, made_by: str) -> Manifest:
    """Read the manifest of a committed folder.

    Args:
        path: The folder.
        kind: The kind it must be of.
        made_by: The command that makes such a folder, for the error.

    Raises:
        DataError: There is no such folder, or nothing was committed in it.
        IntegrityError: The manifest can't be read or is of another kind.
    """
    if path.is_dir():
        finish_commit(path)
    file = path / MANIFEST_NAME
    if not file.is_file():
        raise DataError(
            f"there is no {kind} here",
            where=path,
            found="no folder" if not path.is_dir() else f"no {MANIFEST_NAME}",
            expected=f"a folder with a {MANIFEST_NAME}",
            hint=f"run: {made_by}",
        )
    manifest = _parse_manifest(file)
    if manifest.kind != kind:
        raise IntegrityError(
            "this folder is for something else", where=file, found=manifest.kind, expected=kind, hint=f"run: {made_by}"
        )
    return manifest


def verify_files(path: Path, manifest: Manifest) -> None:
    """Check that every file of a folder is what its manifest says.

    Raises:
        IntegrityError: Files are missing or changed; all of them are named.
    """
    wrong = []
    for name, entry in manifest.files.items():
        try:
            data = path.joinpath(*PurePosixPath(name).parts).read_bytes()
        except OSError:
            wrong.append(f"{name} is missing")
            continue
        if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
            wrong.append(f"{name} was changed")
    if wrong:
        raise IntegrityError(
            f"the {manifest.kind} is not what was written",
            where=path,
            found=some_of(wrong),
            expected=f"the sizes and SHA-256 of {MANIFEST_NAME}",
            hint="run the step that writes this folder again, with --force",
        )


def copy_committed(source: Path, target: Path) -> Manifest:
    """Copy a committed folder of any kind, whole or not at all, after its files were verified.

    Raises:
        DataError: Nothing was committed in the source, or the target holds other people's files.
        IntegrityError: The source's files are not what its manifest says.
    """
    file = source / MANIFEST_NAME
    if not file.is_file():
        raise DataError("there is no whole folder here", where=source, expected=f"a folder with a {MANIFEST_NAME}")
    manifest = _parse_manifest(file)
    verify_files(source, manifest)
    with replace_folder(target, kind=manifest.kind) as staged:
        staged.facts.update(manifest.facts)
        for name in manifest.files:
            staged.write(name, source.joinpath(*PurePosixPath(name).parts).read_bytes())
    return manifest


def _parse_manifest(file: Path) -> Manifest:
    try:
        return Manifest.from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(
            "the manifest can't be read",
            where=file,
            found=error,
            expected="what the step wrote",
            hint="run the step that writes this folder again, with --force",
        ) from error

"""A folder of results that is there whole, or not at all: its manifest is the commit.

A step writes its files into a staging folder inside the folder they are for. When all are written, the
manifest (name, size and SHA-256 of each file, and facts about the whole) is written and synced, and the staging
folder is renamed to ``.next``: that rename is the commit. What follows, moving the old files out and the new ones
in, can be interrupted anywhere and is carried on by whoever opens the folder next. So a kill leaves the old
results before the commit, and the new ones after it, never a mixture.

The writer owns the folder from the beginning to the end (`src.common.folder_lock`); a reader takes part only in a
commit whose writer is gone. Only what an earlier commit of the same kind brought is replaced
(`src.common.replaceable`).

Files are not synced one by one (thousands of small ones would take minutes): after a power cut the digests in
the manifest tell whether all of them had reached the disk.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any
from uuid import uuid4

from src.common.errors import DataError, IntegrityError, some_of
from src.common.files import TEMPORARY_PREFIX, atomic_write, naming, sweep_temporaries, sync_folder
from src.common.folder_lock import BETWEEN_SECONDS, PATIENCE_SECONDS, busy, folder_lock, try_folder
from src.common.json_text import to_json
from src.common.manifest import MANIFEST_NAME, FileEntry, Manifest, entry_of
from src.common.replaceable import label_of, refuse_content, refuse_place, top_names

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
    made: dict[str, str] = field(default_factory=dict)
    _files: dict[str, FileEntry] = field(default_factory=dict)
    _folders: set[Path] = field(default_factory=set)

    def write(self, name: str, content: bytes | str) -> None:
        """Write one file of the folder; `name` is its relative path with forward slashes."""
        data = content.encode() if isinstance(content, str) else content
        with naming(self.root.parent / name):
            self._path(name).write_bytes(data)
        self._files[name] = entry_of(data)

    @contextmanager
    def open(self, name: str) -> Iterator[StagedFile]:
        """Write one file of the folder piece by piece; it is complete when the block ends."""
        with naming(self.root.parent / name), self._path(name).open("xb") as stream:
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
        self.write(name, to_json(document) + "\n")

    def manifest(self, kind: str) -> Manifest:
        """Everything written so far, as a manifest."""
        return Manifest(kind=kind, facts=self.facts, files=self._files, made=self.made)


@dataclass(frozen=True)
class CommittedFolder:
    """A committed folder and what its manifest says; each file is checked as it is read."""

    root: Path
    manifest: Manifest

    def read(self, name: str) -> bytes:
        """The content of a file; `name` is its relative path with forward slashes.

        Raises:
            IntegrityError: It is missing, or not what was written.
            DataError: Another process replaced it meanwhile.
        """
        try:
            content = self.root.joinpath(*PurePosixPath(name).parts).read_bytes()
        except OSError:
            raise not_as_written(self.root, self.manifest, [f"{name} is missing"]) from None
        if entry_of(content) != self.manifest.files.get(name):
            raise not_as_written(self.root, self.manifest, [f"{name} was changed"])
        return content


@contextmanager
def replace_folder(path: Path, *, kind: str) -> Iterator[StagedFolder]:
    """Replace the content of a folder in one step, when the block ends without an error.

    The folder is owned meanwhile: a second writer waits, or is refused (see `src.common.folder_lock`).

    Args:
        path: The folder. What is in it stays as it is until the block has ended.
        kind: What the folder is for; readers refuse a folder of another kind, and nothing else is replaced.

    Yields:
        Where to write the new files. Facts for the manifest go into its `facts`.

    Raises:
        DataError: The folder is, holds or lies in something that no step of this kind wrote, or another process goes
            on writing it.
        IntegrityError: Its manifest can't be read, so nobody can tell what it holds.
        SettingsError: It is being written by this process already.
    """
    refuse_place(path)
    path.mkdir(parents=True, exist_ok=True)
    with folder_lock(path):
        try:
            _move_in(path)
        except IntegrityError:  # what should have come is damaged, and is made again now
            shutil.rmtree(path / NEXT)
        sweep_temporaries(path)
        refuse_content(path, kind=kind)
        staging = path / f"{TEMPORARY_PREFIX}{uuid4().hex}"
        try:
            with stage(staging, kind=kind) as staged:
                yield staged
            refuse_content(path, kind=kind, coming=staged.manifest(kind).files)
            staging.rename(path / NEXT)
            sync_folder(path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        _move_in(path)


@contextmanager
def stage(staging: Path, *, kind: str) -> Iterator[StagedFolder]:
    """Write a new committed folder; whoever calls this renames it into its place, and removes it after an error."""
    staging.mkdir()
    staged = StagedFolder(staging)
    yield staged
    atomic_write(staging / MANIFEST_NAME, staged.manifest(kind).to_json())


def finish_commit(path: Path) -> None:
    """Carry on a commit that was interrupted, or wait for one that is under way. May be called at any time.

    Raises:
        IntegrityError: What was about to come is damaged.
        DataError: Another process keeps the folder, and does not end.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (path / NEXT).is_dir():
        with try_folder(path) as owned:
            if owned:
                _move_in(path)
                return
        if time.monotonic() > deadline:
            raise busy(path)
        time.sleep(BETWEEN_SECONDS)


def _move_in(path: Path) -> None:
    """Move the old files out and those in `NEXT` in, from wherever an earlier try stopped. Needs the lock.

    The old manifest stays until the new one takes its place, so that a reader always finds one.
    """
    coming = path / NEXT
    if not coming.is_dir():
        return
    if (coming / MANIFEST_NAME).exists():
        manifest = _parse_manifest(coming / MANIFEST_NAME)
        retired = path / f"{TEMPORARY_PREFIX}{uuid4().hex}"
        retired.mkdir()
        waiting = {entry.name for entry in coming.iterdir()} - {MANIFEST_NAME}
        arrived = top_names(manifest.files) - waiting
        old = label_of(path)
        for name in sorted((waiting | top_names(old.names if old else ())) - arrived):
            with suppress(FileNotFoundError):
                (path / name).rename(retired / name)
        for name in sorted(waiting):
            (coming / name).rename(path / name)
        sync_folder(path)
        (coming / MANIFEST_NAME).replace(path / MANIFEST_NAME)
        sync_folder(path)
        shutil.rmtree(retired, ignore_errors=True)
    coming.rmdir()


def open_committed(path: Path, *, kind: str | None = None, made_by: str = "") -> CommittedFolder:
    """Open a committed folder.

    Args:
        path: The folder.
        kind: The kind it must be of; None for any.
        made_by: The command that makes such a folder, for the error.

    Raises:
        DataError: There is no such folder, or nothing was committed in it.
        IntegrityError: The manifest can't be read or is of another kind.
    """
    finish_commit(path)
    file = path / MANIFEST_NAME
    hint = f"run: {made_by}" if made_by else None
    if not file.is_file():
        raise DataError(
            f"there is no {kind or 'whole folder'} here",
            where=path,
            found="no folder" if not path.is_dir() else f"no {MANIFEST_NAME}",
            expected=f"a folder with a {MANIFEST_NAME}",
            hint=hint,
        )
    manifest = _parse_manifest(file)
    if kind not in (None, manifest.kind):
        raise IntegrityError(
            "this folder is for something else", where=file, found=manifest.kind, expected=kind, hint=hint
        )
    return CommittedFolder(path, manifest)


def read_manifest(path: Path, *, kind: str, made_by: str) -> Manifest:
    """The manifest of a committed folder. See `open_committed`."""
    return open_committed(path, kind=kind, made_by=made_by).manifest


@contextmanager
def reading(path: Path, *, kind: str, made_by: str, files: Collection[str] | None = None) -> Iterator[CommittedFolder]:
    """Read files of a committed folder: they are verified before, and none was replaced when the block ends.

    A commit makes ``.next``, moves files, replaces the manifest and removes ``.next``, in this order. So where the
    manifest is the same as before and there is no ``.next``, no commit has moved a file meanwhile.

    Args:
        path: The folder.
        kind: The kind it must be of.
        made_by: The command that makes such a folder, for the error.
        files: Those to verify; None for all.

    Raises:
        DataError: There is no such folder, or another process replaced it meanwhile.
        IntegrityError: The manifest can't be read or is of another kind, or files are not what was written.
    """
    opened = open_committed(path, kind=kind, made_by=made_by)
    verify_files(path, opened.manifest, files=files)
    try:
        yield opened
    except Exception:
        _refuse_replaced(path, opened.manifest)
        raise
    _refuse_replaced(path, opened.manifest)


def _refuse_replaced(path: Path, manifest: Manifest) -> None:
    with suppress(OSError):
        if not (path / NEXT).is_dir() and (path / MANIFEST_NAME).read_bytes() == manifest.to_json().encode():
            return
    raise DataError(
        f"the {manifest.kind} was replaced while it was read",
        where=path,
        hint="another process has written this folder; run the same command again",
    )


def verify_files(path: Path, manifest: Manifest, *, files: Collection[str] | None = None) -> None:
    """Check that the files of a folder are what its manifest says.

    Args:
        path: The folder.
        manifest: Its manifest.
        files: Those to check; None for all.

    Raises:
        IntegrityError: Files are missing or changed; all of them are named.
        DataError: Another process replaced them meanwhile.
    """
    wrong = []
    for name in manifest.files if files is None else files:
        try:
            content = path.joinpath(*PurePosixPath(name).parts).read_bytes()
        except OSError:
            wrong.append(f"{name} is missing")
            continue
        if entry_of(content) != manifest.files.get(name):
            wrong.append(f"{name} was changed")
    if wrong:
        raise not_as_written(path, manifest, wrong)


def not_as_written(path: Path, manifest: Manifest, wrong: Sequence[str]) -> DataError:
    """The error for files of a folder that are not what its manifest says.

    Args:
        path: The folder.
        manifest: What was read of it, before its files.
        wrong: What is wrong with which file.
    """
    try:
        _refuse_replaced(path, manifest)
    except DataError as replaced:
        return replaced
    return IntegrityError(
        f"the {manifest.kind} is not what was written",
        where=path,
        found=some_of(wrong),
        expected=f"the sizes and SHA-256 of {MANIFEST_NAME}",
        hint="run the step that writes this folder again, with --force",
    )


def copy_committed(source: Path, target: Path, *, made: Mapping[str, str] | None = None) -> Manifest:
    """Copy a committed folder of any kind, whole or not at all, after its files were verified.

    Args:
        source: The folder.
        target: Where the copy goes.
        made: What else is to be said of its making.

    Raises:
        DataError: Nothing was committed in the source, or the target holds something else.
        IntegrityError: The source's files are not what its manifest says.
    """
    opened = open_committed(source)
    manifest = opened.manifest
    verify_files(source, manifest)  # first, so that all that is wrong is named together
    with replace_folder(target, kind=manifest.kind) as staged:
        staged.facts.update(manifest.facts)
        staged.made.update({**manifest.made, **(made or {})})
        for name in manifest.files:
            staged.write(name, opened.read(name))
    return manifest


def _parse_manifest(file: Path) -> Manifest:
    try:
        return Manifest.from_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise IntegrityError(
            "the manifest can't be read",
            where=file,
            found=error,
            expected="what the step wrote",
            hint="run the step that writes this folder again, with --force",
        ) from error

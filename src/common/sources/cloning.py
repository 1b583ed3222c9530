"""A folder that mirrors a source: incremental, verified, resumable.

What was cloned is remembered in ``.clone.json`` inside the target, with the version of each file at its source and the
time of its copy: an unchanged source transfers nothing, and a copy that somebody changed is fetched again. Each file
appears under its name only when it is complete and checked, so an interrupted clone carries on where it stopped.

The target belongs to the clone. What the source no longer has, or what another source brought, is deleted; a file that
no clone brought is never deleted or overwritten, but the clone is refused until somebody has moved it away, since the
next stage would read it as input. Hidden files and those that desktops leave everywhere are left alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from src.common.console import Progress, Stopwatch, progress
from src.common.errors import BatchAIError, CloudError, DataError, SettingsError, some_of
from src.common.files import atomic_open, counts, sweep_temporaries
from src.common.folder_lock import folder_lock
from src.common.models import model_names
from src.common.paths import refuse_look_alikes, safe_relative_path
from src.common.replaceable import refuse_place, top_names
from src.common.sources.blob_storage import StorageCredentials
from src.common.sources.clone_state import STATE_NAME, TO_FETCH, CloneState, Copy, journal, load_state, save_state
from src.common.sources.folder import FolderSource
from src.common.sources.opening import open_source
from src.common.sources.source import Source, SourceFile


@dataclass(frozen=True)
class CloneSummary:
    """What a clone did.

    Attributes:
        files: How many files the source has.
        transferred: How many of them came.
        transferred_bytes: Their size.
        deleted: How many copies went, of files that the source no longer has.
        seconds: How long it took.
        failed: Why a file could not be cloned, by its name at the source. An older copy of it stays.
    """

    files: int
    transferred: int
    transferred_bytes: int
    deleted: int
    seconds: float
    failed: Mapping[str, BatchAIError] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for a person."""
        unchanged = self.files - self.transferred - len(self.failed)
        failed = f", {len(self.failed)} could not be cloned" if self.failed else ""
        return (
            f"cloned {self.transferred} files ({self.transferred_bytes / 1e6:.1f} MB), {unchanged} unchanged,"
            f" {self.deleted} deleted{failed}, in {self.seconds:.1f} s"
        )


@contextmanager
def owned_mirror(target: Path) -> Iterator[None]:
    """Own the folder that mirrors a source, so that nobody else changes it while it is cloned and read.

    Raises:
        DataError: It lies in somebody else's folder, or another process goes on writing it.
    """
    refuse_place(target, mark=STATE_NAME)
    target.mkdir(parents=True, exist_ok=True)
    with folder_lock(target):
        yield


def clone(source: str, target: Path, *, credentials: StorageCredentials, connections: int) -> CloneSummary:
    """Make `target` the mirror of a source.

    Args:
        source: A folder, or the URL of a blob container.
        target: The folder that mirrors it. Files that the source no longer has are deleted, if a clone brought them.
        credentials: How to sign in to a container.
        connections: How many files are transferred at the same time.

    Raises:
        DataError: The source is empty, names collide, or the target holds files that no clone brought.
        CloudError: The service did not do its part.
        SettingsError: The source is neither a folder nor a container.

    One file that can't be cloned is no error, but one of `CloneSummary.failed`; unless none can.
    """
    return mirror(
        open_source(source, credentials=credentials, connections=connections), target, connections=connections
    )


def mirror(source: Source, target: Path, *, connections: int) -> CloneSummary:
    """Make `target` the mirror of an open source. See `clone`."""
    watch = Stopwatch()
    target = target.resolve()
    if isinstance(source, FolderSource):
        _refuse_overlap(source.root, target)
    wanted, failed = _safe_names(source)
    state = load_state(target, source=source.identity)
    _refuse_foreign(target, wanted, state)
    deleted = _delete_stale(target, wanted, state)
    waiting = {path: file for path, file in wanted.items() if not _is_current(target, path, file, state)}
    total = sum(file.size for file in waiting.values())
    if waiting:
        state.copies.update(dict.fromkeys(waiting, TO_FETCH))
        save_state(target, state)  # first, so that what a killed clone leaves is known to be its own
        with progress("cloning", total=total, unit="bytes") as bar:
            failed |= _transfer(source, target, waiting, state, connections=connections, bar=bar)
    if waiting or deleted or not (target / STATE_NAME).exists():
        save_state(target, state)
    if len(failed) >= len(wanted):
        raise next(iter(failed.values()))
    total -= sum(file.size for file in waiting.values() if file.name in failed)
    came = len(waiting) - sum(file.name in failed for file in waiting.values())
    return CloneSummary(len(wanted), came, total, deleted, watch.seconds, failed)


def _refuse_overlap(source: Path, target: Path) -> None:
    if source == target or source in target.parents or target in source.parents:
        raise SettingsError(
            "the input and its local copy lie in one another",
            where=f"INPUT_URL {source} and DATAPREP_INPUTS_DIR {target}",
            expected="two separate folders",
            hint="correct one of them in .env.local",
        )


def _safe_names(source: Source) -> tuple[dict[str, SourceFile], dict[str, BatchAIError]]:
    """The files of a source by the relative path of their copies; and why there is none, by name."""
    files = source.list()
    if not files:
        raise DataError(
            "the input holds no files",
            where=source.identity,
            expected="one folder per location, with its location.yml and CSV exports",
            hint="check INPUT_URL, also the prefix",
        )
    wanted: dict[str, SourceFile] = {}
    failed: dict[str, BatchAIError] = {}
    for file in files:
        try:
            wanted[safe_relative_path(file.name)] = file
        except DataError as error:
            failed[file.name] = error
    folders = {path[:place] for path in wanted for place, sign in enumerate(path) if sign == "/"}
    refuse_look_alikes([*sorted(folders), *sorted(wanted)], what="names", where=source.identity)
    both = sorted(folders & set(wanted))
    if both:
        raise DataError(
            "a name is a file and a folder",
            where=source.identity,
            found=some_of(both),
            hint="rename one of them at the source",
        )
    return wanted, failed


def _refuse_foreign(target: Path, wanted: Mapping[str, SourceFile], state: CloneState) -> None:
    own = {*state.copies, *wanted} if state.damaged else state.copies.keys()
    own_names = top_names(own)
    foreign = [path for path in _files_below(target, others=set(model_names()) - own_names) if path not in own]
    if foreign:
        raise DataError(
            "the local copy holds files that no clone brought",
            where=target,
            found=some_of(sorted(foreign)),
            expected="a folder that only mirrors its source",
            hint="move them away: to INPUT_URL if they belong to the input, else anywhere",
        )


def _files_below(target: Path, *, others: Collection[str]) -> Iterator[str]:
    """Relative paths of all files and links that count, but for the folders of other models.

    What interrupted clones left behind is removed on the way.
    """
    for folder, folders, names in os.walk(target):
        if Path(folder) == target:
            folders[:] = [name for name in folders if name not in others]
        sweep_temporaries(Path(folder))
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in (*names, *links):
            if counts(name):
                yield Path(folder, name).relative_to(target).as_posix()


def _delete_stale(target: Path, wanted: Mapping[str, SourceFile], state: CloneState) -> int:
    stale = [path for path in state.copies if path not in wanted]
    for path in stale:
        with suppress(FileNotFoundError, NotADirectoryError):
            (target / path).unlink()
        for folder in (target / path).parents:
            if folder == target or _is_in_use(folder):
                break
            folder.rmdir()
        del state.copies[path]
    return len(stale)


def _is_in_use(folder: Path) -> bool:
    """Whether a folder holds anything; one that is gone already, or is a file by now, is none of ours."""
    try:
        return any(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return True


def _is_current(target: Path, path: str, file: SourceFile, state: CloneState) -> bool:
    copy = state.copies.get(path, TO_FETCH)
    return (copy.version, copy.size) == (file.version, file.size) and copy.is_at(target / path)


def _transfer(
    source: Source,
    target: Path,
    waiting: Mapping[str, SourceFile],
    state: CloneState,
    *,
    connections: int,
    bar: Progress,
) -> dict[str, BatchAIError]:
    """Fetch files, several at once; each is noted when it is in place. Returns those that can't be had, by name."""
    failed: dict[str, BatchAIError] = {}
    stop = Event()
    pool = ThreadPoolExecutor(max_workers=connections)
    futures = {pool.submit(_fetch, source, file, target / path, bar, stop): path for path, file in waiting.items()}
    with journal(target, state) as note:
        try:
            for future in as_completed(futures):
                path = futures[future]
                try:
                    note(path, future.result())
                except BatchAIError as error:
                    if not error.of_one_file:
                        raise
                    failed[waiting[path].name] = error
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            with suppress(OSError):
                for future, path in futures.items():
                    if not future.cancelled() and future.exception() is None:
                        note(path, future.result())
            raise
    pool.shutdown()
    return failed


class _StoppedError(Exception):
    """Another file could not be fetched, or somebody interrupted: there is no use in ending this one."""


def _fetch(source: Source, file: SourceFile, path: Path, bar: Progress, stop: Event) -> Copy:
    """Fetch one file, check its size and MD5, and only then put it in place."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with atomic_open(path) as stream:
        for chunk in source.chunks(file):
            if stop.is_set():
                raise _StoppedError
            stream.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            bar.advance(len(chunk))
        if size != file.size or (file.md5 and digest.digest() != file.md5):
            damaged = CloudError(
                "a file did not arrive as it is at its source",
                where=f"{source.identity}/{file.name}",
                found=f"{size} bytes, MD5 {digest.hexdigest()}",
                expected=f"{file.size} bytes" + (f", MD5 {file.md5.hex()}" if file.md5 else ""),
                hint="run the same command again; if it stays, the file was damaged when it was uploaded",
            )
            damaged.of_one_file = True
            raise damaged
    return Copy(file.version, size, path.stat().st_mtime_ns)

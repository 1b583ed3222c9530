"""A folder that mirrors a source: incremental, verified, resumable.

What was cloned is remembered in ``.clone.json`` inside the target, with the version of each file at its source and the
time of its copy: an unchanged source transfers nothing, and a copy that somebody changed is fetched again. Each file
appears under its name only when it is complete and checked, so an interrupted clone carries on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from src.common.blob_storage import BlobSource, StorageCredentials, is_blob_url
from src.common.console import Progress, Stopwatch, progress
from src.common.errors import CloudError, DataError, SettingsError, some_of
from src.common.files import atomic_open, atomic_write, sweep_temporaries
from src.common.paths import original_name, refuse_look_alikes, safe_relative_path
from src.common.source_files import FolderSource, Source, SourceFile

STATE_NAME = ".clone.json"
STATE_FORMAT = 1
SAVE_SECONDS = 1.0
KEPT = {".gitignore", STATE_NAME}


@dataclass(frozen=True)
class CloneSummary:
    """What a clone did."""

    files: int
    transferred: int
    transferred_bytes: int
    deleted: int
    seconds: float

    def __str__(self) -> str:
        """One line for a person."""
        unchanged = self.files - self.transferred
        return (
            f"cloned {self.transferred} files ({self.transferred_bytes / 1e6:.1f} MB), {unchanged} unchanged,"
            f" {self.deleted} deleted, in {self.seconds:.1f} s"
        )


@dataclass(frozen=True)
class _Copy:
    """A copy in the target: the version it was made of, and what tells whether it is still that copy."""

    version: str
    size: int
    changed_ns: int


@dataclass
class _State:
    """What the target holds, by safe relative path; `damaged` where there is a note that can't be read."""

    source: str
    copies: dict[str, _Copy] = field(default_factory=dict)
    damaged: bool = False


_TO_FETCH = _Copy("", -1, 0)


def open_source(source: str, *, credentials: StorageCredentials, connections: int) -> Source:
    """Open what ``BATCHAI_INPUT_URL`` names: a folder, or a blob container with or without a prefix."""
    if is_blob_url(source):
        return BlobSource(source, credentials, connections=connections)
    if "://" in source:
        raise SettingsError(
            "BATCHAI_INPUT_URL can't be used",
            found=source.split("?", maxsplit=1)[0],
            expected="a folder, or https://<account>.blob.core.windows.net/<container>/<prefix>",
            hint="correct it in .env.local",
        )
    from src.common.settings import PROJECT_ROOT

    return FolderSource(PROJECT_ROOT / Path(source).expanduser())


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
    wanted = _safe_names(source)
    state = _load_state(target, source.identity)
    _refuse_foreign(target, wanted, state)
    deleted = _delete_stale(target, wanted, state)
    waiting = {path: file for path, file in wanted.items() if not _is_current(target, path, file, state)}
    total = sum(file.size for file in waiting.values())
    if waiting:
        state.copies.update(dict.fromkeys(waiting, _TO_FETCH))
        _save_state(target, state)  # first, so that what a killed clone leaves is known to be its own
        with progress("cloning", total=total, unit="bytes") as bar:
            _transfer(source, target, waiting, state, connections=connections, bar=bar)
    if waiting or deleted or not (target / STATE_NAME).exists():
        _save_state(target, state)
    return CloneSummary(len(wanted), len(waiting), total, deleted, watch.seconds)


def _refuse_overlap(source: Path, target: Path) -> None:
    if source == target or source in target.parents or target in source.parents:
        raise SettingsError(
            "the input and its local copy lie in one another",
            where=f"BATCHAI_INPUT_URL {source} and DATAPREP_INPUTS_DIR {target}",
            expected="two separate folders",
            hint="correct one of them in .env.local",
        )


def _safe_names(source: Source) -> dict[str, SourceFile]:
    """The files of a source by the relative path of their copies."""
    files = source.list()
    if not files:
        raise DataError(
            "the input holds no files",
            where=source.identity,
            expected="one folder per location, with its location.yml and CSV exports",
            hint="check BATCHAI_INPUT_URL, also the prefix",
        )
    wanted = {safe_relative_path(file.name): file for file in files}
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
    return wanted


def _refuse_foreign(target: Path, wanted: Mapping[str, SourceFile], state: _State) -> None:
    own = {*state.copies, *wanted} if state.damaged else state.copies.keys()
    foreign = [path for path in _files_below(target) if path not in own]
    if foreign:
        raise DataError(
            "the local copy holds files that no clone brought",
            where=target,
            found=some_of(foreign),
            expected="a folder that only mirrors its source",
            hint="move them away: to BATCHAI_INPUT_URL if they belong to the input, else anywhere",
        )


def _files_below(target: Path) -> Iterable[str]:
    if not target.is_dir():
        return []
    sweep_temporaries(target)
    for folder in (path for path in target.rglob("*") if path.is_dir()):
        sweep_temporaries(folder)
    paths = (path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir())
    return [path for path in paths if path not in KEPT]


def _delete_stale(target: Path, wanted: Mapping[str, SourceFile], state: _State) -> int:
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


def _is_current(target: Path, path: str, file: SourceFile, state: _State) -> bool:
    copy = state.copies.get(path)
    if copy is None or (copy.version, copy.size) != (file.version, file.size):
        return False
    try:
        found = (target / path).stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (copy.size, copy.changed_ns)


def _transfer(
    source: Source, target: Path, waiting: Mapping[str, SourceFile], state: _State, *, connections: int, bar: Progress
) -> None:
    """Fetch files, several at once; the state is saved as it goes and in any case at the end."""
    saved = monotonic()
    pool = ThreadPoolExecutor(max_workers=connections)
    futures = {pool.submit(_fetch, source, file, target / path, bar): path for path, file in waiting.items()}
    try:
        for future in as_completed(futures):
            state.copies[futures[future]] = future.result()
            if monotonic() - saved > SAVE_SECONDS:
                _save_state(target, state)
                saved = monotonic()
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        for future, path in futures.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                state.copies[path] = future.result()
        with suppress(OSError):
            _save_state(target, state)
        raise
    pool.shutdown()


def _fetch(source: Source, file: SourceFile, path: Path, bar: Progress) -> _Copy:
    """Fetch one file, check its size and MD5, and only then put it in place."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with atomic_open(path) as stream:
        for chunk in source.chunks(file):
            stream.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            bar.advance(len(chunk))
        if size != file.size or (file.md5 and digest.digest() != file.md5):
            raise CloudError(
                "a file did not arrive as it is at its source",
                where=f"{source.identity}/{file.name}",
                found=f"{size} bytes, MD5 {digest.hexdigest()}",
                expected=f"{file.size} bytes" + (f", MD5 {file.md5.hex()}" if file.md5 else ""),
                hint="run the same command again; if it stays, the file was damaged when it was uploaded",
            )
    return _Copy(file.version, size, path.stat().st_mtime_ns)


def _load_state(target: Path, source: str) -> _State:
    """What an earlier clone noted. Copies of another source are known, so that they can go, but count as outdated."""
    try:
        document = json.loads((target / STATE_NAME).read_text(encoding="utf-8"))
        copies = _parse_copies(document["copies"])
        known = document["format"] == STATE_FORMAT
        same = document["source"] == source
    except FileNotFoundError:
        return _State(source)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _State(source, damaged=True)
    if not known or not same:
        copies = dict.fromkeys(copies, _TO_FETCH)
    return _State(source, copies)


def _parse_copies(document: Mapping[str, Mapping[str, Any]]) -> dict[str, _Copy]:
    # these paths get deleted: one that leads out of the mirror must not come in with an edited note
    if any(safe_relative_path(original_name(path)) != path for path in document):
        raise ValueError("not the paths of copies")
    return {path: _Copy(**copy) for path, copy in document.items()}


def _save_state(target: Path, state: _State) -> None:
    copies = {path: asdict(state.copies[path]) for path in sorted(state.copies)}
    document = {"format": STATE_FORMAT, "source": state.source, "copies": copies}
    atomic_write(target / STATE_NAME, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

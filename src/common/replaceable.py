"""What may be replaced: a folder is replaced only by what it was.

A folder for results is free, or empty, or holds results of the same kind; whatever else is there was not written by
the step that is about to write, and is refused before anything is touched. One exception: a model's results may hold
the folder of another model, by its name. It is never replaced with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from src.common.errors import DataError, IntegrityError, some_of
from src.common.files import counts
from src.common.json_text import from_json
from src.common.manifest import MANIFEST_NAME, is_inside
from src.common.models import model_names

REGISTRY_MARK = ".batch-ai-registry"
OWNED = {".clone.json": "the local copy of the input", REGISTRY_MARK: "the model registry"}
"""Files that say what a folder without a manifest belongs to."""


@dataclass(frozen=True)
class Labelled:
    """What a manifest says a folder is, whether or not it is still as it was written.

    Attributes:
        kind: What the folder is for.
        names: Its files by their relative paths with forward slashes.
    """

    kind: str
    names: frozenset[str]


def label_of(folder: Path) -> Labelled | None:
    """What the manifest of a folder says it is; None where there is none, or where it can't be read at all."""
    try:
        document = from_json((folder / MANIFEST_NAME).read_bytes())
        kind, files, _ = document["kind"], document["files"], document["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(kind, str) or not isinstance(files, dict) or not all(map(is_inside, files)):
        return None
    return Labelled(kind, frozenset(files))


def refuse_place(path: Path, *, mark: str = "") -> None:
    """Refuse a place where no results may lie.

    Args:
        path: The folder, which need not be there yet.
        mark: Which of `OWNED` it may have itself.

    Raises:
        DataError: A file is in the way, or the place lies in somebody else's folder.
    """
    real = Path(os.path.realpath(path))
    if real.is_symlink():
        raise _refused("the folder for the results is a symbolic link that leads to itself", path, "a link", "a folder")
    for place in (real, *real.parents):
        if not place.is_dir() and os.path.lexists(place):
            raise _refused("a file is where the folder for the results should be", path, place, "a folder")
        if place != real and real.relative_to(place).parts[0] in model_names() and not _is_file(place / REGISTRY_MARK):
            continue  # a model's folder in that of another
        owner = _owner_of(place, mark=mark if place == real else "")
        if owner is None and place != real and (label := label_of(place)):
            owner = f"the {label.kind} in {place}"
        if owner and place == real:
            raise _refused("the folder for the results is something else", path, owner, "a folder of its own")
        if owner:
            raise _refused("the folder for the results lies in another one", path, owner, "a folder of its own")


def refuse_content(path: Path, *, kind: str, coming: Iterable[str] = ()) -> None:
    """Refuse a folder that holds anything but results of this kind, or nothing.

    Args:
        path: The folder.
        kind: What it is for.
        coming: The files that are about to come: none may take the place of what no step wrote.

    Raises:
        DataError: It holds files that no step wrote, or results of another kind.
        IntegrityError: Its manifest can't be read, so nobody can tell what it holds.
    """
    label = label_of(path)
    if label is not None and label.kind != kind:
        raise _refused("the folder for the results holds something else", path, label.kind, kind)
    if label is None and _is_file(path / MANIFEST_NAME):
        raise IntegrityError(
            "the manifest can't be read, so nobody can tell what this folder holds",
            where=path / MANIFEST_NAME,
            expected=f"a folder of {kind}, or an empty one",
            hint=f"delete the folder {path} and run the same command again",
        )
    foreign = sorted(_foreign(path, label, top_names(coming)))
    if foreign:
        raise DataError(
            "the folder for the results holds files that no step wrote",
            where=path,
            found=some_of(foreign),
            expected=f"a new or empty folder, or one that holds {kind} alone",
            hint="name another folder in .env.local, or move these files away",
        )


def top_names(files: Iterable[str]) -> set[str]:
    """The names directly in a folder that these files of it have or lie in."""
    return {PurePosixPath(name).parts[0] for name in files}


def _foreign(path: Path, label: Labelled | None, coming: set[str]) -> Iterator[str]:
    """Other people's files that would go; beside what was committed they may stay."""
    own = top_names(label.names) if label else set()
    for entry in path.iterdir():
        if entry.name in model_names() and entry.name not in coming:
            continue
        if counts(entry.name) and entry.name not in {*own, MANIFEST_NAME} and (label is None or entry.name in coming):
            yield entry.name
    if label is None:
        return
    for top in own:
        if (path / top).is_symlink():
            continue
        for folder, folders, files in os.walk(path / top):
            folders[:] = filter(counts, folders)
            found = (Path(folder, name).relative_to(path).as_posix() for name in files if counts(name))
            yield from (name for name in found if name not in label.names)


def _owner_of(place: Path, *, mark: str) -> str | None:
    owners = (what for name, what in OWNED.items() if name != mark and _is_file(place / name))
    return next((f"{what} in {place}" for what in owners), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _refused(what: str, path: Path, found: object, expected: str) -> DataError:
    return DataError(
        what,
        where=path,
        found=found,
        expected=expected,
        hint="nothing was changed; correct the folder in the arguments, or in .env.local",
    )

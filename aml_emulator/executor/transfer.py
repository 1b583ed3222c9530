"""Data between datastores and local folders: what mounting, downloading and uploading come down to here."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import yaml

from aml_emulator.executor.task import PlanError
from aml_emulator.store.blobs import BlobStore

_THREADS = 8
_DATASTORE_URI = re.compile(r"azureml://.*?/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)", re.IGNORECASE)
_STORAGE_URI = re.compile(
    r"https://(?P<host>[^/]+)/(?P<container>[^/]+)/(?P<path>.*)|wasbs://(?P<inner>[^@]+)@(?P<account>[^/]+)/(?P<rest>.*)"
)
_WILDCARD = re.compile(r"[*?\[{]")


@dataclass(frozen=True)
class Pattern:
    """Which blobs a dataset is made of: a datastore, and a path that may hold wildcards.

    Data of another account has its host, and its container in the place of a datastore.
    """

    datastore: str
    path: str
    host: str | None = None

    @property
    def has_wildcards(self) -> bool:
        """Whether it is more than the name of one file or folder."""
        return _WILDCARD.search(self.path) is not None

    @property
    def folder(self) -> str:
        """The folder that all its blobs lie in: with wildcards, the part of the path before them."""
        match = _WILDCARD.search(self.path)
        return self.path[: match.start()].rpartition("/")[0] if match else self.path.rstrip("/")

    def matches(self, blob: str) -> bool:
        """Tell whether a blob belongs to it: by the pattern, or by lying in the folder it names."""
        if self.has_wildcards:
            return _glob(self.path).fullmatch(blob) is not None
        return blob == self.folder or blob.startswith(f"{self.folder}/") or not self.folder


def _glob(path: str) -> re.Pattern[str]:
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = [meanings.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", path)]
    return re.compile("".join(parts))


def read_patterns(definition: str) -> list[Pattern]:
    """Return what a dataset's definition in the form of an MLTable names.

    Raises:
        PlanError: A path lies neither on a datastore nor in blob storage.
    """
    document: dict[str, Any] = yaml.safe_load(definition) or {}
    patterns = []
    for entry in document.get("paths") or []:
        uri = next(iter(entry.values()))
        match = _DATASTORE_URI.fullmatch(uri)
        if match is not None:
            patterns.append(Pattern(match["datastore"], unquote(match["path"])))
        elif (match := _STORAGE_URI.fullmatch(uri)) is not None:
            host, container, path = [part for part in match.groups() if part is not None]
            host, container = (host, container) if uri.startswith("https") else (container, host)
            patterns.append(Pattern(container, unquote(path), host))
        else:
            raise PlanError(
                f"'{uri}' does not lie on a datastore of this workspace, and nothing outside of this machine is "
                "reached: upload the data to a datastore and make the dataset of that"
            )
    return patterns


def relative_paths(pattern: Pattern, blobs: list[str], *, alone: bool) -> dict[str, str]:
    """Return where the engine puts the blobs of a dataset, below the folder it is delivered to.

    Args:
        pattern: Which blobs.
        blobs: The names that match it.
        alone: Whether the dataset is made of this one pattern; with several, the engine puts the datastore's
            name and the whole path below the folder.

    Returns:
        For each blob its relative path.
    """
    if not alone:
        return {blob: f"{pattern.datastore}/{blob}" for blob in blobs}
    if blobs == [pattern.path]:
        return {pattern.path: PurePosixPath(pattern.path).name}
    return {blob: blob[len(pattern.folder) :].lstrip("/") for blob in blobs}


def safe_join(folder: Path, relative: str) -> Path:
    """Return the path of a blob inside a folder.

    Raises:
        PlanError: The blob's name leads outside of the folder.
    """
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or PurePosixPath(relative).is_absolute():
        raise PlanError(f"the blob '{relative}' would lie outside of its folder")
    return folder.joinpath(*parts)


def download(blobs: BlobStore, container: str, names: Iterable[tuple[str, Path]]) -> None:
    """Write blobs to local files, several at a time.

    Args:
        blobs: Where they are.
        container: The container they are in.
        names: Name of each blob, and the file to write it to.
    """

    def fetch(item: tuple[str, Path]) -> None:
        name, target = item
        target.parent.mkdir(parents=True, exist_ok=True)
        blobs.get_to_file(container, name, target)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(fetch, names))


def download_path(blobs: BlobStore, container: str, path: str, folder: Path) -> Path:
    """Write what lies at or below a path of a container into a folder.

    Returns:
        The folder; where the path is one blob, the file in it.
    """
    path = path.strip("/")
    items = [item.name for item in blobs.list(container, path)]
    if path in items:
        target = folder / PurePosixPath(path).name
        download(blobs, container, [(path, target)])
        return target
    below = f"{path}/" if path else ""
    folder.mkdir(parents=True, exist_ok=True)
    inside = [name for name in items if name.startswith(below)]
    download(blobs, container, [(name, safe_join(folder, name[len(below) :])) for name in inside])
    return folder


def upload(blobs: BlobStore, source: Path, container: str, path: str) -> int:
    """Write a file, or all files of a folder, to a path of a container.

    Returns:
        How many files there were.
    """
    path = path.strip("/")
    if source.is_file():
        blobs.put_file(container, path, source)
        return 1
    files = [file for file in sorted(source.rglob("*")) if file.is_file()] if source.exists() else []

    def send(file: Path) -> None:
        blobs.put_file(container, f"{path}/{file.relative_to(source).as_posix()}", file)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(send, files))
    return len(files)

"""Cloning a container: what is transferred, what is deleted, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier

import pytest

from src.common.errors import DataError
from src.common.sources.blob_storage import BlobSource, StorageCredentials
from src.common.sources.cloning import clone, mirror
from src.common.sources.source import SourceFile
from test.support.azurite import Azurite, Container
from test.support.clones import BLOBS, SIGN_IN, copies, fetch, shown
from test.support.requests_sent import requests_sent


def test_the_whole_tree_is_cloned(container: Container, target: Path) -> None:
    summary = fetch(container, target)
    assert copies(target) == BLOBS
    size = sum(map(len, BLOBS.values()))
    assert (summary.files, summary.transferred, summary.transferred_bytes, summary.deleted) == (4, 4, size, 0)
    assert str(summary).startswith("cloned 4 files (0.1 MB), 0 unchanged, 0 deleted, in ")


def test_an_unchanged_container_transfers_nothing(container: Container, target: Path) -> None:
    with requests_sent() as first:
        fetch(container, target)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    with requests_sent() as second:
        summary = fetch(container, target)
    assert (first.lists, set(first.blobs), first.others) == (1, set(BLOBS), [])
    assert (second.lists, second.blobs, second.others) == (1, [], [])
    assert (summary.transferred, summary.transferred_bytes) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == before


def test_one_changed_blob_is_transferred(container: Container, target: Path) -> None:
    fetch(container, target)
    container.upload({"plant/batches.csv": b"batch,product\r\nB1,008\r\n"})
    with requests_sent() as sent:
        assert fetch(container, target).transferred == 1
    assert sent.blobs == ["plant/batches.csv"]
    assert copies(target) == {**BLOBS, "plant/batches.csv": b"batch,product\r\nB1,008\r\n"}


def test_a_deleted_blob_goes_with_its_empty_folders(container: Container, target: Path) -> None:
    fetch(container, target)
    container.client.delete_blob("plant/deep/er/results.csv")
    container.client.delete_blob("office/batches.csv")
    assert fetch(container, target).deleted == 2
    assert shown(target) == ["location.yml", "plant", "plant/batches.csv"]
    assert fetch(container, target).deleted == 0


def test_a_copy_that_was_changed_or_deleted_is_fetched_again(container: Container, target: Path) -> None:
    fetch(container, target)
    (target / "location.yml").write_bytes(b"tables: []\n")
    (target / "plant" / "batches.csv").unlink()
    with requests_sent() as sent:
        assert fetch(container, target).transferred == 2
    assert sorted(sent.blobs) == ["location.yml", "plant/batches.csv"]
    assert copies(target) == BLOBS


def test_a_prefix_is_a_folder(container: Container, target: Path) -> None:
    container.upload({"exports/plants/a.csv": b"1", "exports/plants2/a.csv": b"2", "exports/plants.csv": b"3"})
    for prefix in ("/exports/plants", "/exports/plants/"):
        fetch(container, target, prefix=prefix)
        assert copies(target) == {"a.csv": b"1"}


@pytest.mark.parametrize("connections", [1, 4])
def test_files_are_fetched_at_the_same_time(azurite: Azurite, target: Path, connections: int) -> None:
    container = azurite.new_container()
    blobs = {f"{i}.csv": bytes([i]) * 1000 for i in range(connections * 2)}
    container.upload(blobs)
    together = Barrier(connections, timeout=30)

    class Together(BlobSource):
        """Reads a blob only when as many are read as there are connections."""

        def chunks(self, file: SourceFile) -> Iterator[bytes]:
            together.wait()
            yield from super().chunks(file)

    mirror(Together(container.url, SIGN_IN, connections=connections), target, connections=connections)
    assert copies(target) == blobs


def test_an_empty_container_is_refused_and_deletes_nothing(
    azurite: Azurite, container: Container, target: Path
) -> None:
    fetch(container, target)
    for empty in (azurite.new_container().url, f"{container.url}/nowhere"):
        with pytest.raises(DataError, match=r"the input holds no files(.|\n)*INPUT_URL"):
            clone(empty, target, credentials=SIGN_IN, connections=2)
    assert copies(target) == BLOBS


def test_another_source_takes_the_place_of_the_first(
    azurite: Azurite, container: Container, target: Path, tmp_path: Path
) -> None:
    fetch(container, target)
    other = azurite.new_container()
    other.upload({"location.yml": b"tables: []\n", "new.csv": b"1"})
    summary = fetch(other, target)
    assert (summary.transferred, summary.deleted) == (2, 3)
    assert copies(target) == {"location.yml": b"tables: []\n", "new.csv": b"1"}
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"folder")
    clone(str(folder), target, credentials=StorageCredentials(), connections=2)
    assert copies(target) == {"a.csv": b"folder"}


@pytest.mark.parametrize("name", ["mine.csv", "plant/mine.csv", "location.yml"])
def test_files_that_no_clone_brought_are_refused_and_stay(container: Container, target: Path, name: str) -> None:
    (target / name).parent.mkdir(parents=True)
    (target / name).write_bytes(b"mine")
    (target / ".gitignore").write_bytes(b"*\n")
    with pytest.raises(DataError, match=f"files that no clone brought(.|\n)*{name}"):
        fetch(container, target)
    assert copies(target) == {name: b"mine"}
    (target / name).unlink()
    fetch(container, target)
    assert copies(target) == BLOBS
    assert (target / ".gitignore").read_bytes() == b"*\n"

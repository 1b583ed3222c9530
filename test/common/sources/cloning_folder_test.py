"""Cloning a folder: what holds for every source, without a service."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier

import pytest

from src.common.errors import CloudError, DataError, SettingsError
from src.common.sealed_json import seal
from src.common.sources.blob_storage import StorageCredentials
from src.common.sources.clone_state import JOURNAL_NAME, STATE_NAME
from src.common.sources.cloning import CloneSummary, clone, mirror
from src.common.sources.folder import FolderSource
from src.common.sources.source import SourceFile
from test.support.trees import change_later, read_tree, write_tree

PLANTS = {"berlin/location.yml": b"tables: []\n", "berlin/batches.csv": b"batch_id\n007\n", "oslo/a/b.csv": b""}


def clone_folder(source: Path, target: Path) -> CloneSummary:
    return clone(str(source), target, credentials=StorageCredentials(), connections=3)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "source", PLANTS)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


class TestMirror:
    def test_gives_the_same_tree_and_then_transfers_nothing(self, source: Path, target: Path) -> None:
        first = clone_folder(source, target)
        assert read_tree(target) == PLANTS
        assert (first.files, first.transferred, first.transferred_bytes) == (3, 3, sum(map(len, PLANTS.values())))
        times = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
        second = clone_folder(source, target)
        assert (second.files, second.transferred, second.deleted) == (3, 0, 0)
        assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == times

    def test_fetches_what_changed_there_or_here(self, source: Path, target: Path) -> None:
        clone_folder(source, target)
        change_later(source / "berlin/batches.csv", b"batch_id\n008\n")
        change_later(target / "berlin/location.yml", b"tables: {}\n")
        assert clone_folder(source, target).transferred == 2
        assert read_tree(target) == read_tree(source)

    def test_follows_deletions_and_leaves_no_empty_folders(self, source: Path, target: Path) -> None:
        clone_folder(source, target)
        (source / "oslo/a/b.csv").unlink()
        assert clone_folder(source, target).deleted == 1
        assert not (target / "oslo").exists()

    def test_what_was_deleted_on_both_sides_is_no_error(self, source: Path, target: Path) -> None:
        clone_folder(source, target)
        (source / "oslo/a/b.csv").unlink()
        (target / "oslo/a/b.csv").unlink()
        (target / "oslo/a").rmdir()
        assert clone_folder(source, target).deleted == 1

    def test_a_file_becomes_a_folder_and_a_folder_a_file(self, source: Path, target: Path) -> None:
        clone_folder(source, target)
        (source / "oslo/a/b.csv").unlink()
        (source / "oslo/a").rmdir()
        write_tree(source, {"oslo/a": b"now a file"})
        clone_folder(source, target)
        assert read_tree(target) == read_tree(source)
        (source / "oslo/a").unlink()
        write_tree(source, {"oslo/a/c.csv": b"a folder again"})
        clone_folder(source, target)
        assert read_tree(target) == read_tree(source)

    def test_another_source_takes_the_place_of_the_first(self, source: Path, target: Path, tmp_path: Path) -> None:
        clone_folder(source, target)
        other = write_tree(tmp_path / "other", {"berlin/batches.csv": b"batch_id\n009\n"})
        stamp = (source / "berlin/batches.csv").stat().st_mtime_ns
        os.utime(other / "berlin/batches.csv", ns=(stamp, stamp))  # same name, size and time as the first source's
        summary = clone_folder(other, target)
        assert read_tree(target) == {"berlin/batches.csv": b"batch_id\n009\n"}
        assert (summary.transferred, summary.deleted) == (1, 2)

    def test_a_damaged_note_costs_a_transfer_and_no_file(self, source: Path, target: Path) -> None:
        clone_folder(source, target)
        for text in ("", "{}", "[1]", seal({"format": 2, "source": "x", "copies": {"../../x": {}}}), "\udcff"):
            (target / STATE_NAME).write_bytes(text.encode("utf-8", "surrogateescape"))
            assert clone_folder(source, target).transferred == 3
            assert read_tree(target) == PLANTS

    def test_the_summary_is_one_line(self) -> None:
        summary = CloneSummary(files=5, transferred=2, transferred_bytes=3_400_000, deleted=1, seconds=0.51)
        assert str(summary) == "cloned 2 files (3.4 MB), 3 unchanged, 1 deleted, in 0.5 s"


class TestForeignFiles:
    def test_are_neither_deleted_nor_cloned_over(self, source: Path, target: Path) -> None:
        mine = write_tree(target, {"berlin/batches.csv": b"mine", "notes.txt": b"mine"})
        with pytest.raises(DataError, match="holds files that no clone brought") as caught:
            clone_folder(source, target)
        assert "berlin/batches.csv" in str(caught.value)
        assert "notes.txt" in str(caught.value)
        assert read_tree(mine) == {"berlin/batches.csv": b"mine", "notes.txt": b"mine"}

    def test_that_came_later_are_refused_too(self, source: Path, target: Path) -> None:
        clone_folder(source, target)
        write_tree(target, {"berlin/extra.csv": b"mine"})
        with pytest.raises(DataError, match="holds files that no clone brought"):
            clone_folder(source, target)
        (target / "berlin/extra.csv").unlink()
        assert clone_folder(source, target).transferred == 0

    def test_hidden_ones_and_those_of_desktops_do_not_matter(self, source: Path, target: Path) -> None:
        left = {".gitignore": b"*", ".git/config": b"x", "berlin/.DS_Store": b"x", "Thumbs.db": b"x"}
        write_tree(target, left)
        clone_folder(source, target)
        assert clone_folder(source, target).transferred == 0
        assert all((target / name).exists() for name in left)

    @pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
    def test_a_link_in_the_copy_is_not_written_through(self, source: Path, target: Path, tmp_path: Path) -> None:
        elsewhere = write_tree(tmp_path / "elsewhere", {".tmp-mine": b"keep", "batches.csv": b"keep"})
        target.mkdir()
        (target / "berlin").symlink_to(elsewhere, target_is_directory=True)
        with pytest.raises(DataError, match="holds files that no clone brought"):
            clone_folder(source, target)
        assert sorted(path.name for path in elsewhere.iterdir()) == [".tmp-mine", "batches.csv"]
        assert (elsewhere / "batches.csv").read_bytes() == b"keep"


class TestRefused:
    @pytest.mark.parametrize("inner", ["", "inside", "a/b"])
    def test_source_and_target_in_one_another(self, source: Path, inner: str) -> None:
        with pytest.raises(SettingsError, match="lie in one another"):
            clone_folder(source, source / inner)
        with pytest.raises(SettingsError, match="lie in one another"):
            clone_folder(source, source.parent)
        assert read_tree(source) == PLANTS

    def test_a_source_that_is_missing_or_a_file(self, source: Path, target: Path) -> None:
        with pytest.raises(DataError, match="the input folder does not exist"):
            clone_folder(source / "nowhere", target)
        with pytest.raises(DataError, match="the input folder does not exist") as caught:
            clone_folder(source / "berlin/batches.csv", target)
        assert "a file" in str(caught.value)

    def test_an_emptied_source_does_not_empty_the_copy(self, source: Path, target: Path) -> None:
        clone_folder(source, target)
        for name in PLANTS:
            (source / name).unlink()
        with pytest.raises(DataError, match="the input holds no files"):
            clone_folder(source, target)
        assert read_tree(target) == PLANTS

    @pytest.mark.parametrize(
        "url", ["ftp://host/x?sig=classified", "azureml://x?sig=classified", "s3://bucket", "file:///data"]
    )
    def test_other_kinds_of_url(self, target: Path, url: str) -> None:
        with pytest.raises(SettingsError, match="INPUT_URL can't be used") as caught:
            clone(url, target, credentials=StorageCredentials(), connections=1)
        assert "classified" not in str(caught.value)

    @pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own")
    def test_a_target_that_is_a_link_into_the_source(self, tmp_path: Path) -> None:
        (tmp_path / "source" / "below").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "source" / "below")
        with pytest.raises(SettingsError, match="lie in one another"):
            clone(str(tmp_path / "source"), tmp_path / "link", credentials=StorageCredentials(), connections=1)

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes names that are no text")
    def test_a_file_whose_name_is_no_text(self, tmp_path: Path, target: Path) -> None:
        source = tmp_path / "source"
        source.mkdir()
        (source / os.fsdecode(b"\xfc.csv")).touch()
        with pytest.raises(DataError, match="no Unicode"):
            clone(str(source), target, credentials=StorageCredentials(), connections=1)


class MemorySource:
    """A source whose answers a test chooses."""

    identity = "memory"

    def __init__(self, files: dict[str, list[bytes]], sizes: dict[str, int] | None = None) -> None:
        self._files = files
        self._sizes = sizes or {}

    def list(self) -> list[SourceFile]:
        sizes = {name: sum(map(len, parts)) for name, parts in self._files.items()} | self._sizes
        return [SourceFile(name, size, "1") for name, size in sizes.items()]

    def chunks(self, file: SourceFile) -> Iterator[bytes]:
        yield from self._files[file.name]


class TestAnySource:
    def test_a_file_that_ends_early_does_not_replace_the_old_one(self, target: Path) -> None:
        mirror(MemorySource({"a.csv": [b"old"]}), target, connections=1)
        cut_off = MemorySource({"a.csv": [b"ne"]}, sizes={"a.csv": 10})
        with pytest.raises(CloudError, match="did not arrive as it is at its source"):
            mirror(cut_off, target, connections=1)
        assert read_tree(target) == {"a.csv": b"old"}

    @pytest.mark.parametrize("name", ["../x.csv", "/x.csv", "a/../../x.csv", "..", "a//b", "C:\\x", "\x00"])
    def test_no_name_leads_out_of_the_target(self, target: Path, name: str) -> None:
        mirror(MemorySource({name: [b"content"]}), target, connections=1)
        assert list(read_tree(target).values()) == [b"content"]
        assert [path.name for path in target.parent.iterdir()] == ["target"]

    def test_as_many_files_as_there_are_connections_come_at_once(self, target: Path) -> None:
        meeting = Barrier(4)

        class Waiting(MemorySource):
            def chunks(self, file: SourceFile) -> Iterator[bytes]:
                meeting.wait(timeout=60)  # breaks, where fewer than four are on their way
                yield from super().chunks(file)

        files = {f"{i}.csv": [b"1"] for i in range(8)}
        assert mirror(Waiting(files), target, connections=4).transferred == 8

    def test_an_interrupt_keeps_what_is_complete(self, target: Path) -> None:
        class Interrupted(MemorySource):
            def chunks(self, file: SourceFile) -> Iterator[bytes]:
                if file.name == "c.csv":
                    raise KeyboardInterrupt
                yield from super().chunks(file)

        files = {"a.csv": [b"1"], "b.csv": [b"2"], "c.csv": [b"3"], "d.csv": [b"4"]}
        with pytest.raises(KeyboardInterrupt):
            mirror(Interrupted(files), target, connections=1)
        assert {"a.csv", "b.csv"} <= set(read_tree(target))
        kept = len(read_tree(target))
        assert mirror(MemorySource(files), target, connections=1).transferred == 4 - kept
        assert not (target / JOURNAL_NAME).exists()
        assert len(read_tree(target)) == 4

    def test_a_full_disk_ends_the_clone_and_keeps_what_is_complete(self, target: Path) -> None:
        class Full(MemorySource):
            def chunks(self, file: SourceFile) -> Iterator[bytes]:
                yield b"3"
                raise OSError(28, "No space left on device")

        mirror(MemorySource({"a.csv": [b"1"]}), target, connections=1)
        with pytest.raises(OSError, match="No space left"):
            mirror(Full({"a.csv": [b"1"], "b.csv": [b"3", b"4"]}), target, connections=1)
        assert read_tree(target) == {"a.csv": b"1"}
        assert not list(target.rglob(".tmp-*"))

    def test_the_identity_of_a_folder_is_its_path(self, source: Path) -> None:
        assert FolderSource(source / ".." / "source").identity == source.resolve().as_posix()

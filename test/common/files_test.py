from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from src.common.files import (
    TEMPORARY_PREFIX,
    atomic_open,
    atomic_write,
    counts,
    sweep_temporaries,
    sync_folder,
    temporary_sibling,
)
from test.support.full_disk import LIMITS, Limit, run_in_little_space
from test.support.kill_points import kill_at_every_call

OLD, NEW = b"old\r\ncontent\n", b"new" * 10_000


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.csv"
    atomic_write(path, OLD)
    assert path.read_bytes() == OLD
    assert names(path.parent) == ["c.csv"]


def test_text_is_utf_8_and_keeps_its_line_ends(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.csv", "süß\r\nx\ny\r")
    assert (tmp_path / "a.csv").read_bytes() == b"s\xc3\xbc\xc3\x9f\r\nx\ny\r"


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(OLD)
    with atomic_open(path) as stream:
        stream.write(NEW)
        stream.flush()
        assert path.read_bytes() == OLD
        (temporary,) = (entry for entry in tmp_path.iterdir() if entry != path)
        assert temporary.name.startswith(TEMPORARY_PREFIX)
    assert path.read_bytes() == NEW
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_an_error_on_the_way_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(OLD)

    def write_half() -> None:
        with atomic_open(path) as stream:
            stream.write(NEW)
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_bytes() == OLD
    assert names(tmp_path) == ["a.csv"]


def test_a_folder_in_the_way_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "a.csv" / "b").mkdir(parents=True)
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        atomic_write(tmp_path / "a.csv", NEW)
    assert names(tmp_path) == ["a.csv"]
    assert names(tmp_path / "a.csv") == ["b"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_others_may_read_a_file_as_they_may_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    atomic_write(tmp_path / "atomic", b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("limit", LIMITS)
def test_a_full_disk_leaves_the_old_file(limit: Limit, tmp_path: Path) -> None:
    found = run_in_little_space(
        limit,
        tmp_path,
        "from src.common.files import atomic_write\n"
        "atomic_write(folder / 'a.csv', b'old' * 1000)\n"
        "try:\n"
        "    atomic_write(folder / 'a.csv', b'new' * 1_000_000)\n"
        "except OSError as error:\n"
        "    found['errno'] = error.errno\n"
        "found['whole'] = (folder / 'a.csv').read_bytes() == b'old' * 1000\n"
        "found['names'] = [entry.name for entry in folder.iterdir()]\n",
    )
    expected = errno.ENOSPC if limit == "small disk" else errno.EFBIG
    assert found == {"errno": expected, "whole": True, "names": ["a.csv"]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    template = tmp_path / "templates" / "old"
    template.mkdir(parents=True)
    (template / "a.csv").write_bytes(OLD)
    action = (
        "from src.common.files import atomic_write\n"
        "def action(folder):\n"
        "    atomic_write(folder / 'a.csv', b'new' * 10_000)\n"
    )
    (folders,) = kill_at_every_call(action, template.parent, tmp_path / "killed")
    contents = [(folder / "a.csv").read_bytes() for folder in folders]
    changed = contents.index(NEW)
    assert set(contents[:changed]) == {OLD}
    assert set(contents[changed:]) == {NEW}
    assert changed >= 4, "killed before opening, writing, syncing and renaming"
    assert any(len(names(folder)) > 1 for folder in folders), "something was left behind"
    for folder in folders:
        left = len(names(folder)) - 1
        assert sweep_temporaries(folder) == left
        assert names(folder) == ["a.csv"]


def test_sweeping_takes_what_is_temporary_and_nothing_else(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    folder = tmp_path / "folder"
    (temporary_sibling(folder / "1") / "deep").mkdir(parents=True)
    temporary_sibling(folder / "2").touch()
    temporary_sibling(folder / "3").symlink_to(outside)
    (folder / "below").mkdir()
    temporary_sibling(folder / "below" / "4").touch()
    for name in ("a.csv", "tmp-5", ".gitignore", f"{TEMPORARY_PREFIX}of-somebody"):
        (folder / name).touch()
    assert sweep_temporaries(folder) == 3
    assert names(folder) == [".gitignore", f"{TEMPORARY_PREFIX}of-somebody", "a.csv", "below", "tmp-5"]
    assert len(names(folder / "below")) == 1
    assert names(outside) == ["precious"]


def test_there_is_nothing_to_sweep_where_there_is_no_folder(tmp_path: Path) -> None:
    assert sweep_temporaries(tmp_path / "nowhere") == 0
    (tmp_path / "file").touch()
    assert sweep_temporaries(tmp_path / "file") == 0


def test_temporary_names_are_in_the_same_folder_and_never_the_same(tmp_path: Path) -> None:
    siblings = {temporary_sibling(tmp_path / "a.csv") for _ in range(100)}
    assert len(siblings) == 100
    assert {sibling.parent for sibling in siblings} == {tmp_path}


def test_syncing_a_folder_that_can_not_be_opened_is_no_error(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    sync_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "counted"),
    [("a.csv", True), (".hidden", False), ("Thumbs.db", False), ("desktop.ini", False), ("thumbs", True)],
)
def test_what_counts_as_somebody_s_file(name: str, counted: bool) -> None:
    assert counts(name) is counted


def test_a_rename_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "somebody has the file open")

    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        atomic_write(path, b"new")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"a.txt": b"old"}

"""A committed folder: what is written is read, whole, and what is not its own stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT, finish_commit, read_manifest, replace_folder
from src.common.errors import DataError, IntegrityError
from src.common.manifest import MANIFEST_NAME
from test.support.committed import KIND, NEW, OLD, leftovers, read, tree, write


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "results", OLD)
    assert read(tmp_path / "results") == OLD


def test_the_new_content_replaces_the_old_one_whole(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*\n")
    write(tmp_path, OLD)
    write(tmp_path, NEW)
    assert read(tmp_path) == NEW
    assert tree(tmp_path) == {*NEW, MANIFEST_NAME, ".gitignore"}
    assert not (tmp_path / "sub" / "deep").exists()


def test_a_file_may_become_a_folder_and_the_reverse(tmp_path: Path) -> None:
    one, other = {"a": "file", "b/c": "file"}, {"a/c": "file", "b": "file"}
    for files in (one, other, one):
        write(tmp_path, files)
        assert read(tmp_path) == files


def test_a_folder_may_hold_no_file(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    write(tmp_path, {})
    assert read(tmp_path) == {}
    assert tree(tmp_path) == {MANIFEST_NAME}


def test_the_old_content_is_read_while_the_new_one_is_written(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    with replace_folder(tmp_path, kind=KIND) as staged:
        staged.write("a.csv", "new")
        staged.facts["files"] = 1
        assert read(tmp_path) == OLD
    assert read(tmp_path) == {"a.csv": "new"}


def test_a_commit_with_a_damaged_manifest_does_not_block_the_next(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / NEXT / "sub").mkdir(parents=True)
    (tmp_path / NEXT / MANIFEST_NAME).write_text('{"format": 1, "ki')
    with pytest.raises(IntegrityError, match="the manifest can't be read"):
        read_manifest(tmp_path, kind=KIND, made_by="test")
    write(tmp_path, NEW)
    assert read(tmp_path) == NEW
    assert leftovers(tmp_path) == []


def test_finishing_where_nothing_is_interrupted_does_nothing(tmp_path: Path) -> None:
    finish_commit(tmp_path / "nowhere")
    write(tmp_path, OLD)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    finish_commit(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_json_files_are_written_as_text_of_people(tmp_path: Path) -> None:
    with replace_folder(tmp_path, kind=KIND) as staged:
        staged.write_json("a.json", {"ü": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ü": [1, None]}
    assert "ü" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_folder_with_files_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_bytes(b"mine")
    (tmp_path / "a.csv").write_bytes(b"mine")
    with pytest.raises(DataError, match="holds files that are none") as caught:
        write(tmp_path, NEW)
    assert "a.csv, thesis.docx" in str(caught.value)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {
        "thesis.docx": b"mine",
        "a.csv": b"mine",
    }


def test_files_of_others_beside_results_stay(tmp_path: Path) -> None:
    for name in (".DS_Store", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"mine")
    write(tmp_path, OLD)
    (tmp_path / "notes.txt").write_bytes(b"mine")
    write(tmp_path, NEW)
    assert all((tmp_path / name).read_bytes() == b"mine" for name in (".DS_Store", "Thumbs.db", "notes.txt"))
    assert not (tmp_path / "gone.csv").exists()
    (tmp_path / "Thumbs.db").unlink()
    (tmp_path / "notes.txt").unlink()
    assert read(tmp_path) == NEW


def test_behind_a_damaged_manifest_nothing_old_is_left(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / MANIFEST_NAME).write_bytes(b"{")
    write(tmp_path, NEW)
    assert read(tmp_path) == NEW
    assert not (tmp_path / "gone.csv").exists()

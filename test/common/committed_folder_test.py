"""A committed folder: what is written is read, whole, and what is not its own stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT, finish_commit, read_manifest, replace_folder, verify_files
from src.common.errors import DataError, IntegrityError, SettingsError
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
    with pytest.raises(DataError, match="holds files that no step wrote") as caught:
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


def test_files_of_others_among_results_are_refused(tmp_path: Path) -> None:
    """They would go with the folder that they lie in."""
    write(tmp_path, OLD)
    (tmp_path / "sub" / "notes.txt").write_bytes(b"mine")
    with pytest.raises(DataError, match="files that no step wrote") as caught:
        write(tmp_path, NEW)
    assert "sub/notes.txt" in str(caught.value)
    assert (tmp_path / "sub" / "notes.txt").read_bytes() == b"mine"


def test_a_file_of_others_is_not_overwritten_by_a_new_one(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / "added.csv").write_bytes(b"mine")
    with pytest.raises(DataError, match="files that no step wrote") as caught:
        write(tmp_path, NEW)
    assert "added.csv" in str(caught.value)
    assert (tmp_path / "added.csv").read_bytes() == b"mine"
    (tmp_path / "added.csv").unlink()
    assert read(tmp_path) == OLD
    assert leftovers(tmp_path) == []


def test_results_with_a_changed_manifest_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    text = (tmp_path / MANIFEST_NAME).read_text(encoding="utf-8")
    (tmp_path / MANIFEST_NAME).write_text(text.replace('"bytes": 3', '"bytes": 7'), encoding="utf-8")
    with pytest.raises(IntegrityError, match="its own SHA-256 does not fit"):
        read(tmp_path)
    write(tmp_path, NEW)
    assert read(tmp_path) == NEW
    assert not (tmp_path / "gone.csv").exists()


@pytest.mark.parametrize(
    "manifest", [b"{", b"[]", b"", b'{"format": 2, "kind": "results", "files": {"../a.csv": {}}}', b"\xff"]
)
def test_behind_an_illegible_manifest_nothing_is_touched(tmp_path: Path, manifest: bytes) -> None:
    write(tmp_path, OLD)
    (tmp_path / MANIFEST_NAME).write_bytes(manifest)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(IntegrityError, match="nobody can tell what this folder holds") as caught:
        write(tmp_path, NEW)
    assert f"delete the folder {tmp_path}" in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_results_of_an_earlier_version_are_refused_to_readers_and_replaced(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    document = json.loads((tmp_path / MANIFEST_NAME).read_bytes())
    del document["sha256"]
    (tmp_path / MANIFEST_NAME).write_text(json.dumps({**document, "format": 1}, indent=1) + "\n")
    with pytest.raises(IntegrityError, match="written by an earlier version") as caught:
        read(tmp_path)
    assert "run the step that writes this folder again" in str(caught.value)
    write(tmp_path, NEW)
    assert read(tmp_path) == NEW


def test_what_is_replaced_while_it_is_read_is_not_called_damaged(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    manifest = read_manifest(tmp_path, kind=KIND, made_by="test")
    write(tmp_path, NEW)
    with pytest.raises(DataError, match="the results was replaced while it was read") as caught:
        verify_files(tmp_path, manifest)
    assert not isinstance(caught.value, IntegrityError)


def test_one_process_does_not_write_two_results_to_one_folder(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path.parent / "link").symlink_to(tmp_path)
    for same in (tmp_path, tmp_path.parent / "link", tmp_path / ".." / tmp_path.name):
        with (
            pytest.raises(SettingsError, match="two results are to go to the same folder"),
            replace_folder(tmp_path, kind=KIND),
            replace_folder(same, kind="other"),
        ):
            pytest.fail("both were begun")
    assert read(tmp_path) == OLD
    assert leftovers(tmp_path) == []

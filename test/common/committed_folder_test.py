from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT, finish_commit, read_manifest, replace_folder, verify_files
from src.common.errors import DataError, IntegrityError
from src.common.files import TEMPORARY_PREFIX
from src.common.manifest import MANIFEST_NAME, Manifest
from test.support.full_disk import LIMITS, Limit, run_in_little_space
from test.support.kill_points import kill_at_every_call

Files = dict[str, str]
KIND = "results"
OLD: Files = {"a.csv": "old", "gone.csv": "old", "sub/b.csv": "old", "sub/deep/gone.csv": "old"}
NEW: Files = {
    "a.csv": "new",
    "added.csv": "new" * 5000,
    "sub/b.csv": "new",
    "sub/added.csv": "new",
    "other/d.csv": "new",
}
THIRD: Files = {"third.csv": "third", "sub/b.csv": "third"}
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def write(path: Path, files: Files) -> None:
    with replace_folder(path, kind=KIND) as staged:
        for name, content in files.items():
            staged.write(name, content)
        staged.facts["files"] = len(files)


def read(path: Path) -> Files:
    """What a reader finds: everything that the manifest names, checked, and nothing else beside it."""
    manifest = read_manifest(path, kind=KIND, made_by="test")
    verify_files(path, manifest)
    assert manifest.facts == {"files": len(manifest.files)}
    shown = {name for name in tree(path) if not name.startswith(".")}
    assert shown == {*manifest.files, MANIFEST_NAME}
    return {name: (path / name).read_text(encoding="utf-8") for name in manifest.files}


def tree(path: Path) -> set[str]:
    return {entry.relative_to(path).as_posix() for entry in path.rglob("*") if entry.is_file()}


def leftovers(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.name.startswith((TEMPORARY_PREFIX, NEXT)))


def action(files: Files) -> str:
    """Source that does what `write` does, for a process of its own."""
    return (
        "from src.common.committed_folder import replace_folder\n"
        f"FILES = {files!r}\n"
        "def action(folder):\n"
        f"    with replace_folder(folder, kind={KIND!r}) as staged:\n"
        "        for name, content in FILES.items():\n"
        "            staged.write(name, content)\n"
        "        staged.facts['files'] = len(FILES)\n"
    )


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


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_an_error_while_writing_leaves_the_old_content(tmp_path: Path, error: BaseException) -> None:
    write(tmp_path, OLD)

    def write_half() -> None:
        with replace_folder(tmp_path, kind=KIND) as staged:
            staged.write("a.csv", "new")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert read(tmp_path) == OLD
    assert leftovers(tmp_path) == []


def test_a_fact_that_is_no_json_leaves_the_old_content(tmp_path: Path) -> None:
    write(tmp_path, OLD)

    def write_nan() -> None:
        with replace_folder(tmp_path, kind=KIND) as staged:
            staged.facts["rmse"] = float("nan")

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_nan()
    assert read(tmp_path) == OLD
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("limit", LIMITS)
def test_a_full_disk_leaves_the_old_content(limit: Limit, tmp_path: Path) -> None:
    source = (
        "from src.common.committed_folder import read_manifest, replace_folder, verify_files\n"
        "def write(word, times):\n"
        "    with replace_folder(folder, kind='results') as staged:\n"
        "        for i in range(5):\n"
        "            staged.write(f'sub{i}/a.csv', word * times * (i + 1))\n"
        "def read():\n"
        "    manifest = read_manifest(folder, kind='results', made_by='test')\n"
        "    verify_files(folder, manifest)\n"
        "    return {(folder / name).read_text()[:3] for name in manifest.files}\n"
        "write('old', 1000)\n"
        "try:\n"
        "    write('new', 20_000)\n"
        "except OSError as error:\n"
        "    found['errno'] = error.errno\n"
        "found['after'] = sorted(read())\n"
        "found['names'] = sorted(entry.name for entry in folder.iterdir())\n"
        "write('end', 2000)\n"
        "found['next'] = sorted(read())\n"
    )
    assert run_in_little_space(limit, tmp_path, source) == {
        "errno": errno.ENOSPC if limit == "small disk" else errno.EFBIG,
        "after": ["old"],
        "names": ["manifest.json", "sub0", "sub1", "sub2", "sub3", "sub4"],
        "next": ["end"],
    }


@forks
def test_a_kill_at_any_moment_leaves_the_old_content_or_the_new_one(tmp_path: Path) -> None:
    template = tmp_path / "templates" / "old"
    write(template, OLD)
    (template / ".gitignore").write_text("*\n")
    (folders,) = kill_at_every_call(action(NEW), template.parent, tmp_path / "killed")
    contents = [read(folder) for folder in folders]
    changed = contents.index(NEW)
    assert all(content == OLD for content in contents[:changed])
    assert all(content == NEW for content in contents[changed:])
    assert changed > 10, "killed while the new files were written"
    assert len(folders) - changed > 10, "killed while the new files were moved in"
    for folder in folders:
        write(folder, THIRD)
        assert read(folder) == THIRD
        assert tree(folder) == {*THIRD, MANIFEST_NAME, ".gitignore"}
        assert leftovers(folder) == []


@forks
def test_a_kill_before_the_first_commit_leaves_nothing_or_all(tmp_path: Path) -> None:
    (tmp_path / "templates" / "empty").mkdir(parents=True)
    (folders,) = kill_at_every_call(action(NEW), tmp_path / "templates", tmp_path / "killed")
    found = []
    for folder in folders:
        try:
            found.append(read(folder))
        except DataError as error:
            assert "there is no results here" in str(error)  # noqa: PT017 - both outcomes are right
            found.append({})
        write(folder, THIRD)
        assert read(folder) == THIRD
        assert leftovers(folder) == []
    changed = found.index(NEW)
    assert all(content == {} for content in found[:changed])
    assert all(content == NEW for content in found[changed:])
    assert changed > 10


@forks
def test_a_kill_while_an_interrupted_commit_is_finished(tmp_path: Path) -> None:
    """Whoever reads finishes it, and may be killed in turn."""
    small = {"a.csv": "new", "sub/b.csv": "new"}
    template = tmp_path / "templates" / "old"
    write(template, OLD)
    (folders,) = kill_at_every_call(action(small), template.parent, tmp_path / "killed")
    interrupted = tmp_path / "interrupted"
    for folder in folders:
        if (folder / NEXT).is_dir():
            shutil.copytree(folder, interrupted / f"{int(folder.name):04d}")
    assert len(list(interrupted.iterdir())) > 5
    source = (
        "from src.common.committed_folder import read_manifest\n"
        "def action(folder):\n"
        f"    read_manifest(folder, kind={KIND!r}, made_by='test')\n"
    )
    for states in kill_at_every_call(source, interrupted, tmp_path / "again"):
        assert len(states) > 1, "killed at least once"
        assert all(read(folder) == small for folder in states)
        write(states[-2], THIRD)
        assert read(states[-2]) == THIRD
        assert leftovers(states[-2]) == []


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


@pytest.mark.parametrize(("exists", "found"), [(False, "no folder"), (True, f"no {MANIFEST_NAME}")])
def test_where_nothing_was_committed_the_command_is_named(tmp_path: Path, exists: bool, found: str) -> None:
    folder = tmp_path / "results"
    if exists:
        folder.mkdir()
    with pytest.raises(DataError, match="there is no results here") as caught:
        read_manifest(folder, kind=KIND, made_by="python train.py")
    assert found in str(caught.value)
    assert "run: python train.py" in str(caught.value)


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    with pytest.raises(IntegrityError, match=r"something else(.|\n)*results(.|\n)*model"):
        read_manifest(tmp_path, kind="model", made_by="test")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"format": 2, "kind": "results", "facts": {}, "files": {}}',
        '{"format": 1, "kind": "results", "files": {}}',
        '{"format": 1, "kind": "results", "facts": {}, "files": []}',
        '{"format": 1, "kind": "results", "facts": {}, "files": {"a": {"bytes": 1}}}',
        '{"format": 1, "kind": "results", "facts": {}, "files": {"a": 1}}',
        '{"format": 1, "kind": "results", "facts": 7, "files": {}}',
        "\xff",
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(IntegrityError, match="the manifest can't be read"):
        read_manifest(tmp_path, kind=KIND, made_by="test")


@pytest.mark.parametrize("name", ["a.csv", "sub/deep/gone.csv"])
def test_changed_and_missing_files_are_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, OLD)
    manifest = read_manifest(tmp_path, kind=KIND, made_by="test")
    (tmp_path / name).write_text("OLD")
    with pytest.raises(IntegrityError, match=f"{name} was changed"):
        verify_files(tmp_path, manifest)
    (tmp_path / name).unlink()
    with pytest.raises(IntegrityError, match=f"{name} is missing"):
        verify_files(tmp_path, manifest)


def test_every_flipped_bit_of_a_file_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "1,2\n"})
    manifest = read_manifest(tmp_path, kind=KIND, made_by="test")
    content = (tmp_path / "a.csv").read_bytes()
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a.csv").write_bytes(flipped)
        with pytest.raises(IntegrityError, match=r"a\.csv was changed"):
            verify_files(tmp_path, manifest)


def test_a_manifest_is_the_same_text_for_the_same_content(tmp_path: Path) -> None:
    write(tmp_path / "one", OLD)
    write(tmp_path / "other", dict(reversed(OLD.items())))
    one, other = (read_manifest(tmp_path / name, kind=KIND, made_by="test") for name in ("one", "other"))
    assert one.to_json() == other.to_json() == (tmp_path / "one" / MANIFEST_NAME).read_text(encoding="utf-8")
    assert one.version == other.version
    assert len(one.version) == 12
    assert Manifest.from_json(one.to_json()) == one
    write(tmp_path / "one", {**OLD, "a.csv": "olD"})
    assert read_manifest(tmp_path / "one", kind=KIND, made_by="test").version != other.version


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


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b"])
def test_a_manifest_that_names_files_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    entry = {"bytes": 1, "sha256": ""}
    document = {"format": 1, "kind": KIND, "facts": {}, "files": {name: entry}}
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(IntegrityError, match="the manifest can't be read") as caught:
        read_manifest(tmp_path, kind=KIND, made_by="x")
    assert "a file outside the folder" in str(caught.value)

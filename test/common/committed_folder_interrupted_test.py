"""A committed folder whose writer fails, is killed at any call, or finds the disk full."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT, replace_folder
from src.common.errors import DataError
from src.common.manifest import MANIFEST_NAME
from test.support.committed import KIND, NEW, OLD, THIRD, Files, leftovers, read, tree, write
from test.support.full_disk import LIMITS, Limit, run_in_little_space
from test.support.kill_points import kill_at_every_call

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


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

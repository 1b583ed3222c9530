"""A committed folder whose writer is killed at any call."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT
from src.common.errors import DataError
from src.common.manifest import MANIFEST_NAME
from test.faults.plugin import Cases
from test.support.committed import KIND, NEW, OLD, THIRD, Files, leftovers, read, tree, write
from test.support.kill_points import kill_at_every_call

pytestmark = [
    pytest.mark.fault(
        "a folder whose writer is killed holds the old content or the new one, and is written again", sample=1
    ),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]
SPARSE = 6
"""A normal run kills at every so many calls."""


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


def test_a_kill_at_any_moment_leaves_the_old_content_or_the_new_one(tmp_path: Path, cases: Cases) -> None:
    template = tmp_path / "templates" / "old"
    write(template, OLD)
    (template / ".gitignore").write_text("*\n")
    every = 1 if cases.nightly else SPARSE
    (folders,) = kill_at_every_call(action(NEW), template.parent, tmp_path / "killed", every=every)
    contents = [read(folder) for folder in folders]
    changed = contents.index(NEW)
    assert changed > 10 // every, "killed while the new files were written"
    assert len(folders) - changed > 10 // every, "killed while the new files were moved in"
    for number, folder in enumerate(folders):
        with cases.case(f"killed before call {folder.name}"):
            assert contents[number] == (OLD if number < changed else NEW)
            write(folder, THIRD)
            assert read(folder) == THIRD
            assert tree(folder) == {*THIRD, MANIFEST_NAME, ".gitignore"}
            assert leftovers(folder) == []


def test_a_kill_before_the_first_commit_leaves_nothing_or_all(tmp_path: Path, cases: Cases) -> None:
    (tmp_path / "templates" / "empty").mkdir(parents=True)
    every = 1 if cases.nightly else SPARSE
    (folders,) = kill_at_every_call(action(NEW), tmp_path / "templates", tmp_path / "killed", every=every)
    found = []
    for folder in folders:
        with cases.case(f"killed before call {folder.name}"):
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
    assert changed > 10 // every


def test_a_kill_while_an_interrupted_commit_is_finished(tmp_path: Path, cases: Cases) -> None:
    """Whoever reads finishes it, and may be killed in turn."""
    small = {"a.csv": "new", "sub/b.csv": "new"}
    template = tmp_path / "templates" / "old"
    write(template, OLD)
    every = 1 if cases.nightly else SPARSE
    (folders,) = kill_at_every_call(action(small), template.parent, tmp_path / "killed", every=every)
    interrupted = tmp_path / "interrupted"
    for folder in folders:
        if (folder / NEXT).is_dir():
            shutil.copytree(folder, interrupted / f"{int(folder.name):04d}")
    assert len(list(interrupted.iterdir())) > 5 // every
    source = (
        "from src.common.committed_folder import open_committed\n"
        "def action(folder):\n"
        f"    open_committed(folder, kind={KIND!r})\n"
    )
    for states in kill_at_every_call(source, interrupted, tmp_path / "again", every=every):
        with cases.case(f"{states[0].parent.name}, killed again"):
            assert all(read(folder) == small for folder in states)
            write(states[-1], THIRD)
            assert read(states[-1]) == THIRD
            assert leftovers(states[-1]) == []

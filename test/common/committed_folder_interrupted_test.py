"""A committed folder whose writer fails or finds the disk full."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from src.common.committed_folder import replace_folder
from test.support.committed import KIND, OLD, leftovers, read, write
from test.support.full_disk import LIMITS, Limit, run_in_little_space


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

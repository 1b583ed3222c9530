"""Temporary folders, and those that killed processes left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from src.common.folder_lock import LOCK_NAME
from src.common.scratch import PREFIX, YOUNG_SECONDS, scratch_folder
from src.common.settings import PROJECT_ROOT

HOLDER = """
import sys
from pathlib import Path
from src.common.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "model").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


def make_old(folder: Path) -> None:
    long_ago = time.time() - YOUNG_SECONDS - 60
    os.utime(folder, (long_ago, long_ago))


def test_a_folder_is_gone_after_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fail_inside() -> None:
        with scratch_folder() as folder:
            (folder / "deep").mkdir()
            assert folder.parent == tmp_path
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}mine").mkdir()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / LOCK_NAME).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "thesis")
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        for folder in (left, tmp_path / f"{PREFIX}mine", tmp_path / "thesis"):
            make_old(folder)
        with scratch_folder(tmp_path):
            assert left.is_dir(), "its process goes on"
        process.send_signal(signal.SIGKILL)
        process.wait()
    with scratch_folder(tmp_path):
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}link", f"{PREFIX}mine", "thesis"]

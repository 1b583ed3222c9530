"""Who owns a folder, who waits and who is refused."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from src.common import folder_lock as locks
from src.common.errors import DataError, SettingsError
from src.common.folder_lock import LOCK_NAME, folder_lock, try_folder
from src.common.settings import PROJECT_ROOT

HOLDER = """
import sys
from pathlib import Path
from src.common.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_holds(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_folder_is_owned_once_and_nothing_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        with folder_lock(tmp_path):
            assert [entry.name for entry in tmp_path.iterdir()] == [LOCK_NAME]
            with try_folder(tmp_path) as owned:
                assert not owned
        assert list(tmp_path.iterdir()) == []
    with try_folder(tmp_path) as owned:
        assert owned


def test_a_second_process_waits_with_a_sentence_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with another_holds(tmp_path) as holder, ExitStack() as stack:
        original = time.sleep

        def end_the_other(seconds: float) -> None:
            if holder.stdin is not None and not holder.stdin.closed:
                holder.stdin.close()
            original(seconds)

        stack.enter_context(pytest.MonkeyPatch.context()).setattr(time, "sleep", end_the_other)
        stack.enter_context(folder_lock(tmp_path))
        assert capsys.readouterr().err == f"waiting for process {holder.pid}, which is writing {tmp_path}\n"
    assert list(tmp_path.iterdir()) == []


def test_who_goes_on_too_long_is_named(tmp_path: Path) -> None:
    with (
        another_holds(tmp_path) as holder,
        pytest.raises(DataError, match="another process is writing this folder") as caught,
        folder_lock(tmp_path, patience=0.0),
    ):
        pytest.fail("two owners")
    assert caught.value.found == f"process {holder.pid}"
    assert caught.value.where == tmp_path


def test_who_owns_a_folder_never_waits_for_another(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    with another_holds(other), folder_lock(one), pytest.raises(DataError, match="another process"), folder_lock(other):
        pytest.fail("two owners")


def test_a_killed_process_owns_nothing(tmp_path: Path) -> None:
    with another_holds(tmp_path) as holder:
        holder.kill()
        holder.wait()
    assert [entry.name for entry in tmp_path.iterdir()] == [LOCK_NAME]
    with folder_lock(tmp_path, patience=0.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_process_is_refused_a_folder_that_it_owns(tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(SettingsError, match="same folder"), folder_lock(tmp_path / "."):
        pytest.fail("owned twice")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_there_are_no_locks_nobody_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(_: int) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(locks, "_lock", no_locks)
    with folder_lock(tmp_path), try_folder(tmp_path) as owned:
        assert owned
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_its_holder_removed_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last holder removes the file between its being opened here and its being locked."""
    original = locks._lock
    removed: list[int] = []

    def lock(descriptor: int) -> None:
        if not removed:
            removed.append(descriptor)
            (tmp_path / LOCK_NAME).unlink()
        original(descriptor)

    monkeypatch.setattr(locks, "_lock", lock)
    with folder_lock(tmp_path):
        with try_folder(tmp_path) as owned:
            assert not owned
        assert (tmp_path / LOCK_NAME).exists()

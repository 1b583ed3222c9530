from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_service.run_state import RunState, StepRecord, only_one_run
from src.common.errors import SettingsError
from src.common.sealed_json import seal
from src.common.settings import PROJECT_ROOT
from test.support.waiting import is_free, until

RECORD = StepRecord({"code": "1", "input é": "2"}, {"model_folder": "3"})
OTHER = StepRecord({}, {})
texts = st.text(st.characters(exclude_categories=["Cs"]))
records = st.builds(StepRecord, st.dictionaries(texts, texts), st.dictionaries(texts, texts))

# holds the lock until its input ends; with an argument, a process that inherits the lock does so instead
HOLDER = """
import subprocess, sys
from pathlib import Path
from ml_service.run_state import only_one_run
with only_one_run(Path(sys.argv[1])) as lock:
    if len(sys.argv) > 2:
        subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], pass_fds=(lock,))
    print("held", flush=True)
    sys.stdin.read()
"""
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals and no inherited descriptors")


def test_what_is_recorded_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    state = RunState.load(path)
    assert (state.steps, state.problem) == ({}, "")
    state.record("prepare", RECORD)
    state.record("train", OTHER)
    assert RunState.load(path) == RunState(path, {"prepare": RECORD, "train": OTHER})


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    state = RunState(tmp_path / "state.json")
    state.record("prepare", RECORD)
    state.record("train", OTHER)
    state.forget("prepare")
    state.forget("never recorded")
    assert RunState.load(state.path).steps == {"train": OTHER}


def test_forgetting_what_was_never_recorded_writes_nothing(tmp_path: Path) -> None:
    RunState(tmp_path / "state.json").forget("prepare")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=25)  # each writes to the disk
@given(st.dictionaries(texts, records, max_size=3))
def test_any_names_are_kept(tmp_path_factory: pytest.TempPathFactory, steps: dict[str, StepRecord]) -> None:
    state = RunState(tmp_path_factory.getbasetemp() / "any.json")
    state.path.unlink(missing_ok=True)
    for name, record in steps.items():
        state.record(name, record)
    assert RunState.load(state.path) == RunState(state.path, steps)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "can't be read"),
        (b"{", "can't be read"),
        (b"\xff\xfe", "can't be read"),
        (b"[]", "can't be read"),
        (b"null", "can't be read"),
        (b"{}", "can't be read"),
        (b"[" * 100_000, "can't be read"),
        (b'{"format": 2, "steps": {}}', "can't be read"),
        (seal({"format": 2}).encode(), "can't be read"),
        (seal({"format": 2, "steps": None}).encode(), "can't be read"),
        (seal({"format": 2, "steps": {"train": None}}).encode(), "can't be read"),
        (seal({"format": 2, "steps": {"train": {}}}).encode(), "can't be read"),
        (seal({"format": 2, "steps": {"train": {"depends_on": {}}}}).encode(), "can't be read"),
        (seal({"format": 2, "steps": {"train": {"depends_on": None, "outputs": {}}}}).encode(), "can't be read"),
        (seal({"format": 2, "steps": {"train": {"depends_on": {}, "outputs": []}}}).encode(), "can't be read"),
        (seal({"format": 1, "steps": {}}).encode(), "has another format"),
    ],
)
def test_a_corrupted_file_is_named_and_harmless(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    state = RunState.load(path)
    assert (state.steps, state.problem) == ({}, f"{path} {problem}")
    state.record("train", RECORD)
    assert RunState.load(path) == RunState(path, {"train": RECORD})


def test_a_kill_while_writing_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = RunState(tmp_path / "state.json")
    state.record("prepare", RECORD)

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        state.record("train", OTHER)
    assert RunState.load(state.path).steps == {"prepare": RECORD}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


Hold = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Start a process that holds the lock; all of them end with the test."""
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), *arguments]
            process = stack.enter_context(
                subprocess.Popen(command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            return process

        yield start


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_is_refused_with_the_first_ones_id(tmp_path: Path, hold: Hold) -> None:
    holder = hold()
    assert said(holder) == "held"
    with pytest.raises(SettingsError) as raised, only_one_run(tmp_path / "lock"):
        pytest.fail("two runs at once")
    assert raised.value.what == "another run of this pipeline is going on"
    assert raised.value.found == f"process {holder.pid}, or a step that it started"
    assert raised.value.where == tmp_path / "lock"
    holder.communicate()
    assert holder.returncode == 0
    with only_one_run(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_is_let_go_of_when_the_run_fails(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError, match="a bug"), only_one_run(tmp_path / "deep" / "lock"):
            raise KeyError("a bug")


def test_two_pipelines_run_at_once(tmp_path: Path) -> None:
    with only_one_run(tmp_path / "one.lock"), only_one_run(tmp_path / "two.lock"):
        assert {path.read_text() for path in tmp_path.iterdir()} == {f"{os.getpid()}\n"}


@posix_only
def test_a_killed_run_holds_nothing(tmp_path: Path, hold: Hold) -> None:
    holder = hold()
    assert said(holder) == "held"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_one_run(tmp_path / "lock"):
        assert json.loads((tmp_path / "lock").read_text()) == os.getpid()


@posix_only
def test_a_step_that_outlives_its_runner_holds_the_lock(tmp_path: Path, hold: Hold) -> None:
    holder = hold("with a step")
    assert said(holder) == "held"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with (
        pytest.raises(SettingsError, match=f"process {holder.pid}, or a step that it started"),
        only_one_run(tmp_path / "lock"),
    ):
        pytest.fail("the step still goes on")
    assert holder.stdin is not None
    holder.stdin.close()  # the step reads it too, and ends with it
    until(lambda: is_free(tmp_path / "lock"), what="the step ends")

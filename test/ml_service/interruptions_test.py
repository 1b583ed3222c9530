"""The runner and its steps are killed, interrupted and started twice: what was committed stays whole."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from test.support.tiny_project import NAMES, TinyProject, run
from test.support.waiting import is_free, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    """A project whose first run is done, and in which ``change`` and ``show`` have to run again."""
    tiny = TinyProject.make(tmp_path)
    for name, value in tiny.variables.items():
        monkeypatch.setenv(name, value)
    assert run(tiny.root, []) == 0
    monkeypatch.setenv("TRAIN_FOLDS", "6")
    return tiny


def lock_of(project: TinyProject) -> Path:
    return project.root / "outputs" / "pipeline" / "tiny.lock"


def finish(project: TinyProject, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """Run to the end. Returns the reasons why steps ran."""
    (project.root / "go").unlink(missing_ok=True)
    capfd.readouterr()
    assert run(project.root, []) == 0
    assert [project.text(step) for step in NAMES] == ["hello world ", "HELLO WORLD all6!", "HELLO WORLD all6!"]
    return [line for line in capfd.readouterr().out.splitlines() if line.startswith("--- ")]


def test_the_runner_is_killed_in_the_middle_of_a_step(project: TinyProject, capfd: pytest.CaptureFixture[str]) -> None:
    with project.started(trouble="pause:change") as runner:
        step = project.step_in_the_middle("change")
        runner.kill()
        assert runner.wait() == -signal.SIGKILL
        assert project.text("change") == "HELLO WORLD all5!"

        assert run(project.root, []) == 2, "the step that it started still goes on"
        refused = capfd.readouterr().err
        assert f"process {runner.pid}, or a step that it started" in refused

        os.kill(step, signal.SIGKILL)
    until(lambda: is_free(lock_of(project)), what="the system lets go of the lock")
    reasons = finish(project, capfd)
    assert reasons == ["--- change: not done yet", "--- show: changed changed"]


def test_a_step_that_outlives_its_runner_ends_its_work(project: TinyProject, capfd: pytest.CaptureFixture[str]) -> None:
    with project.started(trouble="pause:change") as runner:
        project.step_in_the_middle("change")
        runner.kill()
        runner.wait()
        (project.root / "go").touch()
        until(lambda: is_free(lock_of(project)), what="the step ends")
        assert project.text("change") == "HELLO WORLD all6!"
    reasons = finish(project, capfd)
    assert reasons == ["--- change: not done yet", "--- show: changed changed"]


def test_a_step_is_killed_in_the_middle(project: TinyProject, capfd: pytest.CaptureFixture[str]) -> None:
    with project.started(trouble="pause:change") as runner:
        os.kill(project.step_in_the_middle("change"), signal.SIGKILL)
        assert runner.wait() == 1
    assert "error: the step 'change' was ended by SIGKILL" in project.printed
    assert project.text("change") == "HELLO WORLD all5!"
    reasons = finish(project, capfd)
    assert reasons == ["--- change: not done yet", "--- show: changed changed"]
    assert sorted(path.name for path in project.folder("change").iterdir()) == [
        "length.txt",
        "manifest.json",
        "text.txt",
    ]


@pytest.mark.parametrize("step", NAMES)
def test_ctrl_c_ends_the_step_too(project: TinyProject, capfd: pytest.CaptureFixture[str], step: str) -> None:
    with project.started("--from", step, trouble=f"pause:{step}") as runner:
        process = project.step_in_the_middle(step)
        runner.send_signal(signal.SIGINT)
        assert runner.wait() == 130
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert project.printed.splitlines()[-1] == "interrupted"
    assert "Traceback" not in project.printed
    assert project.text("show") == "HELLO WORLD all5!"
    assert f"--- {step}: not done yet" in finish(project, capfd)


def test_a_second_ctrl_c_ends_a_step_that_does_not_listen(
    project: TinyProject, capfd: pytest.CaptureFixture[str]
) -> None:
    with project.started(trouble="stubborn:change") as runner:
        process = project.step_in_the_middle("change")
        runner.send_signal(signal.SIGINT)
        until((project.root / "asked").exists, what="the step is asked to end")
        assert runner.poll() is None
        runner.send_signal(signal.SIGINT)
        assert runner.wait() == 130
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert finish(project, capfd)[0] == "--- change: not done yet"


def test_what_a_step_prints_streams_through(project: TinyProject) -> None:
    with project.started(trouble="pause:change") as runner:
        project.step_in_the_middle("change")
        until(lambda: "change is at work" in project.printed, what="the step's line while it goes on")
        assert runner.poll() is None
        assert project.printed.splitlines() == ["--- change: settings changed", "change is at work"]
        (project.root / "go").touch()
        assert runner.wait() == 0
    assert "show is at work" in project.printed


def test_a_second_run_is_refused_while_the_first_goes_on(
    project: TinyProject, capfd: pytest.CaptureFixture[str]
) -> None:
    with project.started(trouble="pause:change") as runner:
        project.step_in_the_middle("change")
        capfd.readouterr()
        assert run(project.root, []) == 2
        second = capfd.readouterr()
        assert second.out == ""
        assert "another run of this pipeline is going on" in second.err
        assert f"process {runner.pid}" in second.err
        (project.root / "go").touch()
        assert runner.wait() == 0
    assert finish(project, capfd) == []

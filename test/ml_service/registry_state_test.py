"""Steps that read or change the model registry: when they run again, and when not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_service.local import LocalRun
from ml_service.pipeline import Folder, Pipeline, Step
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.support.settings import load_settings
from test.support.tiny_project import START, TinyProject

JUDGE = f"""{START}
given = arguments("judged_folder")
known = ROOT / "outputs" / "registry" / "batchai"
write(given.judged_folder, "first" if not known.exists() else "known", "judge")
"""
ENTER = f"""{START}
given = arguments("judged_folder", "entered_folder")
known = ROOT / "outputs" / "registry" / "batchai"
if Path(given.judged_folder, "text.txt").read_text() == "first":
    known.mkdir(parents=True)
    (known / "1").write_text("a model")
write(given.entered_folder, "done", "enter")
"""
LATER = f"""{START}
given = arguments("entered_folder", "later_folder")
write(given.later_folder, "done", "later")
"""
Ran = Callable[[], list[str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose first step looks at the registry, and whose second one enters what is the first."""
    tiny = TinyProject.make(tmp_path)
    for name, value in tiny.variables.items():
        monkeypatch.setenv(name, value)
    for name, text in (("judge", JUDGE), ("enter", ENTER), ("later", LATER)):
        (tmp_path / "steps" / f"{name}.py").write_text(text)
    return tmp_path


@pytest.fixture
def run(project: Path, capfd: pytest.CaptureFixture[str]) -> Ran:
    """Run the project; the lines that say which steps ran, and why."""
    judged, entered, later = (Folder(name, "outputs_folder", name) for name in ("judged", "entered", "later"))
    steps = (
        Step("judge", "steps/judge.py", outputs={"judged_folder": judged}, registry=True),
        Step(
            "enter",
            "steps/enter.py",
            inputs={"judged_folder": judged},
            outputs={"entered_folder": entered},
            registry=True,
        ),
        Step("later", "steps/later.py", inputs={"entered_folder": entered}, outputs={"later_folder": later}),
    )
    pipeline = Pipeline("registering", steps, BatchaiSettings, root=project)

    def once() -> list[str]:
        capfd.readouterr()
        LocalRun(pipeline, load_settings(), {}).run()
        lines = capfd.readouterr().out.splitlines()
        return [line.removeprefix("--- ") for line in lines if line.startswith("--- ")]

    return once


def test_what_a_run_registered_itself_is_no_reason_to_run_again(run: Ran) -> None:
    assert run() == ["judge: not done yet", "enter: not done yet", "later: not done yet"]
    assert run() == []


def test_a_failure_after_the_registration_does_not_judge_the_registered_model_again(
    run: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_service.local import StepFailedError

    monkeypatch.setenv("TINY", "fail:later")
    with pytest.raises(StepFailedError):
        run()
    monkeypatch.setenv("TINY", "")
    assert run() == ["later: not done yet"]


def test_a_deleted_registry_is_filled_again_though_the_judgement_is_the_same(project: Path, run: Ran) -> None:
    run()
    shutil.rmtree(project / "outputs" / "registry" / "batchai")
    assert run() == ["judge: model registry changed", "enter: model registry changed"]
    assert (project / "outputs" / "registry" / "batchai" / "1").exists()
    assert run() == []


def test_what_somebody_else_registered_is_judged_against(project: Path, run: Ran) -> None:
    run()
    (project / "outputs" / "registry" / "batchai" / "2").write_text("a model of somebody else")
    assert run() == ["judge: model registry changed", "enter: model registry, judged changed"]
    assert run() == []

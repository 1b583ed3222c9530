"""The command line of a pipeline's script, in both modes, as far as it needs no workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_service.pipeline_script import run_pipeline_script
from ml_service.pipelines.batchai_training_pipeline import main as batchai_main
from src.common.errors import SettingsError
from test.support.tiny_project import TinyProject, run, tiny_pipeline


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    tiny = TinyProject.make(tmp_path)
    for name, value in tiny.variables.items():
        monkeypatch.setenv(name, value)
    return tiny


@pytest.mark.parametrize("options", [["--force"], ["--from", "change"], ["--word", "now"]])
def test_prod_refuses_what_runs_here_only(
    project: TinyProject, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], options: list[str]
) -> None:
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "PROD")
    assert run(project.root, options) == 2
    shown = capfd.readouterr()
    assert "error: in PROD this command publishes the pipeline, and runs nothing" in shown.err
    assert f"found:    {' '.join(options)}" in shown.err
    assert not (project.root / "outputs").exists()


def test_prod_without_a_workspace_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azureml.core", reason="azureml-core is installed on Python 3.10 and 3.11 only")
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "PROD")
    monkeypatch.setenv("RESOURCE_GROUP", "plants")
    with pytest.raises(SettingsError, match="SUBSCRIPTION_ID, WORKSPACE_NAME empty"):
        batchai_main([])


def test_the_picture_needs_no_settings(
    project: TinyProject, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "nonsense")
    assert run(project.root, ["--graph"]) == 0
    assert capfd.readouterr().out.splitlines()[0] == "flowchart LR"


def test_help_names_every_option(project: TinyProject, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_pipeline_script(
            lambda _: tiny_pipeline(project.root),
            ["--help"],
            script="",
            documentation="Tiny.\nMore.",
            published_as=lambda _: "tiny",
        )
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for text in ("Tiny.", "--word", "what to add", "--graph", "--force", "--from STEP", "--verbose"):
        assert text in shown
    assert "More." not in shown

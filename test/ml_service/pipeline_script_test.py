"""The command line of a pipeline's script, in both modes, as far as it needs no workspace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ml_service.azureml_steps import variables_of
from ml_service.pipeline_script import Publication, publications, run_pipeline_script
from ml_service.pipelines.batchai_training_pipeline import main as batchai_main
from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT, Mode
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.support.settings import load_settings
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
            Publication(lambda _: tiny_pipeline(project.root), BatchaiSettings, published_as=lambda _: "tiny"),
            ["--help"],
            script="",
            documentation="Tiny.\nMore.",
        )
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for text in ("Tiny.", "--word", "what to add", "--graph", "--force", "--from STEP", "--verbose"):
        assert text in shown
    assert "More." not in shown


def test_every_pipeline_says_itself_that_it_can_be_published_and_started() -> None:
    scripts = {path.name for path in (PROJECT_ROOT / "ml_service" / "pipelines").glob("*_pipeline.py")}
    assert {Path(item.script).name for item in publications().values()} == scripts - {"run_train_pipeline.py"}
    registering = {name for name, item in publications().items() if item.registers}
    assert registering == {name for name in publications() if name.endswith("_training")}


def test_dask_is_refused_where_it_would_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "PROD")
    monkeypatch.setenv("TRAIN_BACKEND", "dask")
    with pytest.raises(SettingsError, match="training in Azure ML does not use a Dask cluster"):
        batchai_main([])


def test_the_number_of_threads_reaches_every_step_that_computes() -> None:
    settings = replace(load_settings(), mode=Mode.PROD, train_threads=3, train_nodes=2)
    declare = publications()["batchai_training"].declare
    given = {
        step.name: variables_of(step, pipeline, settings).get("TRAIN_THREADS")
        for pipeline in (declare(replace(settings, train_nodes=nodes)) for nodes in (1, 2))
        for step in pipeline.steps
        if step.script.startswith(("src/training", "src/evaluation"))
    }
    assert given == {"plan": None, "sum": "3", "fit": "3", "train": None, "evaluate": "3"}
    one = declare(replace(settings, train_nodes=1))
    assert variables_of(one.step("train"), one, settings)["TRAIN_THREADS"] == "3"

"""PROD as people use it: the scripts' own `main`, the real SDK, the emulator, the small plant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aml_emulator.runtime.stack import Stack
from ml_service.pipelines import (
    batchai_training_pipeline,
    helloworld_training_pipeline,
    report_registration,
    run_train_pipeline,
)
from src.common.azureml_adapter import connect
from src.common.console import run_script
from src.common.manifest import MANIFEST_NAME
from src.common.settings import PROJECT_ROOT
from src.settings.batchai.batchai_settings import BatchaiSettings
from src.training.batchai.model_files import model_version
from test.support.settings import load_settings
from test.support.training_runs import content

pytestmark = pytest.mark.long
SMALL = PROJECT_ROOT / "test" / "resources" / "small"
NOT_REGISTERED = "Model was not registered for this run."
NODES = 2


@dataclass(frozen=True)
class Workspace:
    """A workspace with the small plant's exports."""

    sdk: Any
    settings: BatchaiSettings

    def upload(self, folder: Path) -> None:
        """Put exports to where the pipeline expects them."""
        from azureml.core import Dataset

        place = (self.sdk.get_default_datastore(), self.settings.input_dataset_path)
        Dataset.File.upload_directory(str(folder), place, overwrite=True, show_progress=False)

    def runs(self) -> list[Any]:
        """The runs of the experiment, the newest first."""
        from azureml.core import Experiment

        return list(Experiment(self.sdk, self.settings.experiment).get_runs())

    def written(self, run: Any, step: str, output: str, folder: Path) -> Path:
        """Download what a step wrote in a run."""
        (made,) = run.find_step_run(step)
        prefix = f"batchai_training/{made.id}/{output}"
        self.sdk.get_default_datastore().download(str(folder), prefix=prefix, show_progress=False)
        return folder / prefix


@pytest.fixture
def small_workspace(
    prod: BatchaiSettings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Workspace:
    """Names of its own for each test, so that none sees what another one left."""
    own = f"t{abs(hash(request.node.name)) % 10_000_000}"
    for name, value in {
        "INPUT_DATASET_NAME": f"{own}-raw",
        "INPUT_DATASET_PATH": f"{own}/raw",
        "PREPARED_DATASET_NAME": f"{own}-prepared",
        "MODEL_NAME": own,
        "EXPERIMENT_NAME": own,
        "TRAINING_PIPELINE_NAME": own,
        "TRAIN_FOLDS": "3",
        "BUILD_BUILDID": "1",
        "BUILD_SOURCEVERSION": "c0ffee",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    workspace = Workspace(connect(settings), settings)
    workspace.upload(SMALL)
    return workspace


def publish() -> int:
    return run_script(lambda: batchai_training_pipeline.main([]))


def start(*argv: str) -> int:
    return run_script(lambda: run_train_pipeline.main(list(argv)))


def report(*argv: str) -> int:
    return run_script(lambda: report_registration.main(list(argv)))


def test_a_model_is_registered_once_and_the_same_data_again_registers_nothing(
    small_workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    from azureml.core import Model
    from azureml.pipeline.core import PublishedPipeline

    assert (publish(), publish()) == (0, 0)
    named = small_workspace.settings.training_pipeline_name
    (published,) = [one for one in PublishedPipeline.list(small_workspace.sdk) if one.name == named]
    assert (published.version, "c0ffee" in published.description) == ("1", True)
    id_file = tmp_path / "pipeline_id.txt"
    assert start("--skip_train_execution", "--output_pipeline_id_file", str(id_file)) == 0
    assert (id_file.read_text(), small_workspace.runs()) == (published.id, [])

    assert start() == 0
    assert "Model registered: version 1." in capfd.readouterr().out
    (model,) = Model.list(small_workspace.sdk, name=small_workspace.settings.model_name)
    (run,) = small_workspace.runs()
    assert (model.tags["build_id"], model.tags["commit"], model.tags["pipeline_run_id"]) == ("1", "c0ffee", run.id)
    assert float(model.tags["skill"]) > 0
    assert (report("--summary_folder", str(tmp_path / "summary")), capfd.readouterr().out.count("version 1.")) == (0, 1)
    assert (tmp_path / "summary" / "summary.md").read_text().startswith("# Model registered: version 1\n")
    assert json.loads((tmp_path / "summary" / "decision.json").read_text())["better"]
    assert (tmp_path / "summary" / "report.html").read_text().lower().startswith("<!doctype html>")
    (trained,) = run.find_step_run("train")
    metrics = trained.get_metrics()
    assert 0 < metrics["median_skill"] < 1
    assert metrics["models_trained"] == len(metrics["skill"]["target"])
    assert {"training/coefficient.csv", "training/rmse.csv"} <= set(trained.get_file_names())
    assert_same_results_as_dev(small_workspace, run, tmp_path)

    monkeypatch.setenv("BUILD_BUILDID", "2")
    assert publish() == 0
    assert start() == 5
    assert NOT_REGISTERED in capfd.readouterr().out.splitlines()
    second = small_workspace.runs()[0]
    assert (second.get_status(), second.get_tags()["decision"]) == ("Finished", "not better")
    assert {step.name for step in second.get_steps() if step.get_status() == "Finished"} >= {"infer", "report"}
    assert_same_predictions(small_workspace, (run, second), tmp_path)
    reused = {step.name: "azureml.reusedrunid" in step.get_properties() for step in second.get_steps()}
    assert (reused["prepare"], reused["train"], reused["evaluate"]) == (True, True, False)
    assert (report(), NOT_REGISTERED in capfd.readouterr().out) == (0, True)
    assert start("--continue_run") == 5
    assert [one.id for one in small_workspace.runs()] == [second.id, run.id], (
        "a rerun of the build starts no second run"
    )
    assert len(Model.list(small_workspace.sdk, name=small_workspace.settings.model_name)) == 1


def assert_same_predictions(workspace: Workspace, runs: tuple[Any, Any], tmp_path: Path) -> None:
    """The same model predicts in both runs, the registered one."""
    folders = [
        workspace.written(run, "infer", "outputs_predictions", tmp_path / f"predicted-{number}")
        for number, run in enumerate(runs)
    ]
    assert content(folders[0]) == content(folders[1]) != {}


def assert_same_results_as_dev(workspace: Workspace, run: Any, tmp_path: Path) -> None:
    """What training writes has the same bytes in both modes."""
    downloaded = workspace.written(run, "train", "Training_Output", tmp_path / "prod")
    run_in_dev("ml_service/pipelines/batchai_training_pipeline.py", folder=tmp_path / "dev")
    for name in ("coefficient.csv", "rmse.csv"):
        here, there = (folder / name for folder in (tmp_path / "dev" / "results", downloaded))
        assert here.read_bytes() == there.read_bytes()
        assert here.read_text().count("\n") > 3


def run_in_dev(script: str, *argv: str, folder: Path, nodes: int = 1) -> None:
    """Run a script on this machine, with all folders below one."""
    folders = {
        "DATAPREP_INPUTS_DIR": "inputs",
        "DATAPREP_OUTPUTS_DIR": "prepared",
        "TRAINING_OUTPUT_DIR": "results",
        "OUTPUTS_DIR": "outputs",
    }
    environment = {**os.environ, **{name: str(folder / below) for name, below in folders.items()}}
    environment |= {"AML_PIPELINE_EXEC_MODE": "DEV", "BATCHAI_INPUT_URL": str(SMALL), "TRAIN_NODES": str(nodes)}
    subprocess.run([sys.executable, str(PROJECT_ROOT / script), *argv], env=environment, check=True)


def test_training_on_two_nodes_writes_the_bytes_of_one_step(
    small_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAIN_NODES", str(NODES))
    assert (publish(), start()) == (0, 0)
    (run,) = small_workspace.runs()
    ran = {step.name for step in run.get_steps()}
    assert {"plan", "sum", "fit", "train"} <= ran
    there = tmp_path / "there"
    prepared, results, model = (
        small_workspace.written(run, step, output, there)
        for step, output in (("prepare", "DataPrep_outputs"), ("train", "Training_Output"), ("train", "outputs_model"))
    )
    one_step = "src/training/batchai/batchai_training.py"
    run_in_dev(one_step, "--prepared_folder", str(prepared), folder=tmp_path / "dev")
    assert content(results) == content(tmp_path / "dev" / "results")
    here = tmp_path / "dev" / "outputs" / "model"
    assert {**content(model), MANIFEST_NAME: b""} == {**content(here), MANIFEST_NAME: b""}  # it has the time, too
    assert model_version(model) == model_version(here)
    assert {"coefficient.csv", "rmse.csv", "manifest.json"} <= set(content(results))


def test_the_four_steps_write_the_bytes_of_one_here_too(tmp_path: Path) -> None:
    pipeline = "ml_service/pipelines/batchai_training_pipeline.py"
    run_in_dev(pipeline, folder=tmp_path / "dev")
    before = [content(tmp_path / "dev" / below) for below in ("results", "outputs/model")]
    run_in_dev(pipeline, folder=tmp_path / "dev", nodes=NODES)
    assert [content(tmp_path / "dev" / below) for below in ("results", "outputs/model")] == before
    assert content(tmp_path / "dev" / "outputs" / "training_fits")


def test_a_run_that_may_be_cancelled_ends_at_once(small_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_RUN_CANCEL", "true")
    assert (publish(), start()) == (0, 0)
    monkeypatch.setenv("BUILD_BUILDID", "2")
    assert (publish(), start()) == (0, 5)
    assert small_workspace.runs()[0].get_status() == "Canceled"


def test_helloworld_is_started_and_its_old_versions_are_disabled(
    small_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from azureml.pipeline.core import PublishedPipeline

    def published() -> list[str]:
        active = PublishedPipeline.list(small_workspace.sdk)
        return sorted(one.version for one in active if one.name == "helloworld-training")

    hello = ("--pipeline", "helloworld_training")
    monkeypatch.setenv("KEEP_PUBLISHED", "2")
    assert run_script(lambda: helloworld_training_pipeline.main([])) == 0
    assert f"next: python ml_service/pipelines/run_train_pipeline.py {' '.join(hello)}" in capfd.readouterr().out
    assert start(*hello) == 0
    with monkeypatch.context() as running:
        running.setattr("ml_service.azureml.ENDED", ())
        for build in ("9", "10"):
            monkeypatch.setenv("BUILD_BUILDID", build)
            assert run_script(lambda: helloworld_training_pipeline.main([])) == 0
        assert published() == ["1", "10", "9"], "the oldest still runs"
    monkeypatch.setenv("BUILD_BUILDID", "11")
    assert run_script(lambda: helloworld_training_pipeline.main([])) == 0
    assert published() == ["10", "11"]


def test_a_step_that_fails_is_shown_with_its_own_error(
    small_workspace: Workspace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "plant"
    broken.mkdir()
    (broken / "batches.csv").write_bytes((SMALL / "plant" / "batches.csv").read_bytes().replace(b"batch", b"btch", 1))
    small_workspace.upload(tmp_path)
    assert (publish(), start()) == (0, 4)
    shown = capfd.readouterr().out
    assert "the end of the log of prepare" in shown
    assert "the column" in shown
    assert "is missing" in shown


def test_nothing_published_by_this_build_is_said_with_what_there_is(
    small_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert publish() == 0
    monkeypatch.setenv("BUILD_BUILDID", "99")
    monkeypatch.setattr("ml_service.azureml.LISTING_SECONDS", 0.0)
    assert start() == 4
    shown = capfd.readouterr().err
    name = small_workspace.settings.training_pipeline_name
    assert f"error: no pipeline '{name}' of version '99' published" in shown
    assert f"{name} version 1" in shown


@contextmanager
def fault(stack: Stack, rule: str) -> Iterator[None]:
    """Let the emulator fail in a way, as often as the rule says."""
    stack.site.faults.add(rule)
    try:
        yield
    finally:
        stack.site.faults.clear()


@pytest.mark.parametrize(
    "rule",
    [
        "503 on GET /pipelines/** twice",
        "429 on GET /pipelines/** once",
        "drop on GET /pipelines/** once",
        "expired-token on GET /pipelines/** once",
        "lag 2s on GET /pipelines/**",
    ],
)
def test_what_passes_stops_neither_publishing_nor_finding(
    small_workspace: Workspace, sdk: Stack, tmp_path: Path, rule: str
) -> None:
    from azureml.pipeline.core import PublishedPipeline

    with fault(sdk, rule):
        assert publish() == 0
    with fault(sdk, rule):
        assert start("--skip_train_execution", "--output_pipeline_id_file", str(tmp_path / "id")) == 0
    named = small_workspace.settings.training_pipeline_name
    assert [one.id for one in PublishedPipeline.list(small_workspace.sdk) if one.name == named] == [
        (tmp_path / "id").read_text()
    ]


def test_what_passes_stops_neither_triggering_nor_waiting(small_workspace: Workspace, sdk: Stack) -> None:
    assert publish() == 0
    sdk.site.faults.add("expired-token on GET /history/** once")
    sdk.site.faults.add("drop on GET /pipelines/** once")
    with fault(sdk, "503 on GET /modelmanagement/** once"):
        assert start() == 0


@pytest.mark.parametrize("script", [run_train_pipeline, report_registration])
def test_dev_says_what_to_do_instead(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "DEV")
    assert run_script(lambda: script.main([])) == 2
    assert "expected: PROD" in capsys.readouterr().err

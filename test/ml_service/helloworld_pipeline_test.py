"""The whole pipeline of helloworld, in DEV: every stage, and nothing of another model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ml_service.pipelines import helloworld_training_pipeline
from src.common.committed_folder import read_manifest
from src.common.console import run_script
from src.common.local_registry import LocalRegistry
from src.common.settings import PROJECT_ROOT
from src.training.helloworld.model_file import KIND, load_model

MOST_LINES = 80


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pipeline has run."""
    folder = tmp_path_factory.mktemp("hello") / "outputs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTPUTS_DIR", str(folder))
        patch.setenv("DATAPREP_OUTPUTS_DIR", str(folder.parent / "prepared"))
        assert run_script(lambda: helloworld_training_pipeline.main([])) == 0
    return folder


def newest(outputs: Path) -> int:
    found = LocalRegistry(outputs / "registry").newest("helloworld")
    return 0 if found is None else found.version


def test_every_stage_leaves_its_result(outputs: Path) -> None:
    assert {path.name for path in (outputs / "helloworld").iterdir()} == {
        *("model", "evaluation", "registration", "registered_model", "predictions", "report", "runs", "pipeline"),
        "report.html",
    }
    assert newest(outputs) == 1
    model = load_model(outputs / "helloworld" / "model")
    page = (outputs / "helloworld" / "report" / "report.html").read_text(encoding="utf-8")
    assert f"<td>{1 - model.rmse / model.rmse_mean:.4g}</td>" in page


def test_predictions_name_the_registered_model(outputs: Path) -> None:
    folder = outputs / "helloworld" / "registered_model"
    with (outputs / "helloworld" / "predictions" / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 45
    assert {row["model"] for row in rows} == {read_manifest(folder, kind=KIND, made_by="").version}


def test_the_same_model_again_is_not_better(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUTS_DIR", str(outputs))
    monkeypatch.setenv("DATAPREP_OUTPUTS_DIR", str(outputs.parent / "prepared"))
    assert run_script(lambda: helloworld_training_pipeline.main(["--force"])) == 0
    decision = json.loads((outputs / "helloworld" / "evaluation" / "decision.json").read_text(encoding="utf-8"))
    assert (decision["better"], decision["improvement"], decision["batches"]) == (False, 0.0, 397)
    assert newest(outputs) == 1


def test_the_service_predicts_what_the_model_does(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azureml_inference_server_http", reason="the server is in requirements/serving.txt")
    from src.inference.helloworld import score

    monkeypatch.setenv("AZUREML_MODEL_DIR", str(outputs / "registry" / "helloworld" / "1"))
    score.init()
    model = load_model(outputs / "helloworld" / "model")
    features = list(model.coefficients)
    asked = json.dumps({"features": features[::-1], "values": [[0.0] * len(features)]}).encode()
    (served,) = score.service.loaded
    assert score.answer(served, asked)["predictions"] == pytest.approx([model.intercept])


def test_each_file_is_short() -> None:
    files = [path for path in (PROJECT_ROOT / "src").rglob("helloworld/*.py") if path.stat().st_size]
    assert len(files) > 10
    assert {path.name: lines for path in files if (lines := len(path.read_text().splitlines())) > MOST_LINES} == {}

"""Two runs that compare with the same registered model, in a workspace: one of them may register."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.common.model_registry import open_registry
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.support.small_plant import SmallPlant, evaluate, register

NAME = "interleaved"


def test_the_second_of_two_runs_that_compared_with_the_same_version_is_refused(
    prod: BatchaiSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plants = [SmallPlant(tmp_path / name) for name in ("one", "two")]

    def become(plant: SmallPlant, mode: str) -> None:
        for name, value in {**plant.variables, "MODEL_NAME": NAME, "AML_PIPELINE_EXEC_MODE": mode}.items():
            monkeypatch.setenv(name, value)

    for plant, batches in zip(plants, (50, 72), strict=True):
        become(plant, "DEV")
        plant.train(batches)
        become(plant, "PROD")
        assert evaluate() == 0
    become(plants[0], "PROD")
    assert register() == 0
    become(plants[1], "PROD")
    capsys.readouterr()
    assert register() == 3
    assert "another model was registered after this one was compared" in capsys.readouterr().err
    newest = open_registry(prod).newest(NAME)
    assert newest is not None
    assert newest.version == 1
    assert (evaluate(), register()) == (0, 0)

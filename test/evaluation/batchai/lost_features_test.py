from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.common.committed_folder import replace_folder
from src.data_preparation.batchai.prepared_data import KIND, PreparedFolder, write_location
from src.evaluation.batchai.batchai_evaluation import warn_of_lost_features
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import TrainingOptions, fit_location
from src.training.batchai.model import Model
from test.support.problems import as_location


def test_features_that_the_registered_model_knows_and_the_data_lacks_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = np.random.default_rng(1)
    prepared = as_location({"P": (chance.normal(size=(30, 3)), chance.normal(size=(30, 1)))})
    model = location_model(prepared, fit_location(prepared, TrainingOptions()))
    champion = Model({"plant": model}, "1", {})
    fewer = as_location({"P": (prepared.groups[0].features[:, :1], prepared.groups[0].targets)})
    for found in (prepared, replace(fewer, location="another"), fewer):
        with replace_folder(tmp_path / "prepared", kind=KIND) as staged:
            write_location(staged, found)
        warn_of_lost_features(champion, PreparedFolder.open(tmp_path / "prepared"))
        told = capsys.readouterr().err
        assert bool(told) == (found is fewer)
    assert told.startswith(
        "warning: location plant, high: the registered model knows features that the prepared data lacks"
    )
    assert "x1, x2" in told

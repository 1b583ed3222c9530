"""Settings that name the same folder, or folders that lie in one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT
from test.support.settings import load_settings

FOLDERS = {
    "BATCHAI_INPUT_URL": "source",
    "DATAPREP_INPUTS_DIR": "copy",
    "DATAPREP_OUTPUTS_DIR": "prepared",
    "TRAINING_OUTPUT_DIR": "trained",
    "OUTPUTS_DIR": "outputs",
}


def load(root: Path, **changed: str) -> None:
    load_settings(PROJECT_ROOT, environment={name: str(root / place) for name, place in {**FOLDERS, **changed}.items()})


@pytest.mark.parametrize(
    ("variable", "place", "problem"),
    [
        ("TRAINING_OUTPUT_DIR", "prepared", "DATAPREP_OUTPUTS_DIR and TRAINING_OUTPUT_DIR name the same folder"),
        ("TRAINING_OUTPUT_DIR", "prepared/deep/er", "TRAINING_OUTPUT_DIR lies in DATAPREP_OUTPUTS_DIR"),
        ("DATAPREP_OUTPUTS_DIR", "source", "BATCHAI_INPUT_URL and DATAPREP_OUTPUTS_DIR name the same folder"),
        ("DATAPREP_OUTPUTS_DIR", "source/prepared/..", "BATCHAI_INPUT_URL and DATAPREP_OUTPUTS_DIR name the same"),
        ("DATAPREP_OUTPUTS_DIR", "", "BATCHAI_INPUT_URL lies in DATAPREP_OUTPUTS_DIR"),
        ("DATAPREP_INPUTS_DIR", "prepared/copy", "DATAPREP_INPUTS_DIR lies in DATAPREP_OUTPUTS_DIR"),
        ("TRAINING_OUTPUT_DIR", "outputs", "TRAINING_OUTPUT_DIR and OUTPUTS_DIR name the same folder"),
        ("OUTPUTS_DIR", "source", "BATCHAI_INPUT_URL and OUTPUTS_DIR name the same folder"),
        ("OUTPUTS_DIR", "source/new", "OUTPUTS_DIR lies in BATCHAI_INPUT_URL"),
        ("OUTPUTS_DIR", "prepared/new", "OUTPUTS_DIR lies in DATAPREP_OUTPUTS_DIR"),
        ("TRAINING_OUTPUT_DIR", "link", "DATAPREP_OUTPUTS_DIR and TRAINING_OUTPUT_DIR name the same folder"),
    ],
)
def test_folders_that_would_replace_one_another_are_refused(
    tmp_path: Path, variable: str, place: str, problem: str
) -> None:
    (tmp_path / "prepared").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "prepared")
    with pytest.raises(SettingsError, match=f"^{problem}") as caught:
        load(tmp_path, **{variable: place})
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("variable", ["TRAINING_OUTPUT_DIR", "DATAPREP_OUTPUTS_DIR", "DATAPREP_INPUTS_DIR"])
def test_outputs_may_hold_the_other_folders(tmp_path: Path, variable: str) -> None:
    load(tmp_path, **{variable: "outputs/deep"})

"""The model is all that there is of a training; what lies in ``Training_Output`` is a copy of two of its files."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from src.common.committed_folder import copy_committed, read_manifest
from src.common.made import EPOCH_VARIABLE
from src.training.batchai import model_files
from src.training.batchai.model import MADE_BY
from src.training.batchai.model_files import load_model, model_version
from src.training.batchai.out_of_fold import read_out_of_fold
from src.training.batchai.units.training_output import EXPORTED, KIND
from test.support.training_runs import train


@pytest.fixture(scope="module")
def trained(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(sample, folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_is_exported_is_the_model_s_own(trained: Path) -> None:
    for name in EXPORTED:
        assert (trained / "results" / name).read_bytes() == (trained / "model" / name).read_bytes()
    exported = read_manifest(trained / "results", kind=KIND, made_by=MADE_BY)
    assert exported.facts["model"] == model_version(trained / "model")


def test_the_time_and_the_code_are_kept_and_are_no_content(
    sample: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_manifest(trained / "model", kind=model_files.KIND, made_by=MADE_BY)
    assert first.made["at"] == "2025-12-01T00:00:00Z"  # 1764547200 s after 1970, by `date -u -d @1764547200`
    monkeypatch.setenv(EPOCH_VARIABLE, "1764547201")
    monkeypatch.setenv("BUILD_SOURCEVERSION", "abc123")
    train(sample, tmp_path)
    again = read_manifest(tmp_path / "model", kind=model_files.KIND, made_by=MADE_BY)
    assert again.made == {"at": "2025-12-01T00:00:01Z", "code": "abc123"}
    assert again.version == first.version
    assert copy_committed(tmp_path / "model", tmp_path / "copy").made == again.made


def test_errors_and_skills_are_those_of_the_folds(trained: Path) -> None:
    """The root mean square of what is in out_of_fold.csv, written down here, is what rmse.csv says."""
    skills = {row["part"]: row for row in rows(trained / "model" / "skills.csv")}
    held = read_out_of_fold(trained / "model")
    scores = rows(trained / "model" / "rmse.csv")
    assert len(scores) == len(skills) == len(held)
    for row in scores:
        part = held[row["location"], row["product_id"], row["target"]]
        rmse, mean = (float(((part.measured - values) ** 2).mean() ** 0.5) for values in (part.predicted, part.mean))
        assert float(row["rmse"]) == pytest.approx(rmse, rel=1e-9)
        short = skills[f"{row['location']}/{row['product_id']}/{row['target']}"]
        assert float(short["skill"]) == pytest.approx(1 - rmse / mean, rel=1e-9)
        assert short["weight"] == row["batches"]


def test_a_batch_is_held_out_in_one_fold(trained: Path) -> None:
    held = read_out_of_fold(trained / "model")
    for part in held.values():
        assert part.folds is not None
        pairs = set(zip(part.batch_ids.tolist(), part.folds.tolist(), strict=True))
        assert len(pairs) == len(set(part.batch_ids.tolist()))
        assert len({fold for _, fold in pairs}) == 10


def test_features_say_what_they_are_derived_from(trained: Path) -> None:
    concrete = load_model(trained / "model").location("concrete-lab")
    assert "age" not in concrete.derived
    assert set(concrete.derived) <= set(concrete.feature_names)
    assert concrete.derived["log_age"].startswith("log(")

"""The accuracy benchmark runs, and its peers see no batch that they are judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import training_accuracy
from benchmarks.accuracy_peers import PEERS, PRETRAINED, missing_peers, predict_out_of_fold, predict_pretrained

LOCATION = """
tables: [{file: export.csv}]
batch_id: batch
product_id: product
features: [x*]
targets: {y: {}}
"""


def write_plant(folder: Path, *, rows: int = 24) -> None:
    """Write a plant with two products whose quality follows one of two features."""
    chance = np.random.default_rng(0)
    lines = ["batch,product,x1,x2,y"]
    for number in range(2 * rows):
        first, second, noise = chance.normal(size=3)
        lines.append(f"B{number},P{number % 2},{first:.6f},{second:.6f},{2 * first + 0.3 * noise + 7:.6f}")
    folder.mkdir(parents=True)
    (folder / "export.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "location.yml").write_text(LOCATION, encoding="utf-8")


def test_it_prints_skills_and_ratios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_accuracy, "PEERS", dict.fromkeys(["least squares", "RidgeCV", "PLS"]))
    monkeypatch.setattr(training_accuracy, "missing_peers", lambda: [PRETRAINED])
    write_plant(tmp_path / "mill")
    assert training_accuracy.main(["--plants", str(tmp_path), "--location", "mill", "--folds", "3"]) == 0
    printed = capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| P")]
    skills = [float(row[-1].rstrip(" |")) for row in rows if row[0] in {"| P0", "| P1"}]
    assert len(skills) == 2
    assert min(skills) > 0.7
    assert "mill | mean | 2" in printed
    assert "mill | worst | 2" in printed
    assert "left out: ptLasso: its solver" in printed


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_knows_nothing_of_the_fold_it_predicts(name: str) -> None:
    chance = np.random.default_rng(1)
    features = chance.normal(size=(30, 3))
    features[4, 1] = np.nan
    values = features[:, 0] + 0.1 * chance.normal(size=30)
    folds = np.arange(30) % 3
    first = predict_out_of_fold(name, features, values, folds)
    changed = values.copy()
    changed[folds == 0] += 100 * chance.normal(size=10)
    second = predict_out_of_fold(name, features, changed, folds)
    np.testing.assert_array_equal(first[folds == 0], second[folds == 0])
    assert not np.array_equal(first[folds == 1], second[folds == 1])


@pytest.mark.skipif(PRETRAINED in missing_peers(), reason="ptLasso is not installed")
def test_the_pretrained_lasso_knows_nothing_of_a_fold_in_any_product() -> None:
    chance = np.random.default_rng(2)
    features, folds = chance.normal(size=(2, 30, 3)), np.arange(30) % 3
    features[0, 4, 1] = np.nan
    values = features[:, :, 0] + 0.1 * chance.normal(size=(2, 30))
    first = predict_pretrained([(features[i], values[i], folds) for i in range(2)])
    values[:, folds == 0] += 100 * chance.normal(size=(2, 10))
    second = predict_pretrained([(features[i], values[i], folds) for i in range(2)])
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(before[folds == 0], after[folds == 0])
        assert not np.array_equal(before[folds == 1], after[folds == 1])

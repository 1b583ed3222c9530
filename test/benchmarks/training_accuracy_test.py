"""The accuracy benchmark runs, and its peers see no batch that they are judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import training_accuracy
from benchmarks.accuracy_peers import PEERS, predict_out_of_fold

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
    write_plant(tmp_path / "mill")
    assert training_accuracy.main(["--plants", str(tmp_path), "--location", "mill", "--folds", "3"]) == 0
    printed = capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| P")]
    skills = [float(row[-1].rstrip(" |")) for row in rows if row[0] in {"| P0", "| P1"}]
    assert len(skills) == 2
    assert min(skills) > 0.7
    assert "mill | worst | 2" in printed


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

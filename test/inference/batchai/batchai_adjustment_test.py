"""The adjustment script, on the sample's concrete mixes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from src.common.errors import BatchAIError, DataError, SettingsError
from src.data_preparation.batchai import batchai_datapreparation
from src.inference.batchai.batchai_adjustment import main
from src.training.batchai import batchai_training

ROOT = Path(__file__).parents[3]
FLY_ASH = ("--location", "concrete-lab", "--product_id", "fly-ash")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data and a model of the concrete mixes."""
    root = tmp_path_factory.mktemp("adjustment")
    prepared = ["--prepared_folder", str(root / "prepared"), "--location", "concrete-lab"]
    source = ["--input_url", str(ROOT / "sample_data" / "batchai"), "--inputs_folder", str(root / "inputs")]
    batchai_datapreparation.main([*source, *prepared])
    batchai_training.main([*prepared, "--training_folder", str(root / "r"), "--model_folder", str(root / "model")])
    return root


def run(root: Path, *arguments: str, prepared: str = "prepared") -> list[dict[str, str]]:
    folders = ("--prepared_folder", str(root / prepared), "--model_folder", str(root / "model"))
    assert main([*folders, "--adjustment_folder", str(root / "adjustment"), *arguments]) == 0
    with (root / "adjustment" / "adjustment.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def row_of(rows: list[dict[str, str]], kind: str, name: str) -> dict[str, str]:
    (found,) = [row for row in rows if (row["kind"], row["name"]) == (kind, name)]
    return found


def test_a_mix_that_is_too_weak_gets_cement(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(root, *FLY_ASH, "--batch", "M040", "--row", "2")
    assert {row["outcome"] for row in rows} == {"adjusted"}
    cement = row_of(rows, "adjustable", "cement")
    assert 0 < float(cement["change"]) < 60
    strength = row_of(rows, "target", "compressive_strength")
    assert float(strength["before"]) < 30 <= float(strength["after"]) < 30.01
    assert float(strength["lower"]) < 30 < float(strength["upper"])
    assert strength["lowest"] == "30"
    ratio = row_of(rows, "feature", "water_binder")
    assert float(ratio["lowest"]) <= float(ratio["after"]) < float(ratio["before"])
    printed = capsys.readouterr().out
    assert "batch M040 (row 2) of fly-ash: adjusted" in printed
    assert "to do: add" in printed


def test_where_it_can_not_be_done_the_summary_says_why(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(root, *FLY_ASH, "--batch", "M397", "--confident")
    assert {row["outcome"] for row in rows} == {"no solution"}
    printed = capsys.readouterr().out
    assert "as near as one gets: add 60 kg/m3 cement (cost 7.2)" in printed
    assert "cement: at most 60 kg/m3 to add; water can't be taken out" in printed


def test_a_file_needs_no_prepared_data(root: Path) -> None:
    group = root / "prepared" / "location=concrete-lab" / "product_id=fly-ash"
    rows = run(root, "--input", str(group / "pending.csv"), *FLY_ASH, prepared="nowhere")
    assert {row["row"] for row in rows} == {"1", "2", "3", "4", "5", "6", "7"}
    only = run(root, "--input", str(group / "pending.csv"), *FLY_ASH, "--batch", "M397", prepared="nowhere")
    assert only == [row for row in rows if row["batch_id"] == "M397"]


def test_a_measured_batch_starts_at_what_was_measured(root: Path) -> None:
    group = root / "prepared" / "location=concrete-lab" / "product_id=fly-ash"
    with (group / "target.csv").open(encoding="utf-8", newline="") as stream:
        measured = list(csv.DictReader(stream))
    ids = [row["batch_id"] for row in measured]
    weak = next(
        place
        for place, row in enumerate(measured)
        if ids.count(row["batch_id"]) == 1 and 22 < float(row["compressive_strength"]) < 30
    )
    rows = run(root, *FLY_ASH, "--batch", ids[weak])
    strength = row_of(rows, "target", "compressive_strength")
    assert float(strength["before"]) == pytest.approx(float(measured[weak]["compressive_strength"]))
    other = run(root, *FLY_ASH, "--batch", ids[weak], "--measured", "compressive_strength=35")
    assert {row["outcome"] for row in other} == {"on target"}


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((), SettingsError, "which batch is to be adjusted?"),
        (
            (*FLY_ASH, "--batch", "M040"),
            DataError,
            "which row of batch M040?\n  where:    concrete-lab, fly-ash\n  found:    rows 1, 2, 3, 4, 5",
        ),
        ((*FLY_ASH, "--batch", "M040", "--row", "9"), DataError, "batch M040 has no row 9"),
        ((*FLY_ASH, "--batch", "M3977"), DataError, "there is no batch 'M3977', did you mean 'M397'?"),
        (("--location", "concrete", "--product_id", "slag", "--batch", "x"), DataError, "did you mean 'concrete-lab'?"),
        ((*FLY_ASH, "--batch", "M397", "--measured", "strength"), SettingsError, "TARGET=VALUE"),
        ((*FLY_ASH, "--batch", "M397", "--measured", "compressive_strength=1e200"), SettingsError, "TARGET=VALUE"),
        (
            (*FLY_ASH, "--batch", "M397", "--measured", "compressive_strenght=3"),
            SettingsError,
            "no target 'compressive_strenght', did you mean 'compressive_strength'?",
        ),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    root: Path, arguments: tuple[str, ...], kind: type[BatchAIError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        run(root, *arguments)
    assert message in str(caught.value)


def test_measured_is_for_one_batch(root: Path) -> None:
    file = root / "prepared" / "location=concrete-lab" / "product_id=fly-ash" / "pending.csv"
    with pytest.raises(SettingsError, match="--measured is for one batch"):
        run(root, "--input", str(file), *FLY_ASH, "--measured", "compressive_strength=20")


def test_a_row_of_a_batch_with_several(root: Path) -> None:
    rows = run(root, *FLY_ASH, "--batch", "M040", "--row", "3")
    assert {(row["batch_id"], row["row"]) for row in rows} == {("M040", "3")}

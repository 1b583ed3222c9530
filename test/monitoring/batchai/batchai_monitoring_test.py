"""The script of monitoring, on a plant whose process is known."""

import csv
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from src.data_preparation.batchai import batchai_datapreparation
from src.monitoring.batchai import batchai_monitoring
from src.training.batchai import batchai_training

PRODUCTS, KNOWN, NEW = 12, 60, 40
LOCATION = """
tables: [{file: batches.csv}]
batch_id: id
product_id: product
order_by: {column: made, format: "%Y-%m-%d %H:%M"}
features: [a, b, c]
targets: {quality: {unit: "%"}}
"""


class Plant:
    """Twelve products of one plant, a linear process and its export."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.random = np.random.default_rng(5)
        self.rows: list[tuple[str, str, str, float, float, float, str]] = []
        for name, folder in (
            ("BATCHAI_INPUT_URL", "source"),
            ("DATAPREP_INPUTS_DIR", "inputs"),
            ("DATAPREP_OUTPUTS_DIR", "prepared"),
            ("TRAINING_OUTPUT_DIR", "results"),
            ("OUTPUTS_DIR", "outputs"),
        ):
            monkeypatch.setenv(name, str(root / folder))

    def make(
        self, batches: int, *, shifted: int = -1, shift: float = 0.0, offset: int = -1, waits: bool = False
    ) -> None:
        """Make batches of every product: quality = 10 + 2a - b + noise; `b` follows `a`."""
        start = len(self.rows)
        for number in range(batches):
            for product in range(PRODUCTS):
                a = self.random.standard_normal()
                b = a + 0.1 * self.random.standard_normal()
                c = self.random.standard_normal() + (8 if product == offset else 0)
                quality = 10 + 2 * a - b + 0.5 * self.random.standard_normal() + (shift if product == shifted else 0)
                time = start // PRODUCTS + number
                made = f"2025-{1 + time // 672:02}-{1 + time // 24 % 28:02} {time % 24:02}:00"
                measured = "" if waits else f"{quality:.6f}"
                self.rows.append((f"{product}-{time:04}", f"P{product:02}", made, a, b, c, measured))

    def impossible(self) -> None:
        """A batch that waits: each of its features is in its range, and `b` does not follow `a`."""
        self.rows.append(("odd", "P03", "2025-12-01 00:00", 1.5, -1.5, 0.0, ""))

    def prepare(self) -> None:
        folder = self.root / "source" / "plant"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with (folder / "batches.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "product", "made", "a", "b", "c", "quality"))
            writer.writerows(self.rows)
        (folder / "location.yml").write_text(LOCATION, encoding="utf-8")
        assert batchai_datapreparation.main([]) == 0

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.root / "outputs" / "monitoring" / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    plant = Plant(tmp_path, monkeypatch)
    plant.make(KNOWN)
    plant.prepare()
    assert batchai_training.main([]) == 0
    return plant


def test_a_stable_process_gives_no_signal(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    plant.make(NEW)
    plant.prepare()
    capsys.readouterr()
    assert batchai_monitoring.main(["--fail_on", "signals"]) == 0
    assert [row for row in plant.table("signals.csv") if row["level"] == "signal"] == []
    watched = {row["kind"]: row for row in plant.table("watched.csv")}
    assert watched["since training"]["watched"] == str(PRODUCTS)
    assert float(watched["since training"]["expected_hints"]) == pytest.approx(0.05 * PRODUCTS)
    assert len(capsys.readouterr().out.splitlines()) <= 10


def test_a_shifted_level_a_moved_sensor_and_an_impossible_batch_are_found_and_named(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.make(NEW, shifted=4, shift=1.0, offset=7)
    plant.impossible()
    plant.prepare()
    monkeypatch.setenv("TF_BUILD", "True")
    capsys.readouterr()
    assert batchai_monitoring.main(["--fail_on", "signals"]) == batchai_monitoring.SIGNALS_FOUND
    printed = capsys.readouterr().out
    assert "##vso[task.logissue type=warning]plant, P04, quality: since training" in printed
    signals = [row for row in plant.table("signals.csv") if row["level"] == "signal"]
    found = {(row["kind"], row["product_id"]) for row in signals}
    assert found >= {("since training", "P04"), ("shifted feature", "P07"), ("unusual batch", "P03")}
    level = next(row for row in signals if (row["kind"], row["product_id"]) == ("since training", "P04"))
    assert "% more than predicted" in level["text"]
    assert level["since_batch"].startswith("4-00")
    assert int(level["since_batch"].split("-")[1]) - KNOWN <= 3
    sensor = next(row for row in signals if row["kind"] == "shifted feature")
    assert (sensor["product_id"], sensor["what"]) == ("P07", "c")
    odd = next(row for row in signals if row["since_batch"] == "odd")
    assert odd["what"] == "T²"
    assert {"a", "b"} <= set(odd["text"].replace("(", " ").split())
    false = [row for row in signals if row["product_id"] not in ("P03", "P04", "P07")]
    assert len(false) <= 0.1 * len(signals)  # 5 % of them are promised
    assert len(printed.splitlines()) <= 10 + printed.count("##vso")


def test_charts_hold_the_residuals_of_the_registered_model(plant: Plant) -> None:
    """Measured minus 10 + 2a - b is the noise of the process, but for what training didn't know of the coefficients."""
    plant.make(NEW)
    plant.prepare()
    assert batchai_monitoring.main([]) == 0
    rows = [row for row in plant.table("charts.csv") if row["product_id"] == "P00"]
    assert [row["known_to"] for row in rows] == ["training"] * KNOWN + ["new"] * NEW
    truth = {row[0]: float(row[6]) - (10 + 2 * row[3] - row[4]) for row in plant.rows}
    for row in rows:
        assert math.isclose(float(row["residual"]), truth[row["batch_id"]], abs_tol=0.35)
    held = [float(row["held"]) for row in rows if row["held"]]
    assert len(held) == NEW
    assert np.mean(held) > 0.7


def test_batches_that_wait_are_watched_before_they_are_measured(plant: Plant) -> None:
    plant.make(2, waits=True)
    plant.impossible()
    plant.prepare()
    assert batchai_monitoring.main([]) == 0
    rows = plant.table("inputs.csv")
    assert {row["state"] for row in rows} == {"pending"}
    assert len(rows) == 2 * PRODUCTS + 1
    odd = next(row for row in rows if row["batch_id"] == "odd")
    assert float(odd["t2"]) > float(odd["t2_limit"])
    assert plant.table("watched.csv")[0]["watched"] == "0"

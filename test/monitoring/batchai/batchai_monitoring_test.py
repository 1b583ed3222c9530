"""The script of monitoring, on a plant whose process is known."""

import math
from pathlib import Path

import numpy as np
import pytest

from src.monitoring.batchai import batchai_monitoring
from src.training.batchai import batchai_training
from test.support.watched_plant import KNOWN, NEW, PRODUCTS, Plant


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

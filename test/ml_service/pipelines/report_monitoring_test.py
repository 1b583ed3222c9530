"""Whether a training is due, by what the step of monitoring uploaded."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ml_service.pipelines import report_monitoring
from ml_service.retraining import Monitored
from src.common.console import run_script
from src.common.settings import Settings
from src.monitoring.batchai.monitoring_tables import SIGNALS_HEADER
from test.support.settings import load_settings

ROW = ("since training", "plant", "P|04", "quality", "CUSUM", "B41", "20", "8.1", "5.2", "0.0001", "1 % more")


@pytest.fixture
def settings() -> Settings:
    return load_settings(environment={})


def write(folder: Path, *, signals: int, newly_measured: int) -> Path:
    facts = {"signals": signals, "newly_measured": newly_measured}
    (folder / "monitoring.json").write_text(json.dumps(facts), encoding="utf-8")
    rows = [SIGNALS_HEADER, ("hint", *ROW), *[("signal", *ROW)] * signals]
    (folder / "signals.csv").write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "signals", "measured", "due"),
    [
        ({}, 7, 10_000, ""),
        ({"retrain_on_signals": True}, 0, 10_000, ""),
        ({"retrain_on_signals": True}, 2, 0, "2 signals (RETRAIN_ON_SIGNALS)"),
        ({"retrain_after_batches": 50}, 7, 49, ""),
        ({"retrain_after_batches": 50}, 0, 50, "50 newly measured batches (RETRAIN_AFTER_BATCHES=50)"),
    ],
)
def test_a_training_is_due_where_a_setting_says_so(
    settings: Settings, tmp_path: Path, changes: dict[str, int], signals: int, measured: int, due: str
) -> None:
    found = Monitored.read(write(tmp_path, signals=signals, newly_measured=measured))
    assert found.why_retrain(replace(settings, **changes)) == due  # type: ignore[arg-type]


def test_the_build_shows_signals_and_hands_the_decision_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_BUILD", "True")
    monkeypatch.setenv("RETRAIN_ON_SIGNALS", "true")
    write(tmp_path, signals=30, newly_measured=12)
    assert report_monitoring.main(["--summary_folder", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("##vso[task.logissue type=warning]") == report_monitoring.MOST_WARNINGS
    assert "##vso[task.setvariable variable=RETRAIN;isOutput=true]true" in printed
    assert f"##vso[task.uploadsummary]{tmp_path / 'monitoring.md'}" in printed
    text = (tmp_path / "monitoring.md").read_text(encoding="utf-8")
    assert "# Monitoring: 30 signals, 12 newly measured batches" in text
    assert r"| since training | plant | P\|04 | quality | CUSUM | B41 | 1 % more |" in text
    assert "and 10 more in signals.csv" in text


def test_a_run_without_monitoring_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script(lambda: report_monitoring.main(["--summary_folder", str(tmp_path)])) == 3
    assert "the run says nothing about monitoring" in capsys.readouterr().err

"""What runs leave behind: records without secrets, logs, tables, and the page that compares them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml_service.run_records import FAILED, FINISHED, INTERRUPTED, RunRecord, read_runs, shown_settings
from ml_service.runs_page import render_runs
from test.support.browser import browser, console_messages, open_page, requests_sent
from test.support.settings import load_settings
from test.support.tiny_project import TinyProject, run
from test.support.waiting import until

__all__ = ["browser"]

SECRET = "sig=abcdefSECRET"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    tiny = TinyProject.make(tmp_path)
    for name, value in tiny.variables.items():
        monkeypatch.setenv(name, value)
    return tiny


def records(project: TinyProject) -> list[tuple[Path, RunRecord]]:
    return read_runs(project.root / "outputs" / "runs")


def test_a_run_says_what_it_did_with_what_and_keeps_what_was_printed(
    project: TinyProject, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SP_APP_SECRET", SECRET)
    monkeypatch.setenv("AZURE_STORAGE_KEY", SECRET)
    assert run(project.root, ["--word", "now"]) == 0
    ((folder, record),) = records(project)
    assert (record.status, record.pipeline, record.parameters) == (FINISHED, "tiny", {"word": "now"})
    assert [step["name"] for step in record.steps] == ["collect", "change", "show"]
    assert all(step["done"] == "ran (not done yet)" for step in record.steps)
    assert record.settings["SP_APP_SECRET"] == "(set)"
    assert record.versions["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    log = (folder / "log.txt").read_text()
    assert "--- change: not done yet" in log
    assert "this run: " in capfd.readouterr().out
    for path in (project.root / "outputs" / "runs").rglob("*"):
        assert not path.is_file() or SECRET not in path.read_text(encoding="utf-8"), path


def test_a_run_that_changes_nothing_leaves_nothing(project: TinyProject) -> None:
    assert run(project.root, []) == run(project.root, []) == 0
    assert len(records(project)) == 1


def test_a_failed_run_is_recorded_as_failed(project: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY", "fail:change")
    assert run(project.root, []) == 7
    ((folder, record),) = records(project)
    assert (record.status, [step["name"] for step in record.steps]) == (FAILED, ["collect"])
    assert "change" in (folder / "log.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to kill")
def test_a_killed_run_never_looks_finished(project: TinyProject) -> None:
    environment = {**os.environ, "TINY": "pause:change"}
    command = [sys.executable, str(project.root / "runner.py")]
    with subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        until((project.root / "step.id").exists, what="change has begun to write")
        os.killpg(process.pid, signal.SIGKILL)
    ((_, record),) = records(project)
    assert (record.status, record.seconds) == (INTERRUPTED, 0.0)


def test_only_the_last_runs_are_kept(project: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_RUNS", "2")
    runs = project.root / "outputs" / "runs"
    for name in ("20250101T000000-aaaa", "20250102T000000-bbbb", "2024 in the mountains"):
        (runs / name).mkdir(parents=True)
    assert run(project.root, []) == 0
    kept = sorted(path.name for path in runs.iterdir() if path.is_dir())
    assert len(kept) == 3
    assert kept[:2] == ["2024 in the mountains", "20250102T000000-bbbb"]


def test_a_url_is_shown_without_its_secrets() -> None:
    settings = replace(load_settings(), input_url=f"https://a.blob.core.windows.net/exports?sv=1&{SECRET}")
    assert SECRET not in json.dumps(shown_settings(settings))
    assert shown_settings(settings)["BATCHAI_INPUT_URL"].startswith("https://a.blob.core.windows.net/exports")


def recorded_run(root: Path, number: int, skill: str, **settings: str) -> None:
    """A run that trained one model, with a name that has to be escaped."""
    record = RunRecord(
        id=f"2026110{number}T000000-aaaa",
        pipeline="batchai_training",
        parameters={},
        settings={"TRAIN_FOLDS": "10", **settings},
        started=f"2026-11-0{number}T00:00:00+00:00",
        commit="c0ffee" * 5,
        changed_files=False,
        versions={},
        status=FINISHED,
    )
    folder = root / record.id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(vars(record)))
    (folder / "rmse.csv").write_text(f"location,product_id,target,skill\nplant,<b>7</b>,purity,{skill}\n")


def test_the_page_compares_runs_in_a_browser(tmp_path: Path, browser: Any) -> None:
    recorded_run(tmp_path, 1, "0.5")
    recorded_run(tmp_path, 2, "0.625", TRAIN_FOLDS="5")
    recorded_run(tmp_path, 3, "")
    page = tmp_path / "index.html"
    page.write_text(render_runs(read_runs(tmp_path)), encoding="utf-8")
    requests_sent(browser), console_messages(browser)  # of earlier tests
    open_page(browser, page)
    rows: list[Any] = browser.find_elements("css selector", "#runs tbody tr")
    assert [row.find_element("css selector", "th code").text for row in rows] == [
        "20261103T000000-aaaa",
        "20261102T000000-aaaa",
        "20261101T000000-aaaa",
    ]
    assert "TRAIN_FOLDS: '10' → '5'" in rows[1].text
    (model,) = browser.find_elements("css selector", "#skills tbody tr")
    assert model.find_element("css selector", "th").text == "plant · <b>7</b> · purity"
    cells = [cell.text for cell in model.find_elements("css selector", "td")]
    assert cells == ["", "0.625 +0.125", "0.500"]
    assert console_messages(browser) == []
    assert {address.split(":")[0] for address in requests_sent(browser)} <= {"file", "about"}

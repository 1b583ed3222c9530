"""The pages, in a real browser."""

import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from aml_emulator.pages.graph import Box, draw, layers
from aml_emulator.pages.html import element, page, table
from aml_emulator.runtime.stack import Stack
from test.aml_emulator.support import ended, python_step, step_of, submit

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)


def browse(address: str, profile: Path, *options: str) -> str:
    """Return the document as the browser holds it after loading."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *options, "--dump-dom", address]
    answer = subprocess.run(command, capture_output=True, timeout=60, check=True, text=True)
    return answer.stdout


def test_a_browser_shows_runs_and_their_graph(sdk: Stack, workspace: Any, tmp_path: Path) -> None:
    from azureml.core import Model
    from azureml.pipeline.core import Pipeline

    script = """
    from azureml.core import Run
    run = Run.get_context()
    run.log("rmse", 0.125)
    run.log_row("row", a=1)
    print("<script>alert('α')</script>")
    """
    first = python_step(tmp_path, "first-step", script)
    second = python_step(tmp_path, "second-step", "print(1)")
    second.run_after(first)
    published = Pipeline(workspace, steps=[second]).publish("shown <b>", version="9")
    run = published.submit(workspace, "shown")
    assert ended(run) == "Finished"
    (tmp_path / "model.txt").write_text("m", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        Model.register(workspace, "model.txt", "shown-model", tags={"k": "v"})
    base, key, profile = sdk.site.base_url, sdk.site.door.secret, tmp_path / "profile"
    start = browse(f"{base}/?key={key}", profile, f"--screenshot={tmp_path / 'start.png'}")
    assert "shown &lt;b&gt;" in start
    assert "shown-model" in start
    assert f'href="/runs/{run.id}"' in start
    shown = browse(f"{base}/runs/{run.id}?wsid=x&key={key}", profile, f"--screenshot={tmp_path / 'run.png'}")
    step = step_of(run, "first-step")
    assert shown.count("<rect") == 2
    assert shown.count("<path") == 1
    assert f'href="/runs/{step.id}"' in shown
    page_of_step = browse(f"{base}/runs/{step.id}?key={key}", profile)
    assert "&lt;script&gt;alert('α')&lt;/script&gt;" in page_of_step
    assert "<script>" not in page_of_step
    assert "0.125" in page_of_step
    assert '{"a": 1}' in page_of_step
    assert "azureml-logs/70_driver_log.txt" in page_of_step
    pipeline = browse(f"{base}/pipelines/{published.id}?key={key}", profile)
    assert run.id in pipeline
    assert "Active" in pipeline
    log = urllib.request.urlopen(f"{base}/files/{step.id}/azureml-logs/70_driver_log.txt?key={key}", timeout=10)
    assert log.read().decode() == "<script>alert('α')</script>\n"
    assert log.headers["X-Content-Type-Options"] == "nosniff"


def test_a_failed_run_shows_its_reason(sdk: Stack, workspace: Any, tmp_path: Path) -> None:
    run = submit([python_step(tmp_path, "fails", "raise KeyError('batch_id')")])
    assert ended(run) == "Failed"
    shown = (
        urllib.request.urlopen(f"{sdk.site.base_url}/runs/{run.id}?key={sdk.site.door.secret}", timeout=10)
        .read()
        .decode()
    )
    assert "KeyError: &#x27;batch_id&#x27;" in shown
    assert 'class="status failed"' in shown
    assert "http-equiv" not in shown


def test_what_is_not_html_is_escaped() -> None:
    assert element("p", "<a&", {"title": '"'}) == '<p title="&quot;">&lt;a&amp;</p>'
    assert table(("h",), [], empty="none <") == '<p class="empty">none &lt;</p>'
    assert b"<title>&lt;x&gt;</title>" in page("<x>", "content")


def test_steps_stand_in_layers() -> None:
    boxes = {
        "c": Box("c", "Queued", frozenset({"a", "b"})),
        "a": Box("a", "Finished", frozenset()),
        "b": Box("b", "Running", frozenset({"a"})),
    }
    assert layers(boxes) == {"a": 0, "b": 1, "c": 2}
    assert draw(boxes).count("<path") == 3
    circle = {"a": Box("a", "x", frozenset({"b"})), "b": Box("b", "x", frozenset({"a"}))}
    assert layers(circle) == {"a": 0, "b": 0}

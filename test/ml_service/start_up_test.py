"""What a pipeline's script does without running a step, it does without the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from src.common.settings import PROJECT_ROOT
from test.support.imports import HEAVY, imported_packages

PIPELINES = sorted(path.stem for path in (PROJECT_ROOT / "ml_service" / "pipelines").glob("*_pipeline.py"))


def start(pipeline: str, *argv: str) -> tuple[str, set[str]]:
    """Run a pipeline's script. Returns what it printed, and the packages that it imported."""
    script = PROJECT_ROOT / "ml_service" / "pipelines" / f"{pipeline}.py"
    command = [sys.executable, "-X", "importtime", str(script), *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, imported_packages(done.stderr)


@pytest.mark.parametrize("option", ["--help", "--graph"])
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_help_and_picture_import_no_heavy_library(pipeline: str, option: str) -> None:
    printed, imported = start(pipeline, option)
    assert printed.startswith("usage:" if option == "--help" else "flowchart")
    assert {"ml_service", "src"} <= imported
    assert not imported & HEAVY


def test_a_run_with_nothing_changed_imports_no_heavy_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "DEV")
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path))
    printed, _ = start("helloworld_training_pipeline")
    assert printed.count("ran (not done yet)") == 2
    printed, imported = start("helloworld_training_pipeline")
    assert printed.count("skipped (nothing changed)") == 2
    assert {"ml_service", "src"} <= imported
    assert not imported & HEAVY

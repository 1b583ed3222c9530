"""What a pipeline's script does without running a step, it does without the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from src.common.settings import PROJECT_ROOT
from test.support.imports import HEAVY, imported_packages

SCRIPTS = sorted(path.stem for path in (PROJECT_ROOT / "ml_service" / "pipelines").glob("[a-z]*.py"))
PIPELINES = [name for name in SCRIPTS if name.endswith("_pipeline") and not name.startswith("run_")]
STARTS = [(name, "--help") for name in SCRIPTS] + [(name, "--graph") for name in PIPELINES]


def start(script: str, *argv: str) -> tuple[str, set[str]]:
    """Run a script of ml_service. Returns what it printed, and the packages that it imported."""
    path = PROJECT_ROOT / "ml_service" / "pipelines" / f"{script}.py"
    command = [sys.executable, "-X", "importtime", str(path), *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, imported_packages(done.stderr)


@pytest.mark.parametrize(("script", "option"), STARTS)
def test_help_and_picture_import_no_heavy_library(script: str, option: str) -> None:
    printed, imported = start(script, option)
    assert printed.startswith("usage:" if option == "--help" else "flowchart")
    assert "src" in imported
    assert not imported & HEAVY


def test_a_run_with_nothing_changed_imports_no_heavy_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "DEV")
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path))
    printed, _ = start("helloworld_training_pipeline")
    assert printed.count("ran (not done yet)") == 6
    printed, imported = start("helloworld_training_pipeline")
    assert printed.count("skipped (nothing changed)") == 6
    assert {"ml_service", "src"} <= imported
    assert not imported & HEAVY

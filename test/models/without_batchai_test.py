"""The platform stands without its first model: its tests and helloworld's pass in a copy from which batchai is removed.

What names batchai, in its path or in what it imports, is batchai's, and goes with it; so do tests that need it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ml_service.script_source import imported_files
from test.support.project_copy import copy_project, run_in, run_tests

pytestmark = pytest.mark.nightly
NAMED = re.compile(r"(?<![a-z])batchai(?!error)", re.IGNORECASE)
FOLDERS = ("test/common", "test/ml_service", "test/training", "test/inference", "test/models")
HEAVY = re.compile(r"azure|cloning|new_model|without_batchai|prod|workspace|sign_in|blob_storage")
"""Tests of the platform that need a server; they run with all others, and would say the same here."""


def test_the_tests_of_the_platform_and_of_helloworld_pass_without_batchai(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project")
    tests = [path for folder in FOLDERS for path in (root / folder).rglob("*_test.py")]
    kept = [path for path in tests if not needs_batchai(path, root)]
    for path in sorted(root.rglob("*batchai*"), reverse=True):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run_in(root, "-m", "src.common.env_writing")
    chosen = [path.relative_to(root).as_posix() for path in kept if path.exists() and not HEAVY.search(path.name)]
    assert {"helloworld_training_test.py", "helloworld_pipeline_test.py"} <= {Path(name).name for name in chosen}
    passed = re.search(r"(\d+) passed", run_tests(root, *chosen))
    assert passed is not None
    assert int(passed[1]) > 300


def needs_batchai(test: Path, root: Path) -> bool:
    """Whether a test, or a helper that it imports, names batchai."""
    used = [path for path in imported_files(test, root) if path.is_relative_to(root / "test")]
    return any(NAMED.search(path.read_text(encoding="utf-8")) for path in used)

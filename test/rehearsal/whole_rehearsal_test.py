"""All three builds, with real processes, the real SDK, the emulator and Azurite. Takes a minute or two."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aml_emulator.runtime.azurite import AzuriteError, find_script

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = [
    "=== run 1: succeeded",
    "Model was not registered for this run.",
    "=== run 2: partiallySucceeded",
    "MODELVERSION = 2",
    "=== run 3: succeeded",
    "no request left this machine",
]


def test_three_builds_register_refuse_and_register_again() -> None:
    if importlib.util.find_spec("azureml") is None:
        pytest.skip("the packages of Azure ML are not installed (they end at Python 3.11)")
    if shutil.which("node") is None:
        pytest.skip("Azurite needs Node.js")
    try:
        find_script()
    except AzuriteError as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    places = [done.stdout.find(outcome) for outcome in OUTCOMES]
    assert -1 not in places, done.stdout
    assert places == sorted(places), done.stdout
    assert done.stdout.count("MODELVERSION = ") == 2
    assert "not as expected" not in done.stdout

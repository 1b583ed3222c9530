"""The scenarios: pushes to main with the real SDK, the emulator and Azurite; those with stand-ins without them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aml_emulator.runtime.azurite import AzuriteError, find_script
from rehearsal.__main__ import rehearse
from rehearsal.scenarios import SCENARIOS

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


def test_three_runs_register_refuse_and_register_again() -> None:
    if importlib.util.find_spec("azureml") is None:
        pytest.skip("the packages of Azure ML are not installed (they end at Python 3.11)")
    if shutil.which("node") is None:
        pytest.skip("Azurite needs Node.js")
    try:
        find_script()
    except AzuriteError as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "--scenario", "main"],
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
    assert set(re.findall(r"MODELVERSION = (\d+)", done.stdout)) == {"1", "2"}
    assert "not as expected" not in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the scripts are those of a Linux agent")
@pytest.mark.parametrize("name", ["rerun", "failing-step", "cancel", "schedule"])
def test_scenarios_with_stand_ins_end_as_the_pages_say(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rehearse([one for one in SCENARIOS if one.name == name], tmp_path, with_tests=False) == 0
    assert "not as expected" not in capsys.readouterr().out


def test_every_scenario_has_a_name_of_its_own_and_a_page_for_what_it_expects() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert all(run.expected.page for scenario in SCENARIOS for run in scenario.runs)

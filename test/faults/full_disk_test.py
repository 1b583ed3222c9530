"""The disk ends while a script writes: one error that names a place, and the old results are whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from test.faults.plugin import Cases
from test.faults.trained_plant import STEPS, copy_of
from test.support.full_disk import run_in_little_space
from test.support.small_plant import SmallPlant
from test.support.trees import read_tree

pytestmark = [
    pytest.mark.fault("a disk that ends while a script writes leaves the old results, and is named", sample=1),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither such a disk nor such a limit"),
]

# what is written where nothing more fits: a file of so many bytes can be made, and no longer one
SOURCE = """
import contextlib, io, os, resource
from pathlib import Path
os.environ.update({variables!r})
from test.faults.trained_plant import run
said = io.StringIO()
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
    found["exit code"] = run({step!r})
found["said"] = said.getvalue()
"""
LIMITS = (0, 20, 100)
CHANGED = {"TRAIN_FOLDS": "4"}


@pytest.mark.parametrize("step", STEPS[1:])
def test_no_space_is_left(trained_plant: SmallPlant, step: str, tmp_path: Path, cases: Cases) -> None:
    plant = copy_of(trained_plant, tmp_path / "plant")
    before = read_tree(plant.root)
    for limit in cases.some(LIMITS, most=1):
        source = SOURCE.format(variables={**plant.variables, **CHANGED}, limit=limit, step=step)
        with cases.case(f"{step}, files of {limit} bytes"):
            found = run_in_little_space("small files", tmp_path, source)
            assert found["exit code"] == 3
            assert found["said"].count("\nerror: ") + found["said"].startswith("error: ") == 1
            assert "File too large" in found["said"]
            assert f"where:    {plant.root}{os.sep}" in found["said"]
            assert "Traceback" not in found["said"]
            assert read_tree(plant.root) == before

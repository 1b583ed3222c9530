"""A small plant on which everything has run once, for faults to try themselves on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from src.common.console import run_script
from src.data_preparation.batchai import batchai_datapreparation
from src.evaluation.batchai import batchai_evaluation
from src.inference.batchai import batchai_inference
from src.monitoring.batchai import batchai_monitoring
from src.registration import fetch_model
from src.registration.batchai import batchai_registration
from src.reporting.batchai import batchai_report
from src.training.batchai import batchai_training
from test.support.small_plant import SmallPlant

SCRIPTS: dict[str, Callable[[Sequence[str]], int]] = {
    "prepare": batchai_datapreparation.main,
    "train": batchai_training.main,
    "evaluate": batchai_evaluation.main,
    "register": batchai_registration.main,
    "infer": batchai_inference.main,
    "monitor": batchai_monitoring.main,
    "report": batchai_report.main,
    "fetch": lambda argv: fetch_model.main(["--model_name", "batchai", *argv]),
}
STEPS = tuple(SCRIPTS)[:7]


def run(step: str, *argv: str) -> int:
    """Run a script of the plant in this process. Returns its exit code."""
    return run_script(lambda: SCRIPTS[step](argv))


def make_plant(root: Path) -> SmallPlant:
    """Prepare, train, evaluate, register, predict, watch and report in a new folder."""
    plant = SmallPlant(root)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in plant.variables.items():
            patch.setenv(name, value)
        plant.export(50, columns=("pressure",))
        # twice, so that another run of any step writes the same again: the model is compared with itself then
        assert [run(step) for step in (*STEPS, *STEPS[2:])] == [0] * 12
    return plant


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def copy_of(plant: SmallPlant, root: Path) -> SmallPlant:
    """The same plant elsewhere."""
    shutil.copytree(plant.root, root, symlinks=True)
    return SmallPlant(root)

r"""The first pass of training on many machines: what the groups of each unit tell those of the others.

    python src/training/batchai/batchai_training_sums.py --work_folder outputs/training_work \
        --sums_folder outputs/training_sums

An entry script of a ParallelRunStep, too. Of a location that was not parted there is nothing to tell.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # run by path, or loaded by the service under another name
    sys.path.insert(0, ROOT)

from src.common.console import run_script
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.settings.batchai.batchai_settings import BatchaiSettings
from src.training.batchai.units.unit_files import SUMS, format_sums
from src.training.batchai.units.unit_worker import UnitScript, Work
from src.training.batchai.units.work_units import WorkUnit, sum_unit

READS = ("train_threads",)
"""The settings that the script reads, beside those that say where things lie."""


def sums_of(_: Namespace, settings: BatchaiSettings) -> Work:
    """What sums a unit."""

    def work(folder: PreparedFolder, unit: WorkUnit) -> bytes:
        # a file for each unit: Azure ML refuses a folder without any
        sums = [] if unit.is_whole else sum_unit(folder, unit, threads=settings.train_threads)
        return format_sums(unit, sums)

    return work


SCRIPT = UnitScript(__doc__, SUMS, {"sums_folder": "where to write one file per unit"}, sums_of, READS)
init, run, main = SCRIPT.init, SCRIPT.run, SCRIPT.main


if __name__ == "__main__":
    sys.exit(run_script(main))

r"""The second pass of training on many machines: the fits of each unit.

    python src/training/batchai/batchai_training_units.py --work_folder outputs/training_work \
        --sums_folder outputs/training_sums --fits_folder outputs/training_fits

An entry script of a ParallelRunStep, too. batchai_training_merge.py puts the fits together.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from functools import lru_cache, partial
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # run by path, or loaded by the service under another name
    sys.path.insert(0, ROOT)

from src.common.console import run_script
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.settings.batchai.batchai_settings import BatchaiSettings
from src.training.batchai.units.unit_files import FITS, format_fits, read_pool
from src.training.batchai.units.unit_worker import UnitScript, Work
from src.training.batchai.units.work_units import WorkUnit, train_unit

READS = ("train_threads",)
"""The settings that the script reads, beside those that say where things lie."""


def fits_of(arguments: Namespace, settings: BatchaiSettings) -> Work:
    """What fits a unit."""
    # the units of a location come one after the other, and need the same
    pool_of = lru_cache(maxsize=1)(partial(read_pool, arguments.sums_folder))

    def work(folder: PreparedFolder, unit: WorkUnit) -> bytes | None:
        if not unit.is_fitted:
            return None
        pool = None if unit.is_whole else pool_of(unit.parts())
        return format_fits(unit, train_unit(folder, unit, pool, threads=settings.train_threads))

    return work


FOLDERS = {"sums_folder": "what batchai_training_sums.py wrote", "fits_folder": "where to write one file per unit"}
SCRIPT = UnitScript(__doc__, FITS, FOLDERS, fits_of, READS)
init, run, main = SCRIPT.init, SCRIPT.run, SCRIPT.main


if __name__ == "__main__":
    sys.exit(run_script(main))

r"""The first pass of training on many machines: what the groups of each unit tell those of the others.

    python src/training/batchai/batchai_training_sums.py --work_folder outputs/training_work \
        --sums_folder outputs/training_sums

An entry script of a ParallelRunStep, too. Of a location that was not parted there is nothing to tell.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # run by path, or loaded by the service under another name
    sys.path.insert(0, ROOT)

from src.common.console import add_verbose, run_script
from src.common.settings import load_settings

if TYPE_CHECKING:
    from src.training.batchai.units.unit_worker import UnitWorker

workers: list[UnitWorker] = []
"""What does the work, once `init` has been called."""


def init() -> None:
    """Make ready for units of work; the service calls it once per process.

    Raises:
        DataError: There is no prepared data.
    """
    arguments, _ = _parser().parse_known_args()  # the service adds arguments of its own
    workers[:] = [_worker(arguments)]


def run(mini_batch: list[str]) -> list[str]:
    """Do some units of work.

    Args:
        mini_batch: Paths of planned units.

    Returns:
        A line for each path.
    """
    return workers[0].run(mini_batch)


def main(argv: Sequence[str] | None = None) -> int:
    """Do all planned units here. Returns the script's exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.work_folder is None:
        parser.error("--work_folder is needed: the folder that batchai_training_plan.py wrote")
    from src.training.batchai.units.unit_files import SUMS

    _worker(arguments).run_all(arguments.work_folder, kind=SUMS)
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0], allow_abbrev=False)
    parser.add_argument("--work_folder", type=Path, help="the planned units, where no service gives them one by one")
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--sums_folder", type=Path, required=True, help="where to write one file per unit")
    add_verbose(parser)
    return parser


def _worker(arguments: Namespace) -> UnitWorker:
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.training.batchai.units.unit_files import format_sums
    from src.training.batchai.units.unit_worker import UnitWorker
    from src.training.batchai.units.work_units import WorkUnit, sum_unit

    settings = load_settings()

    def work(folder: PreparedFolder, unit: WorkUnit) -> bytes:
        # a file for each unit: Azure ML refuses a folder without any
        sums = [] if unit.is_whole else sum_unit(folder, unit, threads=settings.train_threads)
        return format_sums(unit, sums)

    prepared = PreparedFolder.open(arguments.prepared_folder or settings.prepared_folder)
    return UnitWorker(work, arguments.sums_folder, prepared)


if __name__ == "__main__":
    sys.exit(run_script(main))

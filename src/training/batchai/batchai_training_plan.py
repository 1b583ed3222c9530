"""Part the work of training into units that can be trained on many machines.

    python src/training/batchai/batchai_training_plan.py --work_folder outputs/training_work

Reads what was prepared, writes one small file per unit: a location, or a part of a large one. Then follow
batchai_training_sums.py, batchai_training_units.py and batchai_training_merge.py; together they write what
batchai_training.py writes alone.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # run by path, or loaded by the service under another name
    sys.path.insert(0, ROOT)

from src.common.committed_folder import replace_folder
from src.common.console import ALL, add_verbose, chosen, run_script
from src.common.settings import load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings

READS = ("train_folds", "train_min_batches", "train_terms")
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.training.batchai.location_fit import TrainingOptions
    from src.training.batchai.units.unit_files import WORK
    from src.training.batchai.units.work_units import plan_units

    settings = load_settings(BatchaiSettings, READS)
    folder = PreparedFolder.open(arguments.prepared_folder or settings.prepared_folder)
    product_id = chosen(arguments.product_id)
    options = TrainingOptions(
        folds=settings.train_folds, min_batches=settings.train_min_batches, terms=settings.train_terms
    )
    units = plan_units(folder, folder.find(chosen(arguments.location), product_id), options, product_id=product_id)
    with replace_folder(arguments.work_folder, kind=WORK) as staged:
        for unit in units:
            staged.write(unit.file_name, unit.to_json())
        staged.facts.update(units=[unit.file_name for unit in units], data_version=folder.manifest.version)
    print(f"{len(units)} units of work: {arguments.work_folder}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--location", default=ALL, help="train this location only (default: all)")
    parser.add_argument("--product_id", default=ALL, help="train this product only (default: all)")
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--work_folder", type=Path, required=True, help="where to write the units")
    add_verbose(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run_script(main))

r"""Put together what many machines trained: ``Training_Output`` and the model, to the byte what one machine writes.

    python src/training/batchai/batchai_training_merge.py --work_folder outputs/training_work \
        --fits_folder outputs/training_fits

Writes the model to ``outputs/model/``, and exports ``coefficient.csv`` and ``rmse.csv`` to ``Training_Output``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # run by path, or loaded by the service under another name
    sys.path.insert(0, ROOT)

from src.common.console import Stopwatch, add_verbose, run_script
from src.common.made import made_now
from src.common.settings import load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings

READS = ("source_version",)
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    results = arguments.training_folder or settings.training_folder
    model_folder = arguments.model_folder or settings.outputs_folder / "model"

    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.training.batchai.training_summary import hand_over
    from src.training.batchai.units.training_output import write_output
    from src.training.batchai.units.unit_files import read_fits, read_work
    from src.training.batchai.units.work_units import check_data

    folder = PreparedFolder.open(arguments.prepared_folder or settings.prepared_folder)
    units = read_work(arguments.work_folder)
    for unit in units:
        check_data(folder, unit)
    scores = write_output(
        (read_fits(arguments.fits_folder, unit) for unit in units if unit.is_fitted),
        units[0].options(threads=1),
        data_version=folder.manifest.version,
        made=made_now(settings.source_version),
        results=results,
        model=model_folder,
    )
    hand_over(scores, results, settings.mode)
    print(f"put together in {watch.seconds:.1f} s: {results}, {model_folder}")
    print("next: python src/inference/batchai/batchai_inference.py")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--work_folder", type=Path, required=True, help="what batchai_training_plan.py wrote")
    parser.add_argument("--fits_folder", type=Path, required=True, help="what batchai_training_units.py wrote")
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--training_folder", type=Path, help="where to write the results (TRAINING_OUTPUT_DIR)")
    parser.add_argument("--model_folder", type=Path, help="where to write the model (model/ in OUTPUTS_DIR)")
    add_verbose(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run_script(main))

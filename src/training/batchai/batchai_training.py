"""Train one linear model per location, product and target.

    python src/training/batchai/batchai_training.py [--location concrete-lab] [--product_id slag]

Reads ``DataPrep_outputs``; writes ``coefficient.csv`` and ``rmse.csv`` to ``Training_Output``, the model to
``outputs/model/``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import ALL, Stopwatch, add_verbose, chosen, progress, run_script
from src.common.made import made_now
from src.common.settings import load_settings
from src.settings.batchai.batchai_settings import Backend, BatchaiSettings

if TYPE_CHECKING:
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.training.batchai.units.work_units import WorkUnit


READS = (
    "train_folds",
    "train_min_batches",
    "train_terms",
    "source_version",
    "train_threads",
    "train_backend",
    "dask_scheduler",
)
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    prepared = arguments.prepared_folder or settings.prepared_folder
    results = arguments.training_folder or settings.training_folder
    model_folder = arguments.model_folder or settings.outputs_folder / "model"

    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.training.batchai.location_fit import TrainingOptions
    from src.training.batchai.training_summary import hand_over
    from src.training.batchai.units.work_units import plan_units

    folder = PreparedFolder.open(prepared)
    product_id = chosen(arguments.product_id)
    options = TrainingOptions(
        folds=settings.train_folds, min_batches=settings.train_min_batches, terms=settings.train_terms
    )
    units = plan_units(folder, folder.find(chosen(arguments.location), product_id), options, product_id=product_id)
    scores = _train(folder, units, settings, results, model_folder)
    hand_over(scores, results, settings.mode)
    print(f"trained in {watch.seconds:.1f} s: {results}, {model_folder}")
    print("next: python src/inference/batchai/batchai_inference.py")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--location", default=ALL, help="train this location only (default: all)")
    parser.add_argument("--product_id", default=ALL, help="train this product only (default: all)")
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--training_folder", type=Path, help="where to write the results (TRAINING_OUTPUT_DIR)")
    parser.add_argument("--model_folder", type=Path, help="where to write the model (model/ in OUTPUTS_DIR)")
    add_verbose(parser)
    return parser.parse_args(argv)


def _train(
    folder: PreparedFolder, units: Sequence[WorkUnit], settings: BatchaiSettings, results: Path, model_folder: Path
) -> list[dict[str, str]]:
    """Train, and write everything. Returns the rows of ``rmse.csv``."""
    from src.training.batchai.units.backends import train_here, train_on_dask
    from src.training.batchai.units.training_output import write_output

    groups = sum(1 if unit.product_id else len(unit.products) for unit in units if unit.is_fitted)
    with progress("training", total=groups, unit="groups") as bar:
        if settings.train_backend is Backend.DASK:
            trained = train_on_dask(
                folder,
                units,
                threads=settings.train_threads,
                done=bar.advance,
                scheduler=settings.dask_scheduler,
            )
        else:
            trained = train_here(folder, units, threads=settings.train_threads, done=bar.advance)
        return write_output(
            trained,
            units[0].options(threads=1),
            data_version=folder.manifest.version,
            made=made_now(settings.source_version),
            results=results,
            model=model_folder,
        )


if __name__ == "__main__":
    sys.exit(run_script(main))

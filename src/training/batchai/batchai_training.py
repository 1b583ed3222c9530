"""Train one linear model per location, product and target.

    python src/training/batchai/batchai_training.py [--location concrete-lab] [--product_id slag]

Reads ``DataPrep_outputs``; writes ``coefficient.csv`` and ``rmse.csv`` to ``Training_Output``, the model to
``outputs/model/``.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.committed_folder import replace_folder
from src.common.console import ALL, Stopwatch, add_verbose, chosen, format_table, progress, run_script
from src.common.settings import Backend, Mode, Settings, load_settings

if TYPE_CHECKING:
    from src.data_preparation.batchai.prepared_data import PreparedFolder, PreparedLocation
    from src.training.batchai.location_fit import GroupFit, TrainingOptions

MOST_ROWS = 30
"""What the summary shows at the most; the rest stands in rmse.csv."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings()
    watch = Stopwatch()
    prepared = arguments.prepared_folder or settings.prepared_folder
    results = arguments.training_folder or settings.training_folder
    model_folder = arguments.model_folder or settings.outputs_folder / "model"

    from src.data_preparation.batchai.prepared_data import PreparedFolder

    folder = PreparedFolder.open(prepared)
    product_id = chosen(arguments.product_id)
    options = _options(settings)
    fitted = _fit(folder, folder.find(chosen(arguments.location), product_id), product_id, options, settings)
    _write(folder, fitted, options, results, model_folder)
    _print_summary(fitted)
    if settings.mode is Mode.PROD:
        _tell_azure(fitted, results)
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


def _options(settings: Settings) -> TrainingOptions:
    from src.training.batchai.location_fit import TrainingOptions

    return TrainingOptions(
        folds=settings.train_folds,
        min_batches=settings.train_min_batches,
        threads=settings.train_threads or os.cpu_count() or 1,
    )


def _fit(
    folder: PreparedFolder,
    locations: Sequence[str],
    product_id: str | None,
    options: TrainingOptions,
    settings: Settings,
) -> list[tuple[PreparedLocation, list[GroupFit]]]:
    from src.training.batchai.backends import fit_here, fit_on_dask

    groups = len(locations) if product_id else sum(len(folder.products(name)) for name in locations)
    with progress("training", total=groups, unit="groups") as bar:
        work = (folder, locations, options)
        if settings.train_backend is Backend.DASK:
            scheduler = settings.dask_scheduler
            return list(fit_on_dask(*work, product_id=product_id, done=bar.advance, scheduler=scheduler))
        return list(fit_here(*work, product_id=product_id, done=bar.advance))


def _write(
    folder: PreparedFolder,
    fitted: Sequence[tuple[PreparedLocation, list[GroupFit]]],
    options: TrainingOptions,
    results: Path,
    model_folder: Path,
) -> None:
    from src.training.batchai import model_files, out_of_fold
    from src.training.batchai.model import Model
    from src.training.batchai.results import (
        COEFFICIENT,
        KIND,
        RMSE,
        format_coefficients,
        format_rmse,
        location_model,
        training_facts,
    )

    locations = {part.location: location_model(part, fits) for part, fits in fitted}
    model = Model(locations, data_version=folder.manifest.version, training=training_facts(options))
    with replace_folder(model_folder, kind=model_files.KIND) as staged:
        model_files.write_model(staged, model)
        staged.write(out_of_fold.NAME, out_of_fold.format_out_of_fold(fitted))
    with replace_folder(results, kind=KIND) as staged:
        staged.write(COEFFICIENT, format_coefficients(fitted))
        staged.write(RMSE, format_rmse(fitted))
        staged.facts.update(data_version=folder.manifest.version)


def _print_summary(fitted: Sequence[tuple[PreparedLocation, list[GroupFit]]]) -> None:
    """Print the skill of each group and target, and what was not trained and why."""
    rows = []
    left_out = []
    for part, fits in fitted:
        for group in fits:
            for target in part.targets:
                fit = group.targets[target.name]
                if isinstance(fit, str):
                    left_out.append(f"{part.location}, {group.product_id}, {target.name}: {fit}")
                else:
                    numbers = (fit.problem.batches, fit.rmse, fit.rmse_mean, fit.rmse_forward, round(fit.skill, 3))
                    rows.append((part.location, group.product_id, target.name, target.unit, *numbers))
    if rows:
        shown = rows[:MOST_ROWS]
        header = ("location", "product_id", "target", "unit", "batches", "rmse", "of the mean", "forward", "skill")
        print(format_table(header, shown))
        if len(rows) > len(shown):
            print(f"  ... and {len(rows) - len(shown)} more, in rmse.csv")
    if left_out:
        print(
            "\n".join([f"  not trained ({len(left_out)}, all in rmse.csv):", *(f"    {line}" for line in left_out[:4])])
        )


def _tell_azure(fitted: Sequence[tuple[PreparedLocation, list[GroupFit]]], results: Path) -> None:
    """Log the skill of every target to the step's own run, and upload the results to it."""
    from statistics import median

    from src.common import azureml_adapter
    from src.training.batchai.location_fit import TargetFit

    rows = [
        (part.location, group.product_id, name, fit)
        for part, fits in fitted
        for group in fits
        for name, fit in group.targets.items()
    ]
    trained = [(location, product, name, fit) for location, product, name, fit in rows if isinstance(fit, TargetFit)]
    skills = [float(row[3].skill) for row in trained]
    table: dict[str, list[object]] = {
        "location": [row[0] for row in trained],
        "product_id": [row[1] for row in trained],
        "target": [row[2] for row in trained],
        "rmse": [row[3].rmse for row in trained],
        "rmse_mean": [row[3].rmse_mean for row in trained],
        "skill": list(skills),
    }
    azureml_adapter.log_results(
        {"models_trained": len(trained), "models_left_out": len(rows) - len(trained)}
        | ({"median_skill": median(skills)} if skills else {}),
        folder="training",
        files=sorted(results.glob("*.csv")),
        tables={"skill": table} if trained else {},
    )


if __name__ == "__main__":
    sys.exit(run_script(main))

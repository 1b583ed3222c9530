"""Compare the trained model with the registered one: is it better?

    python src/evaluation/batchai/batchai_evaluation.py

Reads ``outputs/model`` and ``DataPrep_outputs``, and the newest registered model; writes ``outputs/evaluation``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import report_warning, run_script
from src.common.errors import DataError, some_of
from src.evaluation.evaluation_script import Contenders, run_evaluation
from src.training.batchai.batchai_kind import BATCHAI

if TYPE_CHECKING:
    from src.common.settings import Settings
    from src.data_preparation.batchai.prepared_data import PreparedFolder, PreparedLocation
    from src.evaluation.batchai.product_comparisons import Contender
    from src.evaluation.comparison import Comparison
    from src.training.batchai.location_fit import TrainingOptions
    from src.training.batchai.model import LocationModel, Model


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_evaluation(BATCHAI, compare_models, argv, documentation=__doc__)


def compare_models(contenders: Contenders) -> list[Comparison]:
    """Compare the models on every product and target that either of them knows."""
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.evaluation.batchai.product_comparisons import compare

    challenger = _contender(contenders.challenger)
    champion = None if contenders.champion is None else _contender(contenders.champion)
    folder = PreparedFolder.open(contenders.prepared)
    if champion is not None:
        warn_of_lost_features(champion.model, folder)
    options = _options(challenger.model, contenders.settings)
    return compare(
        challenger, champion, _locations(folder, challenger.model), lambda location: _refit(location, options)
    )


def warn_of_lost_features(champion: Model, folder: PreparedFolder) -> None:
    """Name the features that a registered model knows and that an export lacks by now."""
    for name in folder.locations:
        known = champion.locations[name].feature_names if name in champion.locations else ()
        lost = [feature for feature in known if feature not in folder.features(name)]
        if lost:
            report_warning(
                DataError(
                    f"location {name}, high: the registered model knows features that the prepared data lacks",
                    where=folder.root,
                    found=some_of(lost, most=8),
                    hint="look into the export and into what preparation dropped; each counts as not measured",
                )
            )


def _contender(folder: Path) -> Contender:
    from src.evaluation.batchai.product_comparisons import Contender
    from src.training.batchai.model_files import load_model
    from src.training.batchai.out_of_fold import read_out_of_fold

    return Contender(load_model(folder), read_out_of_fold(folder))


def _options(model: Model, settings: Settings) -> TrainingOptions:
    """The options that the challenger was trained with."""
    from src.training.batchai.location_fit import TrainingOptions

    return TrainingOptions.of(
        folds=int(model.training["folds"]),
        min_batches=int(model.training["min_batches"]),
        threads=settings.train_threads,
    )


def _locations(folder: PreparedFolder, model: Model) -> Iterator[PreparedLocation]:
    for name in folder.locations:
        if name in model.locations:
            yield folder.read(name)


def _refit(location: PreparedLocation, options: TrainingOptions) -> LocationModel:
    from src.training.batchai.fitted_model import location_model
    from src.training.batchai.location_fit import fit_location

    return location_model(location, fit_location(location, options))


if __name__ == "__main__":
    sys.exit(run_script(main))

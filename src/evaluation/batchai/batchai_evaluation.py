"""Compare the trained model with the registered one: is it better?

    python src/evaluation/batchai/batchai_evaluation.py

Reads ``outputs/model`` and ``DataPrep_outputs``, and the newest registered model; writes ``outputs/evaluation``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import report_warning, run_script
from src.common.errors import DataError, some_of
from src.evaluation.evaluation_script import Contenders, run_evaluation
from src.settings.batchai.batchai_settings import BatchaiSettings, Terms
from src.training.batchai.batchai_kind import BATCHAI

if TYPE_CHECKING:
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.evaluation.batchai.location_parts import LocationParts
    from src.evaluation.batchai.product_comparisons import Contender
    from src.evaluation.comparison import Compared
    from src.training.batchai.location_fit import TrainingOptions
    from src.training.batchai.model import LocationModel, Model


READS = ("train_threads",)
"""The settings that the comparison reads."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_evaluation(BATCHAI, compare_models, argv, reads=READS, documentation=__doc__)


def compare_models(contenders: Contenders) -> Compared:
    """Compare the models on every product and target that either of them knows."""
    from src.data_preparation.batchai.location_runs import FAILED
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.evaluation.batchai.product_comparisons import changes, compare
    from src.evaluation.comparison import Compared

    challenger = _contender(contenders.challenger)
    champion = None if contenders.champion is None else _contender(contenders.champion)
    folder = PreparedFolder.open(contenders.prepared)
    if champion is not None:
        warn_of_lost_features(champion.model, folder)
    assert isinstance(contenders.settings, BatchaiSettings)  # noqa: S101 - the settings of BATCHAI
    options = _options(challenger.model, contenders.settings)
    parts = compare(challenger, champion, _locations(folder, challenger.model, options), partial(_refit, options))
    failed = {name: facts["problem"] for name, facts in folder.manifest.facts.get(FAILED, {}).items()}
    return Compared(parts, changes(challenger, champion, failed) if champion else {})


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


def _options(model: Model, settings: BatchaiSettings) -> TrainingOptions:
    """The options that the challenger was trained with."""
    from src.training.batchai.location_fit import TrainingOptions

    return TrainingOptions.of(
        folds=int(model.training["folds"]),
        min_batches=int(model.training["min_batches"]),
        threads=settings.train_threads,
        terms=Terms(model.training.get("terms", Terms.LINEAR)),
    )


def _locations(folder: PreparedFolder, model: Model, options: TrainingOptions) -> Iterator[LocationParts]:
    """The locations that the challenger knows: a large one part by part, the others read once."""
    from src.evaluation.batchai.location_parts import LocationParts
    from src.training.batchai.units.work_units import plan_units

    for name in folder.locations:
        if name in model.locations:
            yield LocationParts.of(folder, plan_units(folder, [name], options))


def _refit(options: TrainingOptions, location: LocationParts) -> LocationModel:
    from src.evaluation.batchai.location_parts import refit

    return refit(location, options)


if __name__ == "__main__":
    sys.exit(run_script(main))

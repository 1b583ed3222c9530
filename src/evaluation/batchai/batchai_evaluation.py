"""Compare the trained model with the registered one: is it better?

    python src/evaluation/batchai/batchai_evaluation.py

Reads ``outputs/model`` and ``DataPrep_outputs``, and the newest registered model; writes ``outputs/evaluation``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.committed_folder import reading, replace_folder
from src.common.console import Stopwatch, add_verbose, format_table, run_script
from src.common.errors import DataError, IntegrityError
from src.common.settings import Mode, Settings, load_settings

if TYPE_CHECKING:
    from src.common.model_registry import ModelRegistry, RegisteredModel
    from src.data_preparation.batchai.prepared_data import PreparedFolder, PreparedLocation
    from src.evaluation.batchai.comparison import Comparison, Contender
    from src.evaluation.batchai.decision import Decision
    from src.training.batchai.location_fit import TrainingOptions
    from src.training.batchai.model import LocationModel, Model

MOST_ROWS = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings()
    watch = Stopwatch()
    prepared = arguments.prepared_folder or settings.prepared_folder
    model_folder = arguments.model_folder or settings.outputs_folder / "model"
    results = arguments.evaluation_folder or settings.outputs_folder / "evaluation"

    from src.common.model_registry import open_registry
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.evaluation.batchai.comparison import compare
    from src.evaluation.batchai.decision import DECISION, KIND, TABLE, decide, format_evaluation
    from src.training.batchai.model import MADE_BY
    from src.training.batchai.model_files import KIND as MODEL_KIND

    with reading(model_folder, kind=MODEL_KIND, made_by=MADE_BY) as model:
        challenger = _contender(model_folder)
    registered, champion = _champion(open_registry(settings), arguments.model_name or settings.model_name)
    folder = PreparedFolder.open(prepared)
    options = _options(challenger.model, settings)
    comparisons = compare(
        challenger,
        champion,
        _locations(folder, challenger.model),
        lambda location: _refit(location, options),
    )
    decision = decide(comparisons, registered, min_improvement=settings.min_improvement)
    with replace_folder(results, kind=KIND) as staged:
        staged.write_json(DECISION, decision.document())
        staged.write(TABLE, format_evaluation(comparisons))
        staged.facts.update(better=decision.better, challenger=model.manifest.version)
    _print_summary(comparisons, decision)
    print(f"evaluated in {watch.seconds:.1f} s: {results}")
    if settings.mode is Mode.PROD:
        _tell_azure(decision, results, settings)
    elif decision.better:
        print("next: python src/registration/batchai/batchai_registration.py")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--model_folder", type=Path, help="the trained model (model/ in OUTPUTS_DIR)")
    parser.add_argument("--evaluation_folder", type=Path, help="where to write (evaluation/ in OUTPUTS_DIR)")
    parser.add_argument("--model_name", help="the name of the registered model (MODEL_NAME)")
    add_verbose(parser)
    return parser.parse_args(argv)


def _contender(folder: Path) -> Contender:
    from src.evaluation.batchai.comparison import Contender
    from src.training.batchai.model_files import load_model
    from src.training.batchai.out_of_fold import read_out_of_fold

    return Contender(load_model(folder), read_out_of_fold(folder))


def _champion(registry: ModelRegistry, name: str) -> tuple[RegisteredModel | None, Contender | None]:
    """The newest registered model, and what it is.

    Raises:
        IntegrityError: It can't be read: nobody can say then whether the new one is better.
    """
    registered = registry.newest(name)
    if registered is None:
        return None, None
    try:
        with registry.files(registered) as folder:
            return registered, _contender(folder)
    except (DataError, KeyError, ValueError) as error:
        raise IntegrityError(
            f"the registered model {name} version {registered.version} can't be read, so nothing can be compared",
            found=str(error).splitlines()[0],
            expected="the files as they were registered",
            hint="RUN_EVALUATION=false registers the new model without comparing",
        ) from error


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
    from src.training.batchai.location_fit import fit_location
    from src.training.batchai.results import location_model

    return location_model(location, fit_location(location, options))


def _print_summary(comparisons: Sequence[Comparison], decision: Decision) -> None:
    rows = [
        (
            *part.key,
            part.compared_on.value,
            part.batches,
            round(part.skill_champion, 3),
            round(part.skill_challenger, 3),
        )
        for part in comparisons[:MOST_ROWS]
    ]
    if rows:
        header = ("location", "product_id", "target", "compared on", "batches", "champion", "challenger")
        print(format_table(header, rows))
    if len(comparisons) > len(rows):
        print(f"  ... and {len(comparisons) - len(rows)} more, in evaluation.csv")
    print(f"{'better' if decision.better else 'not better'}: {decision.reason}")


def _tell_azure(decision: Decision, results: Path, settings: Settings) -> None:
    """Log the result to the step's own run; end the pipeline's run where there is nothing to register."""
    from src.common import azureml_adapter

    azureml_adapter.log_results(
        {
            "challenger_skill": decision.challenger_skill,
            "champion_skill": decision.champion_skill,
            "improvement": decision.improvement,
            "batches": decision.batches,
        },
        folder="evaluation",
        files=sorted(path for path in results.iterdir() if path.is_file()),
    )
    if not decision.better:
        azureml_adapter.mark_not_better(decision.reason, cancel=settings.allow_run_cancel)


if __name__ == "__main__":
    sys.exit(run_script(main))

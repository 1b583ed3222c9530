"""The script of the evaluation, for every model: compare the trained one with the registered one, and decide.

A model's own script says how two folders of models are compared: `Compare`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.committed_folder import reading, replace_folder
from src.common.console import Stopwatch, add_verbose, format_table
from src.common.errors import DataError, IntegrityError
from src.common.model_kind import ModelKind
from src.common.settings import Mode, Settings, load_settings

if TYPE_CHECKING:
    from src.common.model_registry import ModelRegistry, RegisteredModel
    from src.evaluation.comparison import Compared, Comparison
    from src.evaluation.gate import Decision

READS = ("gate_policy", "min_improvement", "fresh_margin", "allow_run_cancel")
MOST_ROWS = 30


@dataclass(frozen=True)
class Contenders:
    """What is compared.

    Attributes:
        challenger: The folder of the trained model.
        champion: The folder of the registered model; None where there is none.
        prepared: The folder of the prepared data.
        settings: The settings.
    """

    challenger: Path
    champion: Path | None
    prepared: Path
    settings: Settings


Compare = Callable[[Contenders], "Compared"]
"""Compares the models part by part. Raises a `DataError` where the challenger or the data can't be read."""


def run_evaluation(
    model: ModelKind, compare: Compare, argv: Sequence[str] | None, *, reads: Sequence[str], documentation: str | None
) -> int:
    """Run the script. Returns its exit code.

    Args:
        model: The kind of model.
        compare: Compares two of them.
        argv: The arguments, without the script's name.
        reads: The settings that `compare` reads.
        documentation: The script's docstring; its first line stands in the help text.
    """
    arguments = _arguments(argv, documentation)
    settings = load_settings(model.settings, (*READS, *reads))
    watch = Stopwatch()
    model_folder = arguments.model_folder or settings.outputs_folder / "model"
    results = arguments.evaluation_folder or settings.outputs_folder / "evaluation"

    from src.common.model_registry import open_registry
    from src.evaluation.gate import DECISION, KIND, TABLE, Rule, decide, format_evaluation

    registry = open_registry(settings)
    registered = registry.newest(arguments.model_name or settings.model_name)
    with reading(model_folder, kind=model.kind, made_by=model.made_by) as trained:
        contenders = Contenders(model_folder, None, arguments.prepared_folder or settings.prepared_folder, settings)
        compared = _compared(contenders, registry, registered, model, compare)
    rule = Rule(settings.gate_policy, settings.min_improvement, settings.fresh_margin)
    decision = decide(compared.parts, registered, rule=rule, changes=compared.changes)
    with replace_folder(results, kind=KIND) as staged:
        staged.write_json(DECISION, decision.document())
        staged.write(TABLE, format_evaluation(compared.parts))
        staged.facts.update(better=decision.better, challenger=trained.manifest.version)
    _print_summary(compared.parts, decision)
    print(f"evaluated in {watch.seconds:.1f} s: {results}")
    if settings.mode is Mode.PROD:
        _tell_azure(decision, results, settings)
    elif decision.better:
        print(f"next: python {model.script('registration')}")
    return 0


def _arguments(argv: Sequence[str] | None, documentation: str | None) -> Namespace:
    parser = ArgumentParser(description=(documentation or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--model_folder", type=Path, help="the trained model (model/ in OUTPUTS_DIR)")
    parser.add_argument("--evaluation_folder", type=Path, help="where to write (evaluation/ in OUTPUTS_DIR)")
    parser.add_argument("--model_name", help="the name of the registered model (MODEL_NAME)")
    add_verbose(parser)
    return parser.parse_args(argv)


def _compared(
    contenders: Contenders,
    registry: ModelRegistry,
    registered: RegisteredModel | None,
    model: ModelKind,
    compare: Compare,
) -> Compared:
    """Compare with the newest registered model.

    Raises:
        IntegrityError: That one can't be read: nobody can say then whether the new one is better.
    """
    if registered is None:
        return compare(contenders)
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(registry.files(registered))
            model.check(folder)
        except (DataError, KeyError, ValueError) as error:
            raise IntegrityError(
                f"the registered model {registered.name} version {registered.version} can't be read, so nothing can be"
                " compared",
                found=str(error).splitlines()[0],
                expected="the files as they were registered",
                hint="RUN_EVALUATION=false registers the new model without comparing",
            ) from error
        return compare(replace(contenders, champion=folder))


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

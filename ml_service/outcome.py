"""How a run of the training pipeline ended, for the exit status of a script and the colour of a build."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from time import monotonic, sleep

from ml_service.waiting import Outcome, PipelineRunLike, Watch
from src.common.agent_commands import add_build_tag, complete, log_issue, set_variable
from src.common.azureml_adapter import DECISION, NOT_BETTER, asking

NOT_REGISTERED = "Model was not registered for this run."
LISTING_SECONDS = 30.0
"""How long a model that was just registered may be missing in the list of them."""


class Verdict(Enum):
    """What came of a run; the value is the exit status of `run_train_pipeline.py`."""

    REGISTERED = 0
    FAILED = 4
    NOT_REGISTERED = 5
    CANCELLED = 6


@dataclass(frozen=True)
class Result:
    """A verdict, and a sentence that says why.

    Attributes:
        verdict: What came of the run.
        sentence: For a person.
        version: The version of the registered model; empty if there is none.
    """

    verdict: Verdict
    sentence: str
    version: str = ""


def result_of(
    run: PipelineRunLike, outcome: Outcome, registered: Callable[[], str | None], *, patience: float = LISTING_SECONDS
) -> Result:
    """Find out what came of a run that has ended.

    Args:
        run: The run.
        outcome: How it ended.
        registered: Asks which version of the model the run registered; None for none.
        patience: How many seconds a model may be missing in the listing, which lags behind at times.

    Raises:
        CloudError: The workspace does not say.
    """
    if outcome is Outcome.FAILED:
        return Result(Verdict.FAILED, f"the run {run.id} failed")
    with asking("the tags of the run can't be read", where=run.id):
        tags = run.get_tags()
    if tags.get(DECISION) == NOT_BETTER:
        return Result(Verdict.NOT_REGISTERED, tags.get("reason", "it is not better than the registered one"))
    if outcome is Outcome.CANCELLED:
        return Result(Verdict.CANCELLED, f"the run {run.id} was cancelled")
    deadline = monotonic() + patience
    while (version := registered()) is None and monotonic() < deadline:
        sleep(min(2.0, max(0.0, deadline - monotonic())))
    if version is None:
        return Result(Verdict.NOT_REGISTERED, f"the run {run.id} finished, and no model names it")
    return Result(Verdict.REGISTERED, f"version {version}", version)


def announce(result: Result, watch: Watch) -> None:
    """Print a result; under Azure DevOps with the commands that colour the build and hand the version on."""
    if result.verdict is Verdict.REGISTERED:
        print(f"Model registered: {result.sentence}.", flush=True)
        set_variable("MODELVERSION", str(result.version), output=True)
        add_build_tag("model registered")
    elif result.verdict is Verdict.NOT_REGISTERED:
        print(NOT_REGISTERED, flush=True)
        print(f"  {result.sentence}", flush=True)
        log_issue("warning", f"{NOT_REGISTERED} {result.sentence}")
        complete("SucceededWithIssues", NOT_REGISTERED)
    else:
        watch.show_failure()
        print(result.sentence, flush=True)
        log_issue("error", result.sentence)


def hand_on_folder(folder: Path) -> None:
    """Name a folder to the steps that follow, so that none looks for one that is not there."""
    set_variable("SUMMARY_FOLDER", str(folder.resolve()))


def hand_on_pipeline(identifier: str) -> None:
    """Name the published pipeline to the other jobs of the stage."""
    set_variable("PIPELINE_ID", identifier, output=True)


def announce_end(outcome: Outcome, watch: Watch) -> int:
    """Print how a run ended that registers nothing. Returns the exit status."""
    if outcome is Outcome.FINISHED:
        print(f"the run {watch.run.id} finished", flush=True)
        return 0
    verdict = Verdict.FAILED if outcome is Outcome.FAILED else Verdict.CANCELLED
    announce(
        Result(verdict, f"the run {watch.run.id} {'failed' if verdict is Verdict.FAILED else 'was cancelled'}"), watch
    )
    return verdict.value

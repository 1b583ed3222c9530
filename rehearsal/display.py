"""Shows a run as Azure DevOps would: stages, jobs and steps with their results, issues, tags, artifacts, status."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from rehearsal.outcomes import JobOutcome, RunOutcome, StageOutcome, StepOutcome
from rehearsal.results import Result

SIGNS = {
    Result.SUCCEEDED: "✓",
    Result.ISSUES: "!",
    Result.FAILED: "✗",
    Result.CANCELED: "⊘",
    Result.SKIPPED: "·",
}
COLOURS = {
    Result.SUCCEEDED: "green",
    Result.ISSUES: "orange",
    Result.FAILED: "red",
    Result.CANCELED: "grey",
    Result.SKIPPED: "grey",
}
"""Of the icons on a run's page."""


_print = partial(print, flush=True)


@dataclass(frozen=True)
class Display:
    """Prints what happens, when it happens.

    Attributes:
        tell: Takes a line.
    """

    tell: Callable[[str], None] = _print

    def stage_starts(self, stage: StageOutcome, checks: Iterable[str]) -> None:
        """A stage starts, after the checks on what it uses."""
        self.tell(f"{stage.title}{_attempt(stage.attempt)}")
        for check in checks:
            self.tell(f"  check passed: {check}")

    def stage_skipped(self, stage: StageOutcome) -> None:
        """A stage is skipped."""
        self.tell(_line(Result.SKIPPED, f"{stage.title}: Skipped, its condition does not hold"))

    def stage_ends(self, stage: StageOutcome) -> None:
        """A stage has ended."""
        self.tell(_line(stage.result, f"{stage.title}: {_named(stage.result)}"))

    def job_starts(self, job: JobOutcome) -> None:
        """A job starts."""
        self.tell(f"  {job.title}{_attempt(job.attempt)}")

    def job_skipped(self, job: JobOutcome) -> None:
        """A job is skipped."""
        self.tell(f"  {_line(Result.SKIPPED, f'{job.title}: Skipped, its condition does not hold')}")

    def job_ends(self, job: JobOutcome) -> None:
        """A job has ended."""
        seconds = sum(step.seconds for step in job.steps)
        self.tell(f"  {_line(job.result, f'{job.title}: {_named(job.result)}, {seconds:.1f} s')}")

    def step_ends(self, step: StepOutcome) -> None:
        """A step has ended, or was skipped."""
        after = f"{step.seconds:.1f} s" if step.result is not Result.SKIPPED else "skipped"
        self.tell(f"    {_line(step.result, f'{step.title}: {after}')}")
        outputs = [f"{name} = {value}" for name, value in step.outputs.items()]
        kinds = (("note", step.notes), ("output", outputs), ("warning", step.warnings), ("error", step.errors))
        for kind, texts in (*kinds, ("tag", step.tags)):
            for text in texts:
                self.tell(f"        {kind}: {text}")
        for line in step.tail:
            self.tell(f"        | {line}")

    def run_ends(self, run: RunOutcome) -> None:
        """A run has ended: what its page says at the top."""
        steps = run.steps()
        errors, warnings = (sum(len(getattr(step, kind)) for step in steps) for kind in ("errors", "warnings"))
        self.tell(_line(run.result, f"run: {run.status} ({COLOURS[run.result]}), {errors} errors, {warnings} warnings"))
        self.tell(f"  tags: {', '.join(run.tags) or 'none'}; artifacts: {', '.join(run.artifacts) or 'none'}")


def _line(result: Result, text: str) -> str:
    return f"{SIGNS[result]} {text}"


def _named(result: Result) -> str:
    return f"{result.value} ({COLOURS[result]})"


def _attempt(attempt: int) -> str:
    return f" (attempt {attempt})" if attempt > 1 else ""

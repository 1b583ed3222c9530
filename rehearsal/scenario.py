"""A scenario: runs of a pipeline, and what Microsoft's pages say that each ends as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.outcomes import RunOutcome
from rehearsal.results import Result
from rehearsal.triggers import Event


@dataclass(frozen=True)
class Expected:
    """How a run ends.

    Attributes:
        page: The page of Microsoft that says so, under https://learn.microsoft.com/azure/devops/pipelines/.
        status: The run's own status.
        results: Of stages and jobs, as ``stage`` or ``stage/job``.
        artifacts: All that the run has published.
        says: Text that must stand among warnings, errors, notes, tags or outputs.
        never: Titles of steps that must not have been played.
    """

    page: str
    status: str
    results: Mapping[str, Result] = field(default_factory=dict)
    artifacts: tuple[str, ...] | None = None
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def differences(self, run: RunOutcome) -> list[str]:
        """Where a run ended otherwise."""
        found = (
            [] if run.status == self.status else [f"the run is {run.status}, expected is {self.status} ({self.page})"]
        )
        for place, result in self.results.items():
            name, _, job = place.partition("/")
            stage = run.stages.get(name)
            part = stage.jobs.get(job) if stage and job else stage
            ended = part.result if part else Result.SKIPPED
            if ended is not result:
                found.append(f"{place} is {ended.value}, expected is {result.value} ({self.page})")
        if self.artifacts is not None and tuple(run.artifacts) != self.artifacts:
            found.append(f"the artifacts are {run.artifacts}, expected are {list(self.artifacts)} ({self.page})")
        said = [text for step in run.steps() for text in (*step.warnings, *step.errors, *step.notes, *step.tags)]
        said += [f"{name} = {value}" for step in run.steps() for name, value in step.outputs.items()]
        found += [f"nothing says {text!r}" for text in self.says if not any(text in one for one in said)]
        played = {step.title for step in run.steps() if step.result is not Result.SKIPPED}
        found += [f"{title!r} was played ({self.page})" for title in self.never if title in played]
        return found


@dataclass(frozen=True)
class Run:
    """A run of a pipeline.

    Attributes:
        title: What makes it different from others.
        file: The pipeline, in `.pipelines/`.
        event: What starts it.
        expected: How it ends.
        parameters: Values for the pipeline's parameters.
        without: Locations that are not among the raw exports; None leaves them as they are.
        stand_ins: By the title of a step: the script that is played in its place.
        cancels_at: ``stage/job/title of a step`` during which somebody cancels it.
        again: How its failed jobs end when they are run again; None where they are not.
        repaired: Stand-ins for then.
    """

    title: str
    file: str
    event: Event
    expected: Expected
    parameters: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] | None = None
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    cancels_at: str = ""
    again: Expected | None = None
    repaired: Mapping[str, str] = field(default_factory=dict)

    @property
    def branch(self) -> str:
        """`Build.SourceBranch`."""
        return "refs/pull/17/merge" if self.event.kind == "pull request" else self.event.branch


@dataclass(frozen=True)
class Scenario:
    """Runs, one after the other.

    Attributes:
        name: How it is chosen.
        title: What happens.
        runs: The runs.
        real: Whether steps work on the emulator; else stand-ins are played for those that would.
        after: The scenario that has to be played before.
    """

    name: str
    title: str
    runs: tuple[Run, ...]
    real: bool = False
    after: str = ""

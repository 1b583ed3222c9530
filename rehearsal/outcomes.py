"""What a run has been: its stages, jobs and steps, with their results."""

from __future__ import annotations

from dataclasses import dataclass, field

from rehearsal.results import Result, combined

STATUS = {
    Result.SUCCEEDED: "succeeded",
    Result.ISSUES: "partiallySucceeded",
    Result.FAILED: "failed",
    Result.CANCELED: "canceled",
    Result.SKIPPED: "skipped",
}
"""How a run's own status is called: `az pipelines runs list --result`,
https://learn.microsoft.com/azure/devops/pipelines/process/runs#list-pipeline-runs
No page says what a run is called whose stages were all skipped."""


@dataclass
class StepOutcome:
    """How a step ended, and what it said."""

    title: str
    result: Result
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


@dataclass
class JobOutcome:
    """How a job ended; `outputs` are its output variables, as ``step.NAME``."""

    name: str
    title: str
    result: Result = Result.SKIPPED
    attempt: int = 0
    steps: list[StepOutcome] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    deployment: bool = False

    def output_names(self) -> dict[str, str]:
        """Its outputs under the names by which other jobs know them.

        Those of a deployment job have the job's name before them: no. 3 of "Support for output variables",
        https://learn.microsoft.com/azure/devops/pipelines/process/deployment-jobs#support-for-output-variables
        """
        before = f"{self.name}." if self.deployment else ""
        return {f"{before}{name}": value for name, value in self.outputs.items()}


@dataclass
class StageOutcome:
    """How a stage ended."""

    name: str
    title: str
    result: Result = Result.SKIPPED
    attempt: int = 0
    jobs: dict[str, JobOutcome] = field(default_factory=dict)

    def output_names(self) -> dict[str, str]:
        """The outputs of its jobs under the names by which conditions of other stages know them."""
        return {f"{job.name}.{name}": value for job in self.jobs.values() for name, value in job.output_names().items()}


@dataclass
class RunOutcome:
    """How a run ended."""

    stages: dict[str, StageOutcome] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    canceled: bool = False

    @property
    def result(self) -> Result:
        """The worst of its stages."""
        return combined([stage.result for stage in self.stages.values()], canceled=self.canceled)

    @property
    def status(self) -> str:
        """The run's own status."""
        return STATUS[self.result]

    def steps(self) -> list[StepOutcome]:
        """All steps, of all stages and jobs."""
        return [step for stage in self.stages.values() for job in stage.jobs.values() for step in job.steps]

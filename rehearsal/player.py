"""Plays a run: stages and jobs in the order of their dependencies, each if its condition holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.conditions import Before, holds
from rehearsal.display import Display
from rehearsal.expressions import Closed, Scope, evaluate
from rehearsal.graph import ancestors, descendants
from rehearsal.job_player import JobPlayer, Surroundings
from rehearsal.outcomes import JobOutcome, RunOutcome, StageOutcome
from rehearsal.pipeline import Definition, Entry, Job, Stage
from rehearsal.pools import minutes_allowed
from rehearsal.results import NotPlayedError, Result, combined
from rehearsal.tasks import CONNECTIONS
from rehearsal.values import Value, text
from rehearsal.variables import Variable, Variables

BAD = (Result.FAILED, Result.CANCELED)


@dataclass
class Player:
    """Plays one run, and its failed jobs again.

    Attributes:
        definition: The pipeline.
        build: Azure DevOps' own variables of the run.
        groups: The variable groups that there are: by name, their variables.
        secrets: Names of the groups' variables that are secret.
        around: What stands around its jobs.
        logs: The folder for what scripts print.
        environments: What deployment jobs deploy to: by name, the checks on it.
        paid: Whether parallel jobs are paid for, so that a hosted agent works longer.
        cancels_at: ``stage/job/title of a step`` during which somebody cancels the run; empty for never.
        display: Shows what happens.
    """

    definition: Definition
    build: Mapping[str, str]
    groups: Mapping[str, Mapping[str, str]]
    secrets: frozenset[str]
    around: Surroundings
    logs: Path
    environments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    paid: bool = False
    cancels_at: str = ""
    display: Display = field(default_factory=Display)
    outcome: RunOutcome = field(default_factory=RunOutcome)
    _again: set[tuple[str, str]] = field(default_factory=set)
    _before: dict[str, StageOutcome] = field(default_factory=dict)

    def run(self) -> RunOutcome:
        """Play all stages."""
        variables = Variables(Variable(name, value, readonly=True) for name, value in self.build.items())
        root = self._with(variables, self.definition.entries, {})
        for job in self.definition.jobs():
            minutes_allowed(job.pool, job.timeout, paid=self.paid, where=job.name)
        for stage in self.definition.stages:
            if stage.name not in self.outcome.stages:
                self.outcome.stages[stage.name] = self._stage(stage, root)
        self.outcome.stages = {stage.name: self.outcome.stages[stage.name] for stage in self.definition.stages}
        self.outcome.artifacts = self.around.artifacts.names()
        self.outcome.tags = list(dict.fromkeys(tag for step in self.outcome.steps() for tag in step.tags))
        return self.outcome

    def rerun_failed(self) -> RunOutcome:
        """Play the failed jobs again, those that depend on them, and the stages that were skipped because of them.

        https://learn.microsoft.com/azure/devops/release-notes/2019/pipelines/sprint-158-update

        Raises:
            NotPlayedError: Nothing failed, the run was cancelled, or a stage ran although one before it failed.
        """
        failed = [stage for stage in self.definition.stages if self.outcome.stages[stage.name].result in BAD]
        if not failed or self.outcome.canceled:
            raise NotPlayedError("there is no failed job to run again, or the run was cancelled by a person")
        later = descendants([stage.name for stage in failed], self.definition.stages)
        ran = [name for name in later if self.outcome.stages[name].result is not Result.SKIPPED]
        if ran:
            raise NotPlayedError(f"{', '.join(ran)} ran after a failed stage: no page says whether it is run again")
        self._again = set()
        for stage in failed:
            jobs = self.outcome.stages[stage.name].jobs
            bad = [name for name, job in jobs.items() if job.result in BAD]
            self._again |= {(stage.name, name) for name in (*bad, *descendants(bad, stage.jobs))}
        self._before = {stage.name: self.outcome.stages[stage.name] for stage in failed}
        self.outcome.stages = {
            name: stage for name, stage in self.outcome.stages.items() if name not in {*later, *self._before}
        }
        return self.run()

    def _stage(self, stage: Stage, root: Variables) -> StageOutcome:
        before = self._before.get(stage.name)
        outcome = StageOutcome(stage.name, stage.title, attempt=1 + (before.attempt if before else 0))
        results = {name: self.outcome.stages[name].result for name in ancestors(stage, self.definition.stages)}
        direct = {name: self.outcome.stages[name] for name in self._names(stage.depends_on, self.outcome.stages)}
        dependencies = {
            name: {"result": one.result.value, "outputs": one.output_names()} for name, one in direct.items()
        }
        names = {
            "variables": root.expanded(),
            "dependencies": Closed(dependencies, f"is no stage that {stage.name} depends on"),
        }
        functions = Before(results, canceled=self.outcome.canceled).functions()
        if not holds(stage.condition, self._without_own(names, stage.variables, root), functions):
            self.display.stage_skipped(outcome)
            return outcome
        self._authorise(stage)
        self.display.stage_starts(outcome, self._checks(stage))
        jobs = {
            name: Closed(
                {job.name: {"result": job.result.value, "outputs": job.output_names()} for job in one.jobs.values()},
                f"is no job of the stage {name}",
            )
            for name, one in direct.items()
        }
        stages = Closed(jobs, f"is no stage that {stage.name} depends on")
        variables = self._with(root, stage.variables, {"stageDependencies": stages})
        late = self.outcome.canceled
        for job in stage.jobs:
            kept = before.jobs.get(job.name) if before and (stage.name, job.name) not in self._again else None
            played = kept or self._job(stage, job, outcome, variables, stages, late=late)
            outcome.jobs[job.name] = played
        outcome.result = combined([job.result for job in outcome.jobs.values()], canceled=self.outcome.canceled)
        self.display.stage_ends(outcome)
        return outcome

    def _job(
        self, stage: Stage, job: Job, so_far: StageOutcome, variables: Variables, stages: Closed, *, late: bool
    ) -> JobOutcome:
        past = self._before[stage.name].jobs[job.name].attempt if stage.name in self._before else 0
        outcome = JobOutcome(job.name, job.title, attempt=past, deployment=bool(job.environment))
        results = {name: so_far.jobs[name].result for name in ancestors(job, stage.jobs)}
        direct = [so_far.jobs[name] for name in self._names(job.depends_on, so_far.jobs)]
        found = {one.name: {"result": one.result.value, "outputs": one.output_names()} for one in direct}
        names: dict[str, Value] = {
            "dependencies": Closed(found, f"is no job that {job.name} depends on"),
            "stageDependencies": stages,
        }
        functions = Before(results, canceled=self.outcome.canceled, late=late).functions()
        visible = {**names, "variables": variables.expanded()}
        if not holds(job.condition, self._without_own(visible, job.variables, variables), functions):
            self.display.job_skipped(outcome)
            return outcome
        outcome.attempt += 1
        own = self._own(stage, job, so_far, outcome)
        variables = self._with(
            variables.with_(Variable(k, v, readonly=True) for k, v in own.items()), job.variables, names
        )
        self.display.job_starts(outcome)
        at = self.cancels_at.split("/", maxsplit=2)
        player = JobPlayer(
            job=job,
            variables=variables,
            around=self.around,
            logs=self.logs / stage.name / f"{job.name}-{outcome.attempt}",
            minutes=minutes_allowed(job.pool, job.timeout, paid=self.paid, where=job.name),
            cancels_at=at[2] if at[:2] == [stage.name, job.name] else "",
            outcome=outcome,
            step_ended=self.display.step_ends,
        )
        player.run()
        self.outcome.canceled = self.outcome.canceled or player.canceled
        self.display.job_ends(outcome)
        return outcome

    def _own(self, stage: Stage, job: Job, so_far: StageOutcome, outcome: JobOutcome) -> dict[str, str]:
        """Azure DevOps' own variables of a job."""
        environment = {"Environment.Name": job.environment, "Environment.Id": "1"} if job.environment else {}
        return {
            "System.StageName": stage.name,
            "System.StageDisplayName": stage.title,
            "System.StageAttempt": str(so_far.attempt),
            "System.PhaseName": job.name,
            "System.PhaseDisplayName": job.title,
            "System.PhaseAttempt": str(outcome.attempt),
            "System.JobName": job.name,
            "System.JobDisplayName": job.title,
            "System.JobAttempt": str(outcome.attempt),
            "System.JobId": f"{stage.name}-{job.name}-{outcome.attempt}",
            **environment,
        }

    def _with(self, variables: Variables, entries: Iterable[Entry], names: Mapping[str, Value]) -> Variables:
        """Variables with those of the YAML and of groups on top: the last one of a name counts."""
        for entry in entries:
            if entry.group:
                if entry.group not in self.groups:
                    raise NotPlayedError(f"there is no variable group {entry.group!r}")
                items = [Variable(k, v, secret=k in self.secrets) for k, v in self.groups[entry.group].items()]
            else:
                value = self._runtime(entry.value, variables, names)
                items = [Variable(entry.name, value, readonly=entry.readonly)]
            variables = variables.with_(items)
        return variables

    def _runtime(self, value: str, variables: Variables, names: Mapping[str, Value]) -> str:
        """A variable's value; a runtime expression is one only where it is the whole value."""
        stripped = value.strip()
        if not (stripped.startswith("$[") and stripped.endswith("]")):
            return value
        return text(evaluate(stripped[2:-1].strip(), Scope({"variables": variables.expanded(), **names})))

    def _without_own(self, names: dict[str, Value], own: Iterable[Entry], above: Variables) -> dict[str, Value]:
        """Names for a condition. A variable that is set inside of what the condition is about is not there yet."""
        inside = {entry.name for entry in own if entry.name}
        return {**names, "variables": _Known(above.expanded(), inside)} if inside else names

    def _checks(self, stage: Stage) -> list[str]:
        return [
            f"{job.environment}: {check}"
            for job in stage.jobs
            if job.environment
            for check in self.environments.get(job.environment, ())
        ]

    def _authorise(self, stage: Stage) -> None:
        """Resolve what a stage needs to be authorised for, with variables of the YAML's root alone.

        https://learn.microsoft.com/azure/devops/pipelines/process/runs#process-the-pipeline

        Raises:
            NotPlayedError: A service connection or an environment is not there, or its name can't be known then.
        """
        known = Variables(Variable(name, value) for name, value in self.definition.variables.items())
        for job in stage.jobs:
            if "$" in job.environment:
                raise NotPlayedError(f"{job.name}: the name of an environment holds no variable: {job.environment}")
            for step in job.steps:
                names = CONNECTIONS.get(step.task, ())
                for written in (value for key, value in step.inputs.items() if key in names):
                    if known.macros(written) not in self.around.connections:
                        raise NotPlayedError(
                            f"{job.name}: the service connection {written!r} is not there when the stage is "
                            "authorised; variables of groups, stages and jobs are not known then"
                        )

    def _names(self, wanted: Iterable[str], known: Mapping[str, object]) -> list[str]:
        lower = {name.lower(): name for name in known}
        return [lower[name.lower()] for name in wanted]


class _Known(Variables):
    """Variables of which some are not there yet."""

    def __init__(self, variables: Variables, inside: Iterable[str]) -> None:
        self._inside = {name.lower() for name in inside}
        outside = ((name, value) for name, value in variables.items() if name.lower() not in self._inside)
        super().__init__(Variable(name, value) for name, value in outside)

    def missing_key(self, name: str) -> None:
        if name.lower() in self._inside:
            raise NotPlayedError(f"the variable {name!r} is set inside of what this condition is about")
        super().missing_key(name)

"""Plays the steps of one job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from rehearsal.artifacts import Artifacts
from rehearsal.checkout import Workspace, check_out, workspace
from rehearsal.conditions import holds, job_status
from rehearsal.log_commands import Heard
from rehearsal.outcomes import JobOutcome, StepOutcome
from rehearsal.pipeline import CHECKOUT, Job, Step
from rehearsal.predefined import OF_THE_AGENT
from rehearsal.processes import Alarm, Shell, masked
from rehearsal.results import NotPlayedError, Result, merged
from rehearsal.tasks import Task, play
from rehearsal.variables import Variable, Variables, unknown_macros

MOST_RETRIES = 10
TAIL_LINES = 25
CANCELED = "The operation was canceled."
TIMED_OUT = "The task has timed out."
RETRY = "RetryHelper encountered task failure, will retry (attempt #: {} out of {}) after {} ms"
"""As the agent warns (its src/Agent.Worker/RetryHelper.cs); here nobody waits so long."""


@dataclass
class Surroundings:
    """What stands around a job.

    Attributes:
        root: The repository.
        environment: What every process gets beside: how to reach the emulator.
        connections: Service connections: by name, what signing in with them gives.
        artifacts: Those of the run.
        stand_ins: By the title of a step: the script that is played in its place.
        links: Folders of this machine that are linked into each checkout, such as installed packages.
        minute: How long a minute of a timeout is, in seconds.
    """

    root: Path
    environment: Mapping[str, str]
    connections: Mapping[str, Mapping[str, str]]
    artifacts: Artifacts
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Path, ...] = ()
    minute: float = 60.0


@dataclass
class JobPlayer:
    """A job that is being played.

    Attributes:
        job: Its definition.
        variables: Its variables; steps may change them.
        around: What stands around it.
        logs: The folder for what its scripts print.
        minutes: How long it may run.
        cancels_at: The title of the step during which somebody cancels the run; empty for none.
        outcome: How it ended, as far as it went.
        step_ended: Takes what a step has been.
    """

    job: Job
    variables: Variables
    around: Surroundings
    logs: Path
    minutes: int | None
    cancels_at: str
    outcome: JobOutcome
    step_ended: Callable[[StepOutcome], None]
    canceled: bool = False
    secrets: set[str] = field(default_factory=set)
    path: list[str] = field(default_factory=list)
    status: Result = Result.SUCCEEDED
    deadline: float | None = None

    def run(self) -> JobOutcome:
        """Play all steps."""
        start = perf_counter()
        self.deadline = None if self.minutes is None else start + self.minutes * self.around.minute
        with ExitStack() as stack:
            place = stack.enter_context(workspace())
            if not self.job.pool.server:
                own = {**OF_THE_AGENT, **place.variables(), "Agent.JobName": self.job.name}
                self.variables = self.variables.with_(Variable(name, value) for name, value in own.items())
            self._prepare(place)
            for number, step in enumerate(self.job.steps, start=1):
                played = self._step(step, place, self.logs / f"{number}.log")
                self.outcome.steps.append(played)
                self.step_ended(played)
        self.outcome.result = self.status
        if self.job.continue_on_error:
            self.outcome.result = self._forgiven(self.status)
        return self.outcome

    def _forgiven(self, status: Result) -> Result:
        if status is Result.CANCELED and not self.canceled:
            raise NotPlayedError(f"{self.job.name}: no page says what continueOnError makes of a job that is cancelled")
        return Result.ISSUES if status is Result.FAILED else status

    def _prepare(self, place: Workspace) -> None:
        """Check out and download what Azure DevOps does without a step for it."""
        tasks = {step.task for step in self.job.steps}
        if self.job.environment and "DownloadPipelineArtifact@2" not in tasks:
            for name in self.around.artifacts.names():
                self.around.artifacts.download(name, place.folder / name)
        if not self.job.environment and not self.job.pool.server and CHECKOUT not in tasks:
            self._check_out(place)

    def _check_out(self, place: Workspace) -> list[str]:
        notes = check_out(self.around.root, place.sources)
        for link in self.around.links:
            if link.exists() and not (place.sources / link.name).exists():
                (place.sources / link.name).symlink_to(link.resolve(), target_is_directory=True)
        return notes

    def _step(self, step: Step, place: Workspace, log: Path) -> StepOutcome:
        start = perf_counter()
        if not self._holds(step, self.status):
            return StepOutcome(step.title, Result.SKIPPED, notes=["its condition does not hold"])
        alarm = self._alarm(step)
        heard = self._retried(step, place, log, alarm) if step.task != CHECKOUT else self._checkout_step(step, place)
        if alarm.rang:
            heard = self._stopped(heard, alarm)
        if heard.result is Result.FAILED and step.continue_on_error:
            heard.result = Result.ISSUES
        result = heard.result or Result.SUCCEEDED
        if result is not Result.SUCCEEDED:
            self.status = merged(self.status, result)
        return self._told(step, result, heard, perf_counter() - start, log)

    def _holds(self, step: Step, status: Result) -> bool:
        names = self.variables.with_([Variable("Agent.JobStatus", status.value)]).expanded()
        return holds(step.condition, {"variables": names}, job_status(status))

    def _alarm(self, step: Step) -> Alarm:
        """What may stop a step. A cancel stops it unless its condition holds even then."""
        cancels = step.title == self.cancels_at
        if cancels:
            self.canceled, self.status = True, Result.CANCELED
        limits = [step.timeout * self.around.minute] if step.timeout else []
        limits += [max(0.0, self.deadline - perf_counter())] if self.deadline is not None else []
        return Alarm(min(limits, default=None), cancels and not self._holds(step, Result.CANCELED))

    def _stopped(self, heard: Heard, alarm: Alarm) -> Heard:
        over = self.deadline is not None and perf_counter() >= self.deadline
        if alarm.cancels or over:
            self.status = Result.CANCELED
            return replace(heard, result=Result.CANCELED, errors=[*heard.errors, CANCELED])
        return replace(heard, result=Result.FAILED, errors=[*heard.errors, TIMED_OUT])

    def _retried(self, step: Step, place: Workspace, log: Path, alarm: Alarm) -> Heard:
        """Play a step, again while it fails and may be tried again; what an attempt has told the agent stays told."""
        warnings: list[str] = []
        errors: list[str] = []
        tags: list[str] = []
        retries = min(step.retries, MOST_RETRIES)
        for attempt in range(1, retries + 2):
            heard = self._once(step, place, log, alarm)
            self._obey(step, heard)
            warnings, errors, tags = warnings + heard.warnings, errors + heard.errors, tags + heard.tags
            if heard.result is not Result.FAILED or attempt > retries or alarm.rang:
                break
            warnings.append(RETRY.format(attempt, retries, attempt**2 * 1000))
        return replace(heard, warnings=warnings, errors=errors, tags=tags)

    def _once(self, step: Step, place: Workspace, log: Path, alarm: Alarm) -> Heard:
        stand_in = self.around.stand_ins.get(step.title)
        name = step.task if stand_in is None else "Bash@3"
        written = dict(step.inputs) if stand_in is None else {"script": stand_in}
        texts = [*written.values(), *step.env.values()]
        unknown = [macro for text in texts for macro in unknown_macros(text, self.variables)]
        env = {key: self.variables.macros(value.strip()) for key, value in step.env.items()}
        self.secrets |= self.variables.secrets()
        shell = Shell(
            folder=place.sources,
            temporary=place.folder / "_temp",
            environment={**self.around.environment, **self.variables.environment(), **env},
            secrets=frozenset(self.secrets),
            path=tuple(reversed(self.path)),
        )
        heard = play(
            Task(
                name=name,
                inputs={key: self.variables.macros(value.strip()) for key, value in written.items()},
                shell=shell,
                log=log,
                alarm=alarm,
                workspace=place,
                artifacts=self.around.artifacts,
                connections=self.around.connections,
                site=self.around.environment,
            )
        )
        heard.notes += [] if stand_in is None else [f"a stand-in was played: {stand_in}"]
        heard.notes += [f"there is no variable for $({macro}), so it stays as it is" for macro in unknown]
        return heard

    def _checkout_step(self, step: Step, place: Workspace) -> Heard:
        what = step.inputs[CHECKOUT]
        if what not in ("self", "none"):
            raise NotPlayedError(f"checkout: {what} is not played")
        heard = Heard(notes=self._check_out(place) if what == "self" else [])
        return heard.ends(Result.SUCCEEDED)

    def _obey(self, step: Step, heard: Heard) -> None:
        """Let the variables that a step has set take effect for those after it."""
        self.secrets |= heard.secrets
        self.path += heard.path
        for variable in heard.variables:
            output = variable.name in heard.outputs
            if output and not step.name:
                heard.notes.append(f"the step has no name, so nothing can read its output {variable.name}")
                continue
            name = f"{step.name}.{variable.name}" if output else variable.name
            warning = self.variables.assign(replace(variable, name=name))
            heard.warnings += [warning] if warning else []
        if step.name:
            self.outcome.outputs.update({f"{step.name}.{name}": value for name, value in heard.outputs.items()})

    def _told(self, step: Step, result: Result, heard: Heard, seconds: float, log: Path) -> StepOutcome:
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() and result is Result.FAILED else []
        return StepOutcome(
            title=step.title,
            result=result,
            seconds=seconds,
            warnings=[masked(text, self.secrets) for text in heard.warnings],
            errors=[masked(text, self.secrets) for text in heard.errors],
            outputs={name: masked(value, self.secrets) for name, value in heard.outputs.items()},
            notes=[masked(text, self.secrets) for text in heard.notes],
            tail=lines[-TAIL_LINES:],
            tags=heard.tags,
        )

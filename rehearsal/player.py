"""Plays a pipeline: stages, jobs and steps in their order, each if its condition holds, and prints the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from rehearsal.definition import Definition, Job, Stage, Step
from rehearsal.expressions import Context, Result, evaluate, expand, holds
from rehearsal.log_commands import Heard
from rehearsal.processes import checkout, run_process, shell
from rehearsal.tasks import NEEDLESS, play

LOG_LINES = 25
SIGNS = {
    Result.SUCCEEDED: "✓",
    Result.ISSUES: "!",
    Result.FAILED: "✗",
    Result.CANCELED: "⊘",
    Result.SKIPPED: "·",
}


@dataclass
class Player:
    """Plays one build.

    Attributes:
        definition: The pipeline.
        root: The project.
        variables: Those of the build and the variable groups; the definition's own come on top.
        secrets: Names of variables that a script gets only where its `env` names them.
        environment: What every process gets beside: how to reach the emulator.
        logs: The folder for what scripts print.
        skipped: Titles of steps that are not played, and why.
    """

    definition: Definition
    root: Path
    variables: Mapping[str, str]
    secrets: frozenset[str]
    environment: Mapping[str, str]
    logs: Path
    skipped: Mapping[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def run(self) -> Result:
        """Play all stages. Returns how the build ended."""
        results: dict[str, Result] = {}
        for stage in self.definition.stages:
            context = Context(self._all_variables(), {name: results[name] for name in stage.depends_on})
            if holds(stage.condition, context):
                print(f"{stage.title}", flush=True)
                results[stage.name] = self._stage(stage)
                print(f"{SIGNS[results[stage.name]]} {stage.title}: {results[stage.name].value}", flush=True)
            else:
                results[stage.name] = Result.SKIPPED
                print(f"{SIGNS[Result.SKIPPED]} {stage.title}: skipped", flush=True)
        return combined(list(results.values()))

    def _all_variables(self) -> dict[str, str]:
        return {**self.variables, **self.definition.variables}

    def _stage(self, stage: Stage) -> Result:
        results: dict[str, Result] = {}
        outputs: dict[str, dict[str, str]] = {}
        for job in stage.jobs:
            needed = {name: results[name] for name in job.depends_on}
            context = Context(self._all_variables(), needed, outputs)
            if not holds(job.condition, context):
                results[job.name] = Result.SKIPPED
                print(f"  {SIGNS[Result.SKIPPED]} {job.title}: skipped (its condition does not hold)", flush=True)
                continue
            print(f"  {job.title}", flush=True)
            start = perf_counter()
            ended, outputs[job.name] = self._job(job, context)
            seconds = perf_counter() - start
            print(f"  {SIGNS[ended]} {job.title}: {ended.value}, {seconds:.1f} s", flush=True)
            shown = job.continue_on_error and ended in (Result.FAILED, Result.CANCELED)
            results[job.name] = Result.ISSUES if shown else ended
        return combined(list(results.values()))

    def _job(self, job: Job, context: Context) -> tuple[Result, dict[str, str]]:
        variables = dict(context.variables)
        for name, value in job.variables.items():
            runtime = value.startswith("$[") and value.endswith("]")
            variables[name] = str(evaluate(value[2:-1].strip(), context)) if runtime else expand(value, context)
        outputs: dict[str, str] = {}
        results: dict[str, Result] = {}
        with checkout(self.root) as folder:
            for number, step in enumerate(job.steps, start=1):
                step_context = Context(variables, results)
                if not holds(step.condition, step_context):
                    print(
                        f"    {SIGNS[Result.SKIPPED]} {step.title}: skipped (its condition does not hold)", flush=True
                    )
                    continue
                log = self.logs / job.name / f"{number}.log"
                start = perf_counter()
                ended, heard = self._step(step, step_context, folder, log)
                self._show(step, ended, heard, perf_counter() - start, log)
                if ended is not Result.SKIPPED:
                    results[str(number)] = ended
                variables.update(heard.variables)
                outputs.update({f"{step.name}.{name}": value for name, value in heard.outputs.items()})
        return combined(list(results.values()) or [Result.SUCCEEDED]), outputs

    def _step(self, step: Step, context: Context, folder: Path, log: Path) -> tuple[Result, Heard]:
        if step.title in self.skipped:
            return Result.SKIPPED, Heard()
        visible = {_environment_name(k): v for k, v in context.variables.items() if k not in self.secrets}
        mapped = {name: expand(value, context) for name, value in step.env.items()}
        environment = {**self.environment, **visible, **mapped}
        if step.script:
            return run_process(shell(expand(step.script, context)), folder, environment, log)
        inputs = {name: expand(value, context) for name, value in step.inputs.items()}
        # a task without an agent signs in with its service connection, which knows the secrets
        secret = {_environment_name(k): v for k, v in context.variables.items() if k in self.secrets}
        return play(step.task, inputs, root=folder, environment={**environment, **secret}, log=log)

    def _show(self, step: Step, ended: Result, heard: Heard, seconds: float, log: Path) -> None:
        why = self.skipped.get(step.title) or NEEDLESS.get(step.task)
        after = f"skipped by the rehearsal: {why}" if why and ended is Result.SKIPPED else f"{seconds:.1f} s"
        print(f"    {SIGNS[ended]} {step.title}: {after}", flush=True)
        said = [f"{name} = {value}" for name, value in heard.outputs.items()]
        for kind, messages in (("output", said), ("warning", heard.warnings), ("error", heard.errors)):
            for message in messages:
                print(f"        {kind}: {message}", flush=True)
        self.tags += heard.tags
        self.messages += heard.warnings
        if ended is Result.FAILED:
            for line in log.read_text(encoding="utf-8").splitlines()[-LOG_LINES:]:
                print(f"        | {line}", flush=True)


def combined(results: Sequence[Result]) -> Result:
    """How a whole ended whose parts ended so."""
    counted = [result for result in results if result is not Result.SKIPPED]
    for worst in (Result.FAILED, Result.CANCELED, Result.ISSUES):
        if worst in counted:
            return worst
    return Result.SUCCEEDED if counted else Result.SKIPPED


def _environment_name(variable: str) -> str:
    return variable.upper().replace(".", "_").replace(" ", "_")

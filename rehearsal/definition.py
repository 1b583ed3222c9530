"""The compiled YAML as stages, jobs and steps. Keys that are not known are refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.compiling import compiled
from rehearsal.conditions import Before
from rehearsal.expressions import Scope, check
from rehearsal.graph import ordered
from rehearsal.pipeline import CHECKOUT, SUCCEEDED, Definition, Entry, Job, Stage, Step
from rehearsal.pools import Pool, read_pool
from rehearsal.results import NotPlayedError
from rehearsal.task_inputs import check_inputs
from rehearsal.values import Value
from rehearsal.yaml_files import boolean

PIPELINE_KEYS = {
    *("name", "trigger", "pr", "schedules", "variables", "pool", "lockBehavior", "appendCommitMessageToRunName"),
    *("stages", "jobs", "steps"),
}
STAGE_KEYS = {"stage", "displayName", "dependsOn", "condition", "variables", "jobs", "pool", "lockBehavior"}
SHARED_KEYS = {
    *("displayName", "dependsOn", "condition", "pool", "timeoutInMinutes", "cancelTimeoutInMinutes"),
    *("variables", "continueOnError"),
}
JOB_KEYS = {"job", "steps", *SHARED_KEYS}
DEPLOYMENT_KEYS = {"deployment", "environment", "strategy", *SHARED_KEYS}
CONTROL_KEYS = {
    *("name", "displayName", "condition", "continueOnError", "enabled", "env"),
    *("timeoutInMinutes", "retryCountOnTaskFailure"),
}
STEP_KEYS = {
    "task": {"inputs"},
    "script": {"workingDirectory", "failOnStderr"},
    "bash": {"workingDirectory", "failOnStderr"},
    "publish": {"artifact"},
    "download": {"artifact", "patterns", "path"},
    "checkout": {"clean", "fetchDepth", "fetchTags", "lfs", "persistCredentials", "submodules"},
}
SHORTCUTS = {
    "script": (
        "CmdLine@2",
        {"script": "script", "workingDirectory": "workingDirectory", "failOnStderr": "failOnStderr"},
    ),
    "bash": ("Bash@3", {"bash": "script", "workingDirectory": "workingDirectory", "failOnStderr": "failOnStderr"}),
    "publish": ("PublishPipelineArtifact@1", {"publish": "targetPath", "artifact": "artifactName"}),
    "download": ("DownloadPipelineArtifact@2", {"download": "source", "artifact": "artifact", "patterns": "patterns"}),
}
"""https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/steps: each is a task with some of its inputs."""
TITLES = {"CmdLine@2": "CmdLine", "Bash@3": "Bash"}
IN_CONDITIONS = Scope({"variables": {}, "dependencies": {}, "stageDependencies": {}}, Before({}).functions())
LOCKS = ("sequential", "runLatest")


def read_definition(
    file: Path,
    *,
    root: Path | None = None,
    parameters: Mapping[str, Value] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Definition:
    """Compile a pipeline and read its stages, jobs and steps.

    Args:
        file: The pipeline.
        root: The repository's folder; that of the file where none is given.
        parameters: Values for its parameters.
        variables: The predefined variables that are there when the YAML is compiled.

    Raises:
        NotPlayedError: Azure DevOps would refuse it, or the rehearsal does not play it.
    """
    document = compiled(file, root or file.parent, parameters or {}, variables or {})
    return _Reader(file).definition(document)


@dataclass(frozen=True)
class _Reader:
    file: Path

    def definition(self, document: dict[str, Any]) -> Definition:
        self._refuse(document, PIPELINE_KEYS, "the pipeline")
        kinds = [kind for kind in ("stages", "jobs", "steps") if kind in document]
        if len(kinds) != 1:
            raise NotPlayedError(f"{self.file} should have stages, jobs or steps, found are {kinds}")
        pool = read_pool(document.get("pool"), str(self.file)) if "pool" in document else Pool()
        stages = document.get("stages")
        if stages is None:  # https://learn.microsoft.com/azure/devops/pipelines/process/phases#define-a-single-job
            jobs = document.get("jobs", [{"job": "Job", "steps": document.get("steps")}])
            stages = [{"stage": "__default", "displayName": "", "jobs": jobs}]
        found: list[Stage] = []
        for stage in self._list(stages, "stages"):
            found.append(self._stage(stage, pool, found, document.get("lockBehavior", "")))
        return Definition(
            file=self.file,
            stages=ordered(found, f"{self.file}: the stage"),
            entries=self._entries(document.get("variables", [])),
            document=document,
        )

    def _stage(self, stage: Any, pool: Pool, before: list[Stage], lock: str) -> Stage:
        self._refuse(stage, STAGE_KEYS, "a stage", first={"stage"}, needed={"jobs"})
        lock = stage.get("lockBehavior", lock)
        if lock and lock not in LOCKS:
            raise NotPlayedError(f"{self.file}: lockBehavior should be one of {', '.join(LOCKS)}, found is {lock!r}")
        pool = read_pool(stage["pool"], f"{self.file}: the stage {stage['stage']}") if "pool" in stage else pool
        jobs = [self._job(job, pool) for job in self._list(stage["jobs"], "jobs")]
        if jobs and all(job.depends_on for job in jobs):
            raise NotPlayedError(f"{self.file}: every job of {stage['stage']!r} depends on another one, so none starts")
        after = tuple(part.name for part in before[-1:])
        return Stage(
            name=self._name(stage["stage"], f"{self.file}: a stage"),
            title=stage.get("displayName") or stage["stage"],
            jobs=ordered(jobs, f"{self.file}: the job"),
            depends_on=self._names(stage["dependsOn"]) if "dependsOn" in stage else after,
            condition=self._condition(stage),
            variables=self._entries(stage.get("variables", [])),
            lock=lock,
        )

    def _job(self, job: Any, pool: Pool) -> Job:
        deployment = isinstance(job, dict) and "deployment" in job
        if deployment:
            self._refuse(job, DEPLOYMENT_KEYS, "a deployment", first={"deployment"}, needed={"environment", "strategy"})
            steps, environment = self._deploy_steps(job), self._environment(job["environment"])
        else:
            self._refuse(job, JOB_KEYS, "a job", first={"job"})
            steps, environment = job.get("steps", []), ""
        name = self._name(job["deployment" if deployment else "job"], f"{self.file}: a job")
        where = f"{self.file}: the job {name}"
        found = Job(
            name=name,
            title=job.get("displayName") or name,
            steps=tuple(self._steps(steps)),
            pool=read_pool(job["pool"], where) if "pool" in job else pool,
            depends_on=self._names(job.get("dependsOn", [])),
            condition=self._condition(job),
            variables=self._entries(job.get("variables", [])),
            timeout=self._minutes(job["timeoutInMinutes"], where) if "timeoutInMinutes" in job else None,
            continue_on_error=boolean(job.get("continueOnError", "false"), f"{where}: continueOnError"),
            environment=environment,
        )
        if found.pool.server and any(step.task in (CHECKOUT, "CmdLine@2", "Bash@3") for step in found.steps):
            raise NotPlayedError(f"{where} has no agent, so it runs no script and checks nothing out")
        return found

    def _deploy_steps(self, job: Mapping[str, Any]) -> Any:
        """https://learn.microsoft.com/azure/devops/pipelines/process/deployment-jobs#runonce-deployment-strategy."""
        strategy = job["strategy"]
        match strategy:
            case {"runOnce": {"deploy": {"steps": steps}}} if len(strategy) == 1:
                hooks = set(strategy["runOnce"]) | set(strategy["runOnce"]["deploy"])
                if hooks == {"deploy", "steps"}:
                    return steps
        raise NotPlayedError(f"{self.file}: of a deployment's strategies runOnce with deploy is played: {strategy}")

    def _environment(self, environment: Any) -> str:
        name = (
            environment.get("name") if isinstance(environment, dict) and set(environment) == {"name"} else environment
        )
        if not isinstance(name, str) or not name or "." in name:
            raise NotPlayedError(f"{self.file}: an environment's resources are not played: {environment}")
        return name

    def _steps(self, items: Any) -> Iterator[Step]:
        for item in self._list(items, "steps"):
            self._refuse(item, set().union(*STEP_KEYS.values(), CONTROL_KEYS, STEP_KEYS), "a step", first=STEP_KEYS)
            kind = next(iter(item))
            self._refuse(item, {kind, *STEP_KEYS[kind], *CONTROL_KEYS}, f"a step of the kind {kind}")
            if boolean(item.get("enabled", "true"), f"{self.file}: enabled"):
                yield self._step(kind, item)

    def _step(self, kind: str, item: Mapping[str, Any]) -> Step:
        if kind in SHORTCUTS:
            task, names = SHORTCUTS[kind]
            inputs = {names[key]: item[key] for key in names if key in item}
        else:
            task, inputs = (item["task"], item.get("inputs", {})) if kind == "task" else (CHECKOUT, {kind: item[kind]})
        where = f"{self.file}: the step {item.get('displayName', task)}"
        if kind == "task":
            check_inputs(task, self._texts(inputs, f"{where}: inputs"), where)
        return Step(
            task=task,
            title=item.get("displayName") or TITLES.get(task, task.partition("@")[0]),
            name=self._name(item.get("name", ""), where),
            inputs=self._texts(inputs, f"{where}: inputs"),
            condition=self._condition(item),
            env=self._texts(item.get("env", {}), f"{where}: env"),
            continue_on_error=boolean(item.get("continueOnError", "false"), f"{where}: continueOnError"),
            timeout=self._minutes(item.get("timeoutInMinutes", "0"), where),
            retries=self._minutes(item.get("retryCountOnTaskFailure", "0"), where),
        )

    def _condition(self, item: Mapping[str, Any]) -> str:
        condition = item.get("condition", "") or SUCCEEDED
        if not isinstance(condition, str) or "$(" in condition or "$[" in condition:
            raise NotPlayedError(f"{self.file}: a condition is an expression without $( ) and $[ ]: {condition}")
        try:
            check(condition, IN_CONDITIONS)
        except NotPlayedError as error:
            raise NotPlayedError(f"{self.file}: {error}") from error
        return condition

    def _entries(self, items: Any) -> tuple[Entry, ...]:
        if isinstance(items, dict):
            items = [{"name": name, "value": value} for name, value in items.items()]
        return tuple(self._entry(item) for item in self._list(items, "variables"))

    def _entry(self, item: Any) -> Entry:
        self._refuse(item, {"name", "value", "group", "readonly"}, "a variable", first={"name", "group"})
        if "group" in item:
            self._refuse(item, {"group"}, "a variable group")
            return Entry(group=item["group"])
        self._refuse(item, {"name", "value", "readonly"}, "a variable", needed={"value"})
        self._texts({item["name"]: item["value"]}, f"{self.file}: variables")
        return Entry(item["name"], item["value"], readonly=boolean(item.get("readonly", "false"), str(self.file)))

    def _refuse(
        self, item: Any, keys: Iterable[str], what: str, *, first: Iterable[str] = (), needed: Iterable[str] = ()
    ) -> None:
        if not isinstance(item, dict):
            raise NotPlayedError(f"{self.file}: {what} should be a mapping, found is {item!r}")
        unknown = sorted(map(repr, set(item) - set(keys)))
        if unknown:
            raise NotPlayedError(f"{self.file}: {what} has {', '.join(unknown)}, which is not played: {item}")
        if first and next(iter(item), "") not in first:
            raise NotPlayedError(f"{self.file}: the first key of {what} should be {' or '.join(first)}: {item}")
        missing = sorted(set(needed) - set(item))
        if missing:
            raise NotPlayedError(f"{self.file}: {what} has no {', '.join(missing)}: {item}")

    def _list(self, value: Any, what: str) -> list[Any]:
        if not isinstance(value, list):
            raise NotPlayedError(f"{self.file}: {what} should be a list, found is {value!r}")
        return value

    def _names(self, value: Any) -> tuple[str, ...]:
        return tuple(filter(None, [value] if isinstance(value, str) else self._list(value, "dependsOn")))

    def _name(self, value: Any, where: str) -> str:
        """https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/jobs-job: letters, digits and _ alone."""
        if not isinstance(value, str) or not re.fullmatch(r"([A-Za-z_]\w*)?", value, re.ASCII):
            raise NotPlayedError(f"{where} has the name {value!r}: letters, digits and _ alone make one")
        return value

    def _minutes(self, value: Any, where: str) -> int:
        if not isinstance(value, str) or not value.isascii() or not value.isdigit():
            raise NotPlayedError(f"{where} has {value!r} where a whole number should be")
        return int(value)

    def _texts(self, value: Any, where: str) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise NotPlayedError(f"{where} should be a mapping of text, found is {value!r}")
        return dict(value)

"""The pipelines' YAML as stages, jobs and steps. Keys that are not known are refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rehearsal.expressions import NotPlayedError

PIPELINE_KEYS = {"trigger", "pr", "schedules", "variables", "stages", "name"}
STAGE_KEYS = {"stage", "displayName", "dependsOn", "condition", "jobs"}
JOB_KEYS = {
    *("job", "displayName", "dependsOn", "condition", "pool", "timeoutInMinutes"),
    *("variables", "steps", "continueOnError"),
}
STEP_KEYS = {"script", "task", "name", "displayName", "condition", "env", "inputs", "template"}
SUCCEEDED = "succeeded()"


@dataclass(frozen=True)
class Step:
    """A script, or a task of Azure DevOps with its inputs."""

    name: str
    title: str
    script: str = ""
    task: str = ""
    condition: str = SUCCEEDED
    env: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Steps that run one after the other, on an agent or (`server`) without one."""

    name: str
    title: str
    steps: tuple[Step, ...]
    depends_on: tuple[str, ...] = ()
    condition: str = SUCCEEDED
    variables: Mapping[str, str] = field(default_factory=dict)
    server: bool = False
    continue_on_error: bool = False


@dataclass(frozen=True)
class Stage:
    """Jobs."""

    name: str
    title: str
    jobs: tuple[Job, ...]
    depends_on: tuple[str, ...] = ()
    condition: str = SUCCEEDED


@dataclass(frozen=True)
class Definition:
    """A pipeline's file.

    Attributes:
        file: Where it lies.
        stages: Its stages.
        variables: The values that it sets, by name.
        groups: The variable groups that it takes.
    """

    file: Path
    stages: tuple[Stage, ...]
    variables: Mapping[str, str]
    groups: tuple[str, ...]


def read_definition(file: Path) -> Definition:
    """Read a pipeline and the templates that it uses.

    Raises:
        NotPlayedError: It holds what the rehearsal does not understand.
    """
    document = _mapping(file, PIPELINE_KEYS)
    variables: dict[str, str] = {}
    groups: list[str] = []
    for item in _variable_items(file, document.get("variables", [])):
        if "group" in item:
            groups.append(str(item["group"]))
        else:
            _refuse(item, {"name", "value"}, f"{file}: a variable")
            variables[item["name"]] = _text(item["value"])
    stages: list[Stage] = []
    for stage in document["stages"]:
        _refuse(stage, STAGE_KEYS, f"{file}: the stage {stage.get('stage')!r}")
        before = (stages[-1].name,) if stages else ()
        stages.append(
            Stage(
                name=stage["stage"],
                title=stage.get("displayName", stage["stage"]),
                jobs=tuple(_job(file, job) for job in stage["jobs"]),
                depends_on=_names(stage["dependsOn"]) if "dependsOn" in stage else before,
                condition=stage.get("condition", SUCCEEDED),
            )
        )
    return Definition(file, tuple(stages), variables, tuple(groups))


def _variable_items(file: Path, items: Any) -> Iterator[dict[str, Any]]:
    for item in items:
        if "template" in item:
            _refuse(item, {"template"}, f"{file}: a variable")
            template = file.parent / item["template"]
            yield from _variable_items(template, _mapping(template, {"variables"})["variables"])
        else:
            yield item


def _job(file: Path, job: dict[str, Any]) -> Job:
    _refuse(job, JOB_KEYS, f"{file}: the job {job.get('job')!r}")
    return Job(
        name=job["job"],
        title=job.get("displayName", job["job"]),
        steps=tuple(_steps(file, job["steps"])),
        depends_on=_names(job.get("dependsOn", [])),
        condition=job.get("condition", SUCCEEDED),
        variables={name: _text(value) for name, value in job.get("variables", {}).items()},
        server=job.get("pool") == "server",
        continue_on_error=bool(job.get("continueOnError", False)),
    )


def _steps(file: Path, items: Any) -> Iterator[Step]:
    for item in items:
        _refuse(item, STEP_KEYS, f"{file}: a step")
        if "template" in item:
            template = file.parent / item["template"]
            yield from _steps(template, _mapping(template, {"steps"})["steps"])
            continue
        if ("script" in item) == ("task" in item):
            raise NotPlayedError(f"{file}: a step is a script or a task: {item}")
        what = item.get("task") or item["script"]
        yield Step(
            name=item.get("name", ""),
            title=item.get("displayName", what),
            script=item.get("script", ""),
            task=item.get("task", ""),
            condition=item.get("condition", SUCCEEDED),
            env={name: _text(value) for name, value in item.get("env", {}).items()},
            inputs={name: _text(value) for name, value in item.get("inputs", {}).items()},
        )


def _mapping(file: Path, keys: set[str]) -> dict[str, Any]:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise NotPlayedError(f"{file} is no pipeline or template")
    _refuse(document, keys, str(file))
    return document


def _refuse(item: Mapping[str, Any], keys: set[str], where: str) -> None:
    unknown = sorted(set(item) - keys)
    if unknown:
        raise NotPlayedError(f"{where} has {', '.join(map(repr, unknown))}, which the rehearsal does not play")
    for value in item.values():
        if isinstance(value, str) and "${{" in value:
            raise NotPlayedError(f"{where} has a template expression, which the rehearsal does not play: {value}")


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

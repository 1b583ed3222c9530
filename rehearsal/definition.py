"""The pipelines' YAML as stages, jobs and steps. Keys that are not known are refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    document = _mapping(file, PIPELINE_KEYS, needed={"stages"})
    variables: dict[str, str] = {}
    groups: list[str] = []
    for item in _variable_items(file, document.get("variables", [])):
        if "group" in item:
            groups.append(str(item["group"]))
        else:
            _refuse(item, {"name", "value"}, f"{file}: a variable", needed={"name", "value"})
            variables[item["name"]] = _text(item["value"])
    stages: list[Stage] = []
    for stage in _list(document["stages"], f"{file}: stages"):
        _refuse(stage, STAGE_KEYS, f"{file}: a stage", needed={"stage", "jobs"})
        before = (stages[-1].name,) if stages else ()
        stages.append(
            Stage(
                name=stage["stage"],
                title=stage.get("displayName", stage["stage"]),
                jobs=tuple(_job(file, job) for job in _list(stage["jobs"], f"{file}: jobs")),
                depends_on=_names(stage["dependsOn"]) if "dependsOn" in stage else before,
                condition=stage.get("condition", SUCCEEDED),
            )
        )
        _refuse_order(stages[-1].jobs, f"{file}: the job")
    _refuse_order(stages, f"{file}: the stage")
    return Definition(file, tuple(stages), variables, tuple(groups))


def _variable_items(file: Path, items: Any) -> Iterator[dict[str, Any]]:
    for item in _list(items, f"{file}: variables"):
        _refuse(item, {"name", "value", "group", "template"}, f"{file}: a variable")
        if "template" in item:
            _refuse(item, {"template"}, f"{file}: a variable")
            template = file.parent / item["template"]
            document = _mapping(template, {"variables"}, needed={"variables"})
            yield from _variable_items(template, document["variables"])
        else:
            yield item


def _job(file: Path, job: dict[str, Any]) -> Job:
    _refuse(job, JOB_KEYS, f"{file}: a job", needed={"job", "steps"})
    return Job(
        name=job["job"],
        title=job.get("displayName", job["job"]),
        steps=tuple(_steps(file, job["steps"])),
        depends_on=_names(job.get("dependsOn", [])),
        condition=job.get("condition", SUCCEEDED),
        variables=_texts(job.get("variables", {}), f"{file}: variables of a job"),
        server=job.get("pool") == "server",
        continue_on_error=bool(job.get("continueOnError", False)),
    )


def _steps(file: Path, items: Any) -> Iterator[Step]:
    for item in _list(items, f"{file}: steps"):
        _refuse(item, STEP_KEYS, f"{file}: a step")
        if "template" in item:
            _refuse(item, {"template"}, f"{file}: a step")
            template = file.parent / item["template"]
            yield from _steps(template, _mapping(template, {"steps"}, needed={"steps"})["steps"])
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
            env=_texts(item.get("env", {}), f"{file}: env"),
            inputs=_texts(item.get("inputs", {}), f"{file}: inputs"),
        )


def _mapping(file: Path, keys: set[str], *, needed: set[str]) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NotPlayedError(f"{file} can't be read: {error}") from error
    _refuse(document, keys, str(file), needed=needed)
    _refuse_template_expressions(document, str(file))
    return dict(document)


def _refuse(item: Any, keys: set[str], where: str, *, needed: Iterable[str] = ()) -> None:
    if not isinstance(item, dict):
        raise NotPlayedError(f"{where} should be a mapping, found is {item!r}")
    unknown = sorted(map(repr, set(item) - keys))
    if unknown:
        raise NotPlayedError(f"{where} has {', '.join(unknown)}, which the rehearsal does not play: {item}")
    missing = sorted(set(needed) - set(item))
    if missing:
        raise NotPlayedError(f"{where} has no {', '.join(missing)}: {item}")


def _refuse_template_expressions(part: Any, where: str) -> None:
    if isinstance(part, str) and "${{" in part:
        raise NotPlayedError(f"{where} has a template expression, which the rehearsal does not play: {part}")
    if isinstance(part, dict):
        part = [*part.keys(), *part.values()]
    for item in part if isinstance(part, list) else ():
        _refuse_template_expressions(item, where)


def _refuse_order(parts: Sequence[Stage | Job], where: str) -> None:
    """Stages and jobs are played in the order of the file, so what one depends on stands before it."""
    before: set[str] = set()
    for part in parts:
        if part.name in before:
            raise NotPlayedError(f"{where} {part.name!r} is there twice")
        absent = sorted(set(part.depends_on) - before)
        if absent:
            raise NotPlayedError(
                f"{where} {part.name!r} depends on {', '.join(absent)}, which does not stand before it"
            )
        before.add(part.name)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise NotPlayedError(f"{where} should be a list, found is {value!r}")
    return value


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _texts(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise NotPlayedError(f"{where} should be a mapping, found is {value!r}")
    return {name: _text(item) for name, item in value.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Whether a task has the inputs that it takes: `task_inputs.yml` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rehearsal.results import NotPlayedError
from rehearsal.yaml_files import boolean

FILE = Path(__file__).with_name("task_inputs.yml")


@cache
def task_inputs() -> dict[str, dict[str, Any]]:
    """The inputs of tasks: by the task's name and version in lower case."""
    listed = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {task.lower(): entry["inputs"] for task, entry in listed.items()}


def check_inputs(task: str, inputs: Mapping[str, str], where: str) -> None:
    """Refuse a task that is not known, or whose inputs are not those that it takes.

    Raises:
        NotPlayedError: The task, an input or a value is not known, or an input is missing.
    """
    known = task_inputs().get(task.lower())
    if known is None:
        raise NotPlayedError(f"{where}: the task {task!r} is not known")
    names = {other.lower(): name for name, entry in known.items() for other in (name, *entry.get("also", ()))}
    unknown = [name for name in inputs if name.lower() not in names]
    if unknown:
        raise NotPlayedError(f"{where}: the task {task} has no input {', '.join(unknown)}")
    given = {names[name.lower()]: value for name, value in inputs.items()}
    for name, entry in known.items():
        if name in given:
            _check_value(given[name], entry, f"{where}: {name}")
        elif _needed(entry.get("needed", False), given):
            raise NotPlayedError(
                f"{where}: the task {task} lacks the input {' or '.join((name, *entry.get('also', ())))}"
            )


def _check_value(value: str, entry: Mapping[str, Any], where: str) -> None:
    if "$(" in value:
        return
    if entry.get("type") == "boolean":
        boolean(value, where)
    if entry.get("type") == "number" and not value.isdigit():
        raise NotPlayedError(f"{where} should be a number, found is {value!r}")
    if "values" in entry and value.lower() not in map(str.lower, entry["values"]):
        raise NotPlayedError(f"{where} should be one of {', '.join(entry['values'])}, found is {value!r}")


def _needed(when: bool | str, given: Mapping[str, str]) -> bool:  # noqa: FBT001  the table has both
    if isinstance(when, bool):
        return when
    conditions = [condition.split(" = ") for condition in when.split(" && ")]
    return all(given.get(name, "").lower() == value.lower() for name, value in conditions)

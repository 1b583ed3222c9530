"""Parameters of pipelines and templates.

https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/parameters-parameter
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.results import NotPlayedError
from rehearsal.template_text import OPENING
from rehearsal.values import NotConvertibleError, Value, number, text
from rehearsal.yaml_files import boolean

KEYS = {"name", "displayName", "type", "default", "values"}
LISTS = {"stepList", "jobList", "deploymentList", "stageList"}
MAPPINGS = {"step", "job", "deployment", "stage"}


def bound(declared: Any, given: Mapping[str, Value], where: str) -> dict[str, Value]:
    """The values of parameters.

    Args:
        declared: The `parameters` of a file.
        given: The values from outside.
        where: The file, for messages.

    Raises:
        NotPlayedError: One is given that is not declared, is missing, or has a value that it can't have.
    """
    if not isinstance(declared, list):
        raise NotPlayedError(f"{where}: parameters should be a list, found is {declared!r}")
    values: dict[str, Value] = {}
    names = {item["name"].lower() for item in declared if isinstance(item, dict) and "name" in item}
    unknown = sorted(key for key in given if key.lower() not in names)
    if unknown:
        raise NotPlayedError(f"{where} has no parameter {', '.join(map(repr, unknown))}")
    for item in declared:
        if not isinstance(item, dict) or next(iter(item), None) != "name" or set(item) - KEYS:
            raise NotPlayedError(f"{where}: a parameter has a name first, and of {sorted(KEYS)} more: {item}")
        if OPENING in str(item):
            raise NotPlayedError(f"{where}: the declaration of a parameter holds no expression: {item}")
        name = item["name"]
        value = next((value for key, value in given.items() if key.lower() == name.lower()), item.get("default"))
        if value is None:
            raise NotPlayedError(f"{where}: the parameter {name!r} has no value and no default")
        allowed = item.get("values")
        values[name] = _typed(item.get("type", "string"), value, f"{where}: the parameter {name!r}")
        if allowed is not None and values[name] not in [
            _typed(item.get("type", "string"), one, name) for one in allowed
        ]:
            raise NotPlayedError(f"{where}: the parameter {name!r} is {value!r}, allowed are {', '.join(allowed)}")
    return values


def _typed(kind: str, value: Value, where: str) -> Value:
    if kind == "string" and not isinstance(value, (list, dict)):
        return text(value)
    if kind == "boolean":
        return boolean(value, where)
    if kind == "number":
        try:
            return number(value)
        except NotConvertibleError:
            raise NotPlayedError(f"{where} should be a number, found is {value!r}") from None
    fits = {"object": object, **dict.fromkeys(LISTS, list), **dict.fromkeys(MAPPINGS, dict)}
    if kind not in fits or not isinstance(value, fits[kind]):
        raise NotPlayedError(f"{where} should be of the type {kind!r}, found is {value!r}")
    return value

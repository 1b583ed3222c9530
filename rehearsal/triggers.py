"""Whether an event starts a pipeline.

https://learn.microsoft.com/azure/devops/pipelines/repos/azure-repos-git
https://learn.microsoft.com/azure/devops/pipelines/process/scheduled-triggers
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.results import NotPlayedError
from rehearsal.yaml_files import boolean

FILTERS = {"include", "exclude"}


@dataclass(frozen=True)
class Event:
    """Something that may start a run.

    Attributes:
        kind: ``push``, ``pull request``, ``schedule`` or ``manual``.
        branch: The branch that is pushed to, that a pull request would go into, or that a schedule or a person builds.
        paths: The files that changed.
        schedule: The `displayName` of the schedule whose time has come.
        github: Whether the repository is at GitHub; else it is one of Azure Repos.
        changed: Whether the branch has changed since the last scheduled run that succeeded.
    """

    kind: str
    branch: str
    paths: tuple[str, ...] = ()
    schedule: str = ""
    github: bool = False
    changed: bool = False


def reason(document: Mapping[str, Any], event: Event) -> str | None:
    """The `Build.Reason` of the run that an event starts; None where it starts none.

    Args:
        document: The pipeline's YAML, as it is in the event's branch: there the triggers are read.
        event: The event.

    Raises:
        NotPlayedError: The triggers have keys or values that are not played.
    """
    match event.kind:
        case "push":
            return _push(document.get("trigger"), event)
        case "pull request":
            return "PullRequest" if not event.github or _pull_request(document.get("pr"), event) else None
        case "schedule":
            return "Schedule" if _schedule(document.get("schedules", []), event) else None
        case "manual":
            return "Manual"
    raise NotPlayedError(f"the event {event.kind!r} is not played")


def _push(trigger: Any, event: Event) -> str | None:
    trigger = _normal(trigger, {"batch", "branches", "paths"}, "trigger")
    if trigger is None or not _starts(trigger, event):
        return None
    return "BatchedCI" if boolean(trigger.get("batch", "false"), "batch") else "IndividualCI"


def _pull_request(trigger: Any, event: Event) -> bool:
    trigger = _normal(trigger, {"autoCancel", "branches", "paths", "drafts"}, "pr")
    return trigger is not None and _starts(trigger, event)


def _starts(trigger: Mapping[str, Any], event: Event) -> bool:
    if "branches" in trigger and not chosen(trigger["branches"], event.branch, path=False):
        return False
    return "paths" not in trigger or any(chosen(trigger["paths"], path, path=True) for path in event.paths)


def _normal(trigger: Any, keys: Iterable[str], name: str) -> dict[str, Any] | None:
    """A trigger's full form; None where it is off. Without one, every branch triggers."""
    if trigger in ("none", ["none"]):
        return None
    if isinstance(trigger, list):
        return {"branches": {"include": trigger}}
    found = {} if trigger is None else trigger
    if not isinstance(found, dict) or set(found) - set(keys):
        raise NotPlayedError(f"{name} is not played: {trigger}")
    return found


def _schedule(schedules: Any, event: Event) -> bool:
    for schedule in schedules:
        if next(iter(schedule), "") != "cron" or set(schedule) - {"cron", "displayName", "branches", "always", "batch"}:
            raise NotPlayedError(f"a schedule has cron first, and keys that are known: {schedule}")
        if len(schedule["cron"].split()) != 5:
            raise NotPlayedError(f"cron has five parts: {schedule['cron']!r}")
        named = schedule.get("displayName", "") == event.schedule
        if named and ("branches" not in schedule or chosen(schedule["branches"], event.branch, path=False)):
            return event.changed or boolean(schedule.get("always", "false"), "always")
    return False


def chosen(filters: Mapping[str, Any], name: str, *, path: bool) -> bool:
    """Whether a filter lets a branch or a path through. Without an include, everything is included.

    Of paths, the longest pattern that fits decides: an excluded folder may hold an included one.
    """
    if not isinstance(filters, dict) or set(filters) - FILTERS:
        raise NotPlayedError(f"a filter has include and exclude: {filters}")
    plain = name.removeprefix("refs/heads/")
    included = [pattern for pattern in filters.get("include", ["*"]) if fits(pattern, plain, path=path)]
    excluded = [pattern for pattern in filters.get("exclude", []) if fits(pattern, plain, path=path)]
    if not path:
        return bool(included) and not excluded
    return bool(included) and max(map(len, included)) > max(map(len, excluded), default=-1)


def fits(pattern: str, name: str, *, path: bool) -> bool:
    """Whether a pattern with ``*`` and ``?`` fits a name; one of a path fits all that is below, too."""
    signs = {"*": ".*", "?": "."}
    pattern = pattern.removeprefix("refs/heads/").removeprefix("/").removesuffix("/")
    source = "".join(signs.get(sign, re.escape(sign)) for sign in pattern)
    return re.fullmatch(source + ("(/.*)?" if path else ""), name) is not None

"""Faults on request: what can go wrong in a cloud, at will.

A rule is one line of words::

    503 on POST /pipelines/** twice
    401 on * /history/** once
    delay 2s on GET /modelmanagement/** 3 times
    drop on POST /metric/** once
    expired-token on GET /pipelines/** once
    lag 5s on GET /pipelines/**

``*`` is one part of a path, ``**`` any number of them. A rule without a number of times holds for ever.
``lag`` makes a listing leave out what is younger than that: a workspace that is eventually consistent.
"""

import re
import threading
from dataclasses import dataclass, field

_RULE = re.compile(
    r"(?P<action>[2-5]\d\d|drop|expired-token|(?P<timed>delay|lag) (?P<seconds>\d+(\.\d+)?)s)"
    r" on (?P<method>\*|[A-Za-z]+) (?P<path>/\S*)"
    r"( (?P<times>once|twice|(?P<count>\d+) times))?"
)
_WORDS = {"once": 1, "twice": 2}


class FaultSyntaxError(ValueError):
    """A rule that cannot be read."""


@dataclass
class Fault:
    """One rule.

    Attributes:
        text: The rule as it was written.
        action: An HTTP status, ``drop``, ``expired-token``, ``delay`` or ``lag``.
        method: The method it holds for, or ``*``.
        pattern: The paths it holds for.
        seconds: Length of a delay or of a lag, in seconds.
        left: How many times it still holds; None is for ever.
        hits: How many requests it has met.
    """

    text: str
    action: str
    method: str
    pattern: re.Pattern[str]
    seconds: float = 0.0
    left: int | None = None
    hits: int = field(default=0)

    def fits(self, method: str, path: str) -> bool:
        """Tell whether the rule holds for a request now."""
        return self.left != 0 and self.method in ("*", method) and self.pattern.fullmatch(path) is not None


def _path_pattern(path: str) -> re.Pattern[str]:
    parts = [{"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", path)]
    return re.compile("".join(parts), re.IGNORECASE)


def parse_fault(text: str) -> Fault:
    """Read a rule.

    Raises:
        FaultSyntaxError: The rule has another form than those above.
    """
    match = _RULE.fullmatch(" ".join(text.split()))
    if match is None:
        raise FaultSyntaxError(
            f"fault {text!r} is not of the form 'ACTION on METHOD PATH [once|twice|N times]', "
            "where ACTION is a status, 'drop', 'expired-token', 'delay Ns' or 'lag Ns'"
        )
    times = match["times"]
    left = int(match["count"]) if match["count"] else _WORDS.get(times or "")
    action = match["timed"] or match["action"]
    seconds = float(match["seconds"] or 0)
    return Fault(text, action, match["method"].upper(), _path_pattern(match["path"]), seconds, left)


class Faults:
    """The rules that hold, and who meets them."""

    def __init__(self, rules: list[str] | None = None) -> None:
        self._lock = threading.Lock()
        self._faults = [parse_fault(rule) for rule in rules or []]

    def add(self, rule: str) -> None:
        """Let one more rule hold."""
        fault = parse_fault(rule)
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Let no rule hold."""
        with self._lock:
            self._faults.clear()

    def listed(self) -> list[dict[str, object]]:
        """Return all rules, with how often each was met."""
        with self._lock:
            return [{"rule": fault.text, "hits": fault.hits, "left": fault.left} for fault in self._faults]

    def take(self, method: str, path: str) -> list[Fault]:
        """Return the rules that a request meets, and count it for them."""
        with self._lock:
            met = [fault for fault in self._faults if fault.fits(method, path)]
            for fault in met:
                fault.hits += 1
                fault.left = None if fault.left is None else fault.left - 1
            return met

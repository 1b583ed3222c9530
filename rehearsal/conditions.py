"""When a stage, a job or a step runs.

https://learn.microsoft.com/azure/devops/pipelines/process/conditions
https://learn.microsoft.com/azure/devops/pipelines/process/expressions#job-status-functions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rehearsal.expressions import Scope, evaluate
from rehearsal.functions import MANY, Function, eager
from rehearsal.results import GOOD, NotPlayedError, Result
from rehearsal.values import Value, text, truth


@dataclass(frozen=True)
class Before:
    """What was before a stage or a job.

    Attributes:
        results: Of all that it depends on, directly or through others.
        canceled: Whether somebody cancelled the run.
        late: Whether that was before the stage of this job started, of which the pages contradict each other.
    """

    results: Mapping[str, Result]
    canceled: bool = False
    late: bool = False

    def functions(self) -> dict[str, Function]:
        """The functions about it, by name in lower case."""
        return {
            "always": eager(0, 0, lambda: True),
            "canceled": eager(0, 0, self._canceled),
            "succeeded": eager(0, MANY, lambda *names: not self._canceled() and self._all(names, GOOD)),
            "failed": eager(0, MANY, lambda *names: Result.FAILED in self._of(names)),
            "succeededorfailed": eager(0, MANY, self._succeeded_or_failed),
        }

    def _canceled(self) -> bool:
        if self.late:
            raise NotPlayedError("a job whose stage starts after the run was cancelled: give it a condition of its own")
        return self.canceled

    def _of(self, names: Sequence[Value]) -> list[Result]:
        if not names:
            return list(self.results.values())
        known = {name.lower(): result for name, result in self.results.items()}
        for name in map(text, names):
            if name.lower() not in known:
                raise NotPlayedError(
                    f"{name!r} is not among what this depends on: {', '.join(self.results) or 'nothing'}"
                )
        return [known[text(name).lower()] for name in names]

    def _all(self, names: Sequence[Value], wanted: Sequence[Result]) -> bool:
        return all(result in wanted for result in self._of(names))

    def _succeeded_or_failed(self, *names: Value) -> bool:
        if self._canceled():
            return False
        if not self._all(names, (*GOOD, Result.FAILED)):
            raise NotPlayedError(
                "succeededOrFailed() after a skipped or cancelled part: its page advises not(canceled())"
            )
        return True


def job_status(status: Result) -> dict[str, Function]:
    """The functions about the steps before, for a step: by `Agent.JobStatus`."""
    return {
        "always": eager(0, 0, lambda: True),
        "canceled": eager(0, 0, lambda: status is Result.CANCELED),
        "failed": eager(0, 0, lambda: status is Result.FAILED),
        "succeeded": eager(0, 0, lambda: status in GOOD),
        "succeededorfailed": eager(0, 0, lambda: status in (*GOOD, Result.FAILED)),
    }


def holds(condition: str, names: Mapping[str, Value], functions: Mapping[str, Function]) -> bool:
    """Whether a condition holds.

    Raises:
        NotPlayedError: It can't be read, or asks for what it can't ask for.
    """
    return truth(evaluate(condition, Scope(names, functions)))

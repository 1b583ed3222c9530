"""How a step, a job, a stage and a run end, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class NotPlayedError(Exception):
    """Something that Azure DevOps would refuse, that its pages leave open, or that the rehearsal does not play."""


class Result(str, Enum):
    """How a step, a job or a stage ended, in Azure DevOps' words."""

    SUCCEEDED = "Succeeded"
    ISSUES = "SucceededWithIssues"
    FAILED = "Failed"
    CANCELED = "Canceled"
    SKIPPED = "Skipped"


GOOD = (Result.SUCCEEDED, Result.ISSUES)
_GRADE = (Result.SUCCEEDED, Result.ISSUES, Result.FAILED, Result.CANCELED)


def merged(current: Result | None, coming: Result) -> Result:
    """What a step has ended as, after one more word about it: the worse one, and nothing undoes a cancel.

    The agent's `TaskResultUtil.MergeTaskResults`.
    """
    if current is None:
        return coming
    return max(current, coming, key=_GRADE.index)


def combined(results: Iterable[Result], *, canceled: bool = False) -> Result:
    """How a whole ended whose parts ended so. All of them skipped: so is the whole.

    Raises:
        NotPlayedError: One part failed, another was cancelled though nobody cancelled the run: no page says which
            of the two the whole is.
    """
    counted = {result for result in results if result is not Result.SKIPPED}
    if {Result.FAILED, Result.CANCELED} <= counted and not canceled:
        raise NotPlayedError("a failed part beside a cancelled one, in a run that nobody cancelled: no page says more")
    if not counted:
        return Result.SKIPPED
    return max(counted, key=_GRADE.index)

"""What scripts tell Azure DevOps."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.expressions import NotPlayedError, Result
from rehearsal.log_commands import Heard


def heard(*lines: str) -> Heard:
    """What is heard in these lines."""
    result = Heard()
    for line in lines:
        result.line(line)
    return result


def test_variables_for_later_steps_and_for_other_jobs_are_kept_apart() -> None:
    told = heard(
        "##vso[task.setvariable variable=ID;isOutput=true]a=b; c]d", "##vso[task.setvariable variable=LOCAL]here"
    )
    assert told.outputs == {"ID": "a=b; c]d"}
    assert told.variables == {"LOCAL": "here"}


def test_issues_tags_and_the_result() -> None:
    told = heard(
        "an ordinary line",
        "##vso[task.logissue type=warning]Model was not registered for this run.",
        "##vso[task.logissue type=error;code=4]a step failed",
        "##vso[build.addbuildtag]model registered",
        "##vso[task.complete result=SucceededWithIssues;]",
    )
    assert told.warnings == ["Model was not registered for this run."]
    assert told.errors == ["a step failed"]
    assert told.tags == ["model registered"]
    assert told.result is Result.ISSUES


def test_a_script_that_says_nothing_has_no_result() -> None:
    assert heard("done", "##[section]a heading") == Heard()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("##vso[task.addattachment]x", "task.addattachment"),
        ("##vso[task]", "no log command"),
        ("##vso[task.setvariable]x", "task.setvariable lacks"),
        ("##vso[task.setvariable variable=A;isSecret=true]x", "task.setvariable lacks a property, or has a wrong one"),
        ("##vso[task.logissue]x", "task.logissue lacks"),
        ("##vso[task.logissue type=note]x", "task.logissue lacks"),
        ("##vso[task.complete result=Fine]", "task.complete lacks"),
        ("##vso[task.complete]", "task.complete lacks"),
    ],
)
def test_an_unknown_command_is_refused_by_name(line: str, named: str) -> None:
    with pytest.raises(NotPlayedError, match=named):
        heard(line)


@given(st.text() | st.text().map(lambda text: f"##vso[task.complete {text}]{text}"))
def test_any_line_is_heard_or_refused(line: str) -> None:
    with suppress(NotPlayedError):
        assert heard(line) == Heard() or "##vso[" in line

"""Conditions, runtime expressions and macros."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.expressions import Context, NotPlayedError, Result, evaluate, expand, holds

CONTEXT = Context(
    variables={"Build.Reason": "PullRequest", "AGENT_WAIT": "true", "EMPTY": ""},
    results={"good": Result.SUCCEEDED, "yellow": Result.ISSUES},
    outputs={"good": {"find.ID": "42"}},
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("eq(variables['Build.Reason'], 'PullRequest')", True),
        ("eq(variables['build.reason'], 'pullrequest')", True),
        ("ne(variables['Build.Reason'], 'PullRequest')", False),
        ("eq(variables['not there'], '')", True),
        ("eq(variables.AGENT_WAIT, 'true')", True),
        ("and(true, 'false')", True),  # text is true unless it is empty
        ("and(true, '')", False),
        ("or(false, not(false))", True),
        ("in('b', 'a', 'B')", True),
        ("in('c', 'a', 'b')", False),
        ("startsWith('refs/heads/main', 'refs/heads/')", True),
        ("eq(1, 1.0)", True),
        ("eq('it''s', 'it''s')", True),
        ("eq(dependencies.good.result, 'Succeeded')", True),
        ("eq(dependencies.yellow.result, 'SucceededWithIssues')", True),
        ("SUCCEEDED()", True),
        ("and(true, false, true)", False),
        ("or(false, '', 0)", False),
        ("not('')", True),
        ("ne('A', 'a')", False),
        ("startsWith('Main', 'mA')", True),
        ("startsWith('develop', 'main')", False),
        ("in('succeeded', 'Failed', 'Succeeded')", True),
        ("eq(1, '1')", True),  # the right side is made what the left one is
        ("eq('1', 1)", True),
        ("eq(0, '')", True),
        ("eq(1, 'one')", False),
        ("eq(true, 'false')", True),
        ("eq('true', true)", True),
        ("eq(-1.5, -1.50)", True),
    ],
)
def test_expressions(expression: str, expected: bool) -> None:
    assert holds(expression, CONTEXT) is expected


def test_an_output_of_a_job_is_read() -> None:
    assert evaluate("dependencies.good.outputs['find.ID']", CONTEXT) == "42"
    assert evaluate("dependencies.good.outputs['find.OTHER']", CONTEXT) == ""


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("hashFiles('a')", "hashFiles"),
        ("dependencies.other.result", "dependencies.other.result"),
        ("stageDependencies.a.b.result", "stageDependencies"),
        ("and(true, ", "too early"),
        ("true false", "goes on"),
        ("eq('a', \"a\")", "can't be read"),
        ("variables['A'", "too early"),
        ("not()", "not.* 0 arguments"),
        ("not(true, false)", "not.* 2 arguments"),
        ("eq('a')", "eq.* 1 arguments"),
        ("and(true)", "and.* 1 arguments"),
        ("succeeded('one')", "succeeded.* 1 arguments"),
        ("eq('a' 'b')", r"'\)' should be"),
        ("eq('a', 'b',)", r"^\) in"),
        ("variables.)", "a name should be"),
        ("", "too early"),
        pytest.param("not(" * 5000, "nested", id="nested"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(expression: str, named: str) -> None:
    with pytest.raises(NotPlayedError, match=named):
        holds(expression, CONTEXT)


@pytest.mark.parametrize(
    ("result", "succeeded", "succeeded_or_failed", "failed"),
    [
        (Result.SUCCEEDED, True, True, False),
        (Result.ISSUES, True, True, False),
        (Result.FAILED, False, True, True),
        (Result.CANCELED, False, True, False),
    ],
)
def test_status_functions(result: Result, succeeded: bool, succeeded_or_failed: bool, failed: bool) -> None:
    context = Context({}, {"before": result, "other": Result.SUCCEEDED})
    assert holds("succeeded()", context) is succeeded
    assert holds("succeededOrFailed()", context) is succeeded_or_failed
    assert holds("failed()", context) is failed
    assert holds("always()", context)
    assert holds("not(canceled())", context)


def test_a_cancelled_build_goes_on_with_always_alone() -> None:
    context = Context({}, {"before": Result.SUCCEEDED}, canceled=True)
    assert holds("canceled()", context)
    assert holds("always()", context)
    assert not holds("succeeded()", context)
    assert not holds("succeededOrFailed()", context)


def test_macros_are_replaced_without_case() -> None:
    assert expand("$(build.reason): $(AGENT_WAIT)$(EMPTY), $(cat file.txt)", CONTEXT) == (
        "PullRequest: true, $(cat file.txt)"
    )


def test_a_macro_without_variable_is_refused() -> None:
    with pytest.raises(NotPlayedError, match=r"\$\(AGENT_WIAT\)"):
        expand("$(AGENT_WIAT)", CONTEXT)


@given(st.text(alphabet=st.characters(exclude_characters="\n\r", codec="utf-8")))
def test_any_text_survives_quoting(text: str) -> None:
    quoted = text.replace("'", "''")
    assert evaluate(f"'{quoted}'", CONTEXT) == text


WORDS = [
    "and",
    "not",
    "eq",
    "in",
    "startsWith",
    "succeeded",
    "variables",
    "dependencies",
    "good",
    "result",
    "'a'",
    "1",
    "true",
]
PIECES = st.sampled_from([*WORDS, *"()[],.' "])


@given(st.text() | st.lists(PIECES, max_size=30).map("".join))
def test_any_text_is_evaluated_or_refused(text: str) -> None:
    with suppress(NotPlayedError):
        assert isinstance(evaluate(text, CONTEXT), (str, bool, float))


@given(st.text() | st.text().map(lambda name: f"$({name})"))
def test_any_script_is_expanded_or_refused(text: str) -> None:
    with suppress(NotPlayedError):
        assert expand(text, CONTEXT) == text or "$(" in text

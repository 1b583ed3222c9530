"""Any text is evaluated, expanded or refused; the rules themselves are tested in rules_test.py."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.conditions import job_status
from rehearsal.expressions import Scope, evaluate
from rehearsal.results import NotPlayedError, Result
from rehearsal.template_text import expanded
from rehearsal.variables import Variable, Variables

VARIABLES = Variables([Variable("A", "one"), Variable("Build.Reason", "Manual")])
SCOPE = Scope({"variables": VARIABLES, "dependencies": {"good": {"result": "Failed"}}}, job_status(Result.SUCCEEDED))
WORDS = ["and", "not", "eq", "in", "startsWith", "succeeded", "variables", "dependencies", "good", "result", "'a'", "1"]
PIECES = st.sampled_from([*WORDS, "true", *"()[],.' "])


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("hashFiles('a')", "hashFiles"),
        ("stageDependencies.a.b.result", "stageDependencies"),
        ("and(true, ", "too early"),
        ("true false", "goes on"),
        ("variables['A'", "too early"),
        ("not()", "not.* 0 arguments"),
        ("eq('a' 'b')", "',' should be"),
        ("eq('a', 'b',)", r"'\)' where a value"),
        ("variables.)", "a name should be"),
        ("", "too early"),
        pytest.param("not(" * 5000, "nested", id="nested"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(expression: str, named: str) -> None:
    with pytest.raises(NotPlayedError, match=named):
        evaluate(expression, SCOPE)


@given(st.text(alphabet=st.characters(exclude_characters="\n\r", codec="utf-8")))
def test_any_text_survives_quoting(text: str) -> None:
    quoted = text.replace("'", "''")
    assert evaluate(f"'{quoted}'", SCOPE) == text
    assert expanded(f"a${{{{ '{quoted}' }}}}b", SCOPE) == f"a{text}b"


@given(st.text() | st.lists(PIECES, max_size=30).map("".join))
def test_any_text_is_evaluated_or_refused(text: str) -> None:
    with suppress(NotPlayedError):
        evaluate(text, SCOPE)


@given(st.text() | st.text().map(lambda name: f"$({name})"))
def test_macros_without_a_variable_leave_text_as_it_is(text: str) -> None:
    assert VARIABLES.macros(text) == text or "$(" in text

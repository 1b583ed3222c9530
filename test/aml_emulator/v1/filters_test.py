"""Filters of run queries."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aml_emulator.errors import InvalidError
from aml_emulator.v1.filters import parse_filter

RUN: dict[str, Any] = {
    "runId": "a",
    "status": "Completed",
    "parentRunId": None,
    "tags": {"build": "7"},
    "properties": {"azureml.runsource": "experiment"},
    "createdUtc": "2026-01-02",
}
texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters='"'), max_size=20)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("RunId eq a", True),
        ("RunId eq b or RunId eq a", True),
        ('((Tags/build eq "7") and (ParentRunId eq null))', True),
        ("(ParentRunId ne null)", False),
        ("(Tags/build ne null or Tags/build eq null)", True),
        ("(Status eq Failed) and (Tags/build eq 7)", False),
        ("(RunType eq x or Properties/azureml.runsource eq experiment)", True),
        ("(CreatedUtc ge 2026-01-01)", True),
        ("(CreatedUtc lt 2026-01-02)", False),
        ("(Target gt a)", False),
    ],
)
def test_a_filter_tests_runs(text: str, passes: bool) -> None:
    assert parse_filter(text)(RUN) is passes


@pytest.mark.parametrize("text", ["", "RunId", "RunId like a", "(RunId eq a"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="cannot be read"):
        parse_filter(text)


def test_a_field_that_runs_do_not_have_is_refused() -> None:
    with pytest.raises(InvalidError, match="'Colour'"):
        parse_filter("Colour eq red")(RUN)


@given(value=texts, other=texts)
def test_any_value_in_quotes_is_found(value: str, other: str) -> None:
    run = {**RUN, "tags": {"t": value}}
    assert parse_filter(f'((Tags/t eq "{value}") and (RunId eq a))')(run)
    assert parse_filter(f'(Tags/t eq "{other}")')(run) is (value == other)

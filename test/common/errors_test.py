from __future__ import annotations

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.common.errors import (
    MAX_LINES,
    BatchAIError,
    CloudError,
    DataError,
    IntegrityError,
    SettingsError,
    did_you_mean,
    one_line,
    some_of,
)

FACTS = st.none() | st.text() | st.integers() | st.lists(st.text())


def test_a_message_says_what_where_found_expected_and_what_to_do() -> None:
    error = DataError("the file is empty", where="a.csv", found="0 bytes", expected="rows", hint="export it again")
    assert str(error).splitlines() == [
        "the file is empty",
        "  where:    a.csv",
        "  found:    0 bytes",
        "  expected: rows",
        "  to do:    export it again",
    ]


def test_facts_that_are_not_known_take_no_line() -> None:
    assert str(DataError("broken")) == "broken"
    assert str(DataError("broken", found=0)) == "broken\n  found:    0"


def test_many_lines_are_cut_and_the_rest_is_counted() -> None:
    error = SettingsError("\n".join(f"V{i} is missing" for i in range(20)), where=".env", hint="correct them")
    lines = str(error).splitlines()
    assert len(lines) == MAX_LINES
    assert lines[4:] == [
        "V4 is missing",
        "... and 15 more lines",
        "  where:    .env",
        "  to do:    correct them",
    ]


@given(st.text(), FACTS, FACTS, FACTS, st.none() | st.text())
@example("\n", None, None, None, None)
def test_any_message_has_one_to_eight_lines(
    what: str, where: object, found: object, expected: object, hint: str | None
) -> None:
    error = BatchAIError(what, where=where, found=found, expected=expected, hint=hint)
    assert 1 <= len(str(error).splitlines()) <= MAX_LINES


@pytest.mark.parametrize(
    ("kind", "code"), [(BatchAIError, 1), (SettingsError, 2), (DataError, 3), (IntegrityError, 3), (CloudError, 4)]
)
def test_each_class_has_its_exit_code_and_survives_the_way_to_another_process(
    kind: type[BatchAIError], code: int
) -> None:
    error = kind("broken", where="here", found=1, expected=2, hint="mend it")
    assert error.exit_code == code
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)


@given(st.text(max_size=2000), st.integers(20, 400))
def test_one_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    shown = one_line(text, limit=limit)
    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1


def test_one_line_keeps_both_ends_of_what_is_long() -> None:
    shown = one_line("a" * 500 + "b" * 500, limit=40)
    assert shown.startswith("aaaa")
    assert shown.endswith("bbbb")
    assert " ... " in shown


@pytest.mark.parametrize(
    ("name", "known", "answer"),
    [
        ("plnt", ["plant", "office"], ", did you mean 'plant'?"),
        ("PLANT", ["plant", "office"], ", did you mean 'plant'?"),
        ("batches.csv", ["batchs.csv", "location.yml"], ", did you mean 'batchs.csv'?"),
        ("xyz", ["plant", "office"], ""),
        ("plant", [], ""),
    ],
)
def test_a_near_miss_is_named(name: str, known: list[str], answer: str) -> None:
    assert did_you_mean(name, iter(known)) == answer


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more"), (12, "0, 1, 2, 3, 4 and 7 more")],
)
def test_some_of_names_the_first_and_counts_the_rest(count: int, text: str) -> None:
    assert some_of(iter(range(count))) == text


def test_some_of_takes_another_limit() -> None:
    assert some_of("abc", most=2) == "a, b and 1 more"

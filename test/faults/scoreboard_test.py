"""The frame of the fault suite: which cases a normal run takes, and how they are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from test.faults.plugin import Cases, spread
from test.faults.scoreboard import CASES, ROW, Row, Scoreboard

Phase = Literal["setup", "call", "teardown"]
Outcome = Literal["passed", "failed", "skipped"]


@pytest.mark.parametrize(
    ("size", "most", "places"),
    [(0, 3, []), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (10, 1, [0]), (10, 2, [0, 5]), (10, 4, [0, 2, 5, 7])],
)
def test_a_sample_is_spread_over_the_table(size: int, most: int, places: list[int]) -> None:
    assert spread(range(size), most) == places


def test_a_failed_case_is_counted_and_the_next_one_is_tried() -> None:
    cases = Cases(nightly=True)
    for number in range(4):
        with cases.case(f"case {number}"):
            assert number != 1
            if number == 2:
                pytest.fail("by hand")
    assert cases.tried == 4
    assert [failure.partition(":")[0] for failure in cases.failures] == ["case 1", "case 2"]


def told(
    board: Scoreboard, name: str, outcomes: dict[Literal["setup", "call", "teardown"], Outcome], **more: object
) -> None:
    """Tell the board of a test as pytest does: a report after each of its phases."""
    for when, outcome in outcomes.items():
        properties = [(ROW, "it holds"), *more.items()]
        board.pytest_runtest_logreport(
            pytest.TestReport(f"a_test.py::{name}", ("", 0, ""), {}, outcome, None, when, user_properties=properties)
        )


def test_tests_and_the_cases_inside_them_are_counted(tmp_path: Path) -> None:
    board = Scoreboard(tmp_path / "faults.md")
    told(board, "whole[1]", {"setup": "passed", "call": "passed", "teardown": "passed"})
    told(board, "broken[2]", {"setup": "passed", "call": "failed", "teardown": "passed"})
    told(board, "skipped[3]", {"setup": "skipped", "teardown": "passed"})
    told(
        board, "sweep", {"setup": "passed", "call": "passed", "teardown": "failed"}, **{CASES: (50, ["bit 7: silent"])}
    )
    told(board, "cut", {"setup": "passed", "call": "failed", "teardown": "passed"}, **{CASES: (3, [])})
    failed = ["broken[2]", "sweep: bit 7: silent", "cut: it ended before all was tried"]
    assert board.rows == {"it holds": Row(tried=55, failed=failed, skipped=1)}
    assert "| it holds | 55 (1 skipped) | 52 | 3 |" in board.text()
    assert all(f"- it holds: {failure}\n" in board.text() for failure in failed)


def test_a_run_of_some_modules_keeps_the_rows_of_the_others(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    first = Scoreboard(page, {"a": Row(3, ["x: y"], 1), "b": Row(5, ["z: gone"])})
    page.write_text(first.text(), encoding="utf-8")
    second = Scoreboard(page, {"b": Row(6), "c": Row(1)})
    second.keep_other_rows()
    assert second.text() == Scoreboard(None, {"a": Row(3, ["x: y"], 1), "b": Row(6), "c": Row(1)}).text()

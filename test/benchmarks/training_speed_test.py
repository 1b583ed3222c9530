"""The speed benchmark runs, and two peers that do the same choose the same."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_limits

from benchmarks import training_speed
from benchmarks.measuring import Candidate, markdown_table, time_all
from benchmarks.speed_peers import grid_search, long_frame, numpy_loop
from benchmarks.workloads import Workload, make_location

TINY = Workload("tiny", 3, 60, 4, 2)


def test_it_prints_every_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(training_speed, "SMALL", TINY)
    monkeypatch.setattr(training_speed, "WIDE", Workload("wide", 2, 80, 6, 1))
    monkeypatch.setattr(training_speed, "LARGE", Workload("large", 5, 60, 4, 2))
    assert training_speed.main(["--repeats", "1", "--large"]) == 0
    printed = capsys.readouterr().out
    for text in ("pandas + GridSearchCV", "numpy loop", "| Batch AI |", "large ÷ tiny", "| large |", "numpy 2"):
        assert text in printed


def test_grid_search_chooses_the_same_penalty_for_a_single_target() -> None:
    prepared = make_location(Workload("one", 2, 60, 4, 1))
    frame = long_frame(prepared, groups=2, folds=5)
    with threadpool_limits(limits=1):
        # equal folds of equal sizes: the mean of the folds' mean squared errors is that of all rows
        chosen = grid_search(prepared, frame, scoring="neg_mean_squared_error")
        expected = [penalties[0] for penalties, _, _ in numpy_loop(prepared, frame)]
    assert chosen == pytest.approx(expected)


def test_times_are_per_group() -> None:
    calls: list[int] = []
    (timing,) = time_all([Candidate("x", "y", 1, 1_000, lambda: calls.append(1))], repeats=3)
    assert len(calls) == 3
    assert 0 <= timing.wall < 1


def test_a_table_is_markdown() -> None:
    assert markdown_table(("a", "b"), [("c", "1")]) == "| a | b |\n| --- | ---: |\n| c | 1 |"

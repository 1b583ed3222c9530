from __future__ import annotations

import math
from pathlib import Path

import pytest

from src.reporting.batchai.findings import Findings, worst_batches
from src.reporting.batchai.rows import rounded
from src.reporting.batchai.sources import Errors, Sources, read_sources
from test.support.report_inputs import MadeGroup, MadeTarget, ReportInputs, write_report_inputs


def read(inputs: ReportInputs) -> Sources:
    root = inputs.root
    return read_sources(prepared=root / "prepared", model=root / "model", evaluation=root / "evaluation")


@pytest.fixture
def findings(made_report: ReportInputs) -> Findings:
    return Findings(read(made_report))


def test_ranks_go_from_the_highest_skill_to_the_lowest(findings: Findings) -> None:
    skills = [errors.skill for errors in findings.ranked if errors.skill is not None]
    assert len(skills) == 8
    assert skills == sorted(skills, reverse=True)
    assert [findings.rank(errors.key) for errors in findings.ranked] == list(range(1, 9))
    assert findings.best is findings.ranked[0]
    assert findings.worst is findings.ranked[-1]


def test_an_undefined_skill_has_no_rank(findings: Findings) -> None:
    (undefined,) = [errors for errors in findings.trained if errors.skill is None]
    assert undefined.product_id == "P9"
    assert undefined.rmse == 0
    assert findings.rank(undefined.key) is None


def test_what_has_no_model_is_listed_with_its_reason(findings: Findings) -> None:
    assert [tuple(line) for line in findings.left_out] == [
        ("south", "P2", "purity", 30, "8 measured batches, at least 3 are needed"),
        ("south", "P3", "", 4, "no batch was kept"),
    ]


def test_intervals_are_those_of_the_table(findings: Findings) -> None:
    assert findings.best is not None
    intercept, *lines = findings.intervals(findings.best.key)
    assert (intercept.feature, intercept.error, intercept.lower, intercept.direction) == ("(intercept)", None, None, "")
    assert len(lines) == 3
    for line in lines:
        assert line.coefficient is not None
        assert line.error is not None
        assert line.lower == pytest.approx(1.1 * line.coefficient - 2 * line.error, rel=1e-5, abs=1e-5)
        assert line.upper == pytest.approx(1.1 * line.coefficient + 2 * line.error, rel=1e-5, abs=1e-5)
        assert line.standardised is not None
        assert line.lower is not None
        scale = line.standardised / line.coefficient
        assert line.standardised_lower == pytest.approx(line.lower * scale, rel=1e-5)


def test_a_direction_needs_an_interval_on_one_side_of_zero(findings: Findings) -> None:
    lines = [line for errors in findings.trained for line in findings.intervals(errors.key)[1:]]
    assert {line.direction for line in lines} == {"raises", "lowers", "unclear"}
    for line in lines:
        assert line.lower is not None
        assert line.upper is not None
        expected = "raises" if line.lower > 0 else "lowers" if line.upper < 0 else "unclear"
        assert line.direction == expected


def test_the_worst_batches_have_the_largest_residuals(findings: Findings) -> None:
    assert findings.worst is not None
    batches = findings.batches(findings.worst.key)
    worst = worst_batches(batches)
    assert [batch.order for batch in batches] == list(range(1, 31))
    assert len(worst) == 10
    others = [abs(batch.residual) for batch in batches if batch not in worst]
    assert min(abs(batch.residual) for batch in worst) >= max(others)
    assert abs(worst[0].residual) == pytest.approx(max(abs(batch.measured - batch.predicted) for batch in batches))


def test_rejections_are_counted_by_reason(findings: Findings) -> None:
    ((location, reason, rows),) = findings.rejected_reasons
    assert (location, rows) == ("north", 60)
    assert reason.startswith("not a number")


def test_one_model_and_none(tmp_path: Path) -> None:
    one = Findings(read(write_report_inputs(tmp_path / "one", [MadeGroup("l", "p", [MadeTarget("y")])])))
    assert isinstance(one.best, Errors)
    assert one.best is one.worst
    target = MadeTarget("y", not_trained="too few")
    none = Findings(read(write_report_inputs(tmp_path / "none", [MadeGroup("l", "p", [target])])))
    assert (none.best, none.worst, none.ranked) == (None, None, [])
    assert [line.reason for line in none.left_out] == ["too few"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0.123456789, 0.1234568), (-1234567.89, -1234568.0), (0.0, 0.0), (math.nan, None), (-math.inf, None)],
)
def test_numbers_have_seven_significant_digits(number: float, expected: float | None) -> None:
    assert rounded(number) == expected

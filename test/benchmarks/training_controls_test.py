"""The controls run, and print a line for each plant."""

from __future__ import annotations

import pytest

from benchmarks import training_controls


def test_it_prints_a_line_for_each_plant(capsys: pytest.CaptureFixture[str]) -> None:
    assert training_controls.main(["--repeats", "2"]) == 0
    printed = capsys.readouterr().out
    assert sum(line.startswith("| ") for line in printed.splitlines()) == len(training_controls.CONTROLS) + 2
    assert "noise, 4 products of the same 40 runs" in printed

"""What is known of made plants: training shows it, and the benchmark prints it."""

from __future__ import annotations

import pytest

from benchmarks import training_controls
from benchmarks.known_plants import Control
from benchmarks.training_controls import CONTROLS


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"{control.plant}: {control.figure}")
def test_training_shows_what_an_honest_method_must_show(control: Control) -> None:
    shown = control.measure(10)
    assert control.at_least <= shown <= control.at_most, control.why


def test_it_prints_a_line_for_each_control_and_fails_where_one_is_missed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Control("noise", "a", 0, 0.03, "", lambda _: 0.02)
    missed = Control("noise", "b", 0, 0.03, "", lambda _: 0.2)
    monkeypatch.setattr(training_controls, "CONTROLS", (kept,))
    assert training_controls.main(["--repeats", "2"]) == 0
    monkeypatch.setattr(training_controls, "CONTROLS", (kept, missed))
    assert training_controls.main(["--repeats", "2"]) == 1
    printed = capsys.readouterr().out
    assert "| noise | a | 0 to 0.03 | 0.020 | yes |" in printed
    assert "| noise | b | 0 to 0.03 | 0.200 | NO |" in printed

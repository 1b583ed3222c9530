"""What a build shows of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_service.build_summary import COLUMNS, MOST_ROWS, collect_files, write_summary
from ml_service.outcome import Result, Verdict

HEADER = ",".join([*COLUMNS[:5], "rmse_champion", "rmse_challenger", *COLUMNS[5:]]) + "\n"


@dataclass
class StepRun:
    """A step that uploaded some files."""

    files: dict[str, str]

    def get_file_names(self) -> list[str]:
        return list(self.files)

    def download_file(self, name: str, output_file_path: str) -> None:
        Path(output_file_path).write_text(self.files[name], encoding="utf-8")


def test_what_steps_uploaded_for_people_is_collected_and_nothing_else(tmp_path: Path) -> None:
    steps = [
        StepRun({"evaluation/decision.json": "{}", "azureml-logs/70_driver_log.txt": "log"}),
        StepRun({"report/report.html": "<p>", "outputs/model.json": "{}"}),
    ]
    found = collect_files(steps, tmp_path / "model")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["model/decision.json", "model/report.html"]
    assert (tmp_path / "model" / "report.html").read_text() == "<p>"


def test_a_summary_says_what_came_of_it_why_and_shows_the_table(tmp_path: Path) -> None:
    (tmp_path / "decision.json").write_text(json.dumps({"reason": "it is the *first* model"}))
    row = "plant,a|b<i>,purity,newer batches,12,1.5,1.25,0.25,0.5123\n"
    (tmp_path / "evaluation.csv").write_text(HEADER + row)
    lines = write_summary(Result(Verdict.REGISTERED, "version 3", "3"), tmp_path).read_text().splitlines()
    assert lines[0] == "# Model registered: version 3"
    assert lines[2] == r"it is the \*first\* model"
    assert lines[-1] == r"| plant | a\|b\<i\> | purity | newer batches | 12 | 0.250 | 0.512 |"


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "evaluation.csv").write_text(HEADER + "plant,A,purity,cross-validated,12,1.5,1.25,0.25,0.5\n" * 45)
    text = write_summary(Result(Verdict.NOT_REGISTERED, "equal"), tmp_path).read_text()
    assert text.count("| plant |") == MOST_ROWS
    assert text.endswith("and 5 more in evaluation.csv\n")


@pytest.mark.parametrize(
    ("verdict", "title"),
    [
        (Verdict.NOT_REGISTERED, "# Model was not registered for this run"),
        (Verdict.FAILED, "# The run failed"),
        (Verdict.CANCELLED, "# The run was cancelled"),
    ],
)
def test_without_an_evaluation_the_result_is_told(tmp_path: Path, verdict: Verdict, title: str) -> None:
    lines = write_summary(Result(verdict, "the run 7 ended"), tmp_path / "new").read_text().splitlines()
    assert lines == [title, "", "the run 7 ended"]

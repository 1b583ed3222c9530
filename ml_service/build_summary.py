"""What a build shows of a run: files that its steps uploaded, and a summary in Markdown."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ml_service.outcome import Result, Verdict
from src.common.azureml_adapter import asking
from src.common.json_text import from_json

PREFIXES = ("evaluation/", "report/", "predictions/", "monitoring/")
"""Where the steps upload what a build shows."""
MOST_ROWS = 40
COLUMNS = ("location", "product_id", "target", "compared_on", "batches", "skill_champion", "skill_challenger")


class RunWithFiles(Protocol):
    """What is asked of a step's run."""

    def get_file_names(self) -> list[str]:
        """The files that were uploaded to it."""

    def download_file(self, name: str, output_file_path: str) -> None:
        """Download one of them."""


def collect_files(steps: Iterable[RunWithFiles], folder: Path) -> list[Path]:
    """Download what the steps uploaded for people. Returns where the files lie.

    Raises:
        CloudError: They can't be downloaded.
    """
    collected = []
    with asking("the files of the run can't be downloaded"):
        for step in steps:
            for name in step.get_file_names():
                if name.startswith(PREFIXES):
                    path = folder / Path(name).name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    step.download_file(name, str(path))
                    collected.append(path)
    return collected


def write_summary(result: Result, folder: Path) -> Path:
    """Write ``summary.md``: what came of the run, why, and the table of the evaluation where there is one."""
    titles = {
        Verdict.REGISTERED: f"Model registered: {result.sentence}",
        Verdict.NOT_REGISTERED: "Model was not registered for this run",
        Verdict.FAILED: "The run failed",
        Verdict.CANCELLED: "The run was cancelled",
    }
    lines = [f"# {titles[result.verdict]}", ""]
    decision, table = folder / "decision.json", folder / "evaluation.csv"
    if decision.is_file():
        lines += [markdown_text(from_json(decision.read_bytes())["reason"]), ""]
    elif result.verdict is not Verdict.REGISTERED:
        lines += [markdown_text(result.sentence), ""]
    if table.is_file():
        lines += _table(table)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "summary.md"
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return path


def _table(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(_cell(row[name]) for name in COLUMNS)} |" for row in rows[:MOST_ROWS]]
    return [*lines, "", f"and {len(rows) - MOST_ROWS} more in evaluation.csv"] if len(rows) > MOST_ROWS else lines


def _cell(text: str) -> str:
    try:
        return f"{float(text):.3f}" if "." in text else markdown_text(text)
    except ValueError:
        return markdown_text(text)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is: ids come from plants, and may hold any sign."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+!|<>~" else sign for sign in text)

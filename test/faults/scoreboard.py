"""The scoreboard of the fault suite: what was tried, what held, what failed."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROW, CASES = "fault", "cases"
"""Names of the properties in which a test tells its row, and how many cases it tried and which of them failed."""


@dataclass
class Row:
    """One promise.

    Attributes:
        tried: How many cases were tried.
        failed: Those in which it did not hold, each with what happened.
        skipped: How many could not be tried on this machine.
    """

    tried: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: int = 0


@dataclass(eq=False)
class Scoreboard:
    """Counts the cases of a run, and writes them down at its end.

    Attributes:
        page: Where the scoreboard goes; None where only a part of the suite ran.
    """

    page: Path | None
    rows: dict[str, Row] = field(default_factory=dict)
    _outcomes: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test when it has ended."""
        known = self._outcomes.get(report.nodeid, "passed")
        self._outcomes[report.nodeid] = report.outcome if known == "passed" else known
        properties = dict(report.user_properties)
        if report.when != "teardown" or ROW not in properties:
            return
        row = self.rows.setdefault(str(properties[ROW]), Row())
        outcome = self._outcomes[report.nodeid]
        name = report.nodeid.rpartition("::")[2]
        counted = properties.get(CASES)
        if outcome == "skipped":
            row.skipped += 1
        elif isinstance(counted, Sequence) and counted[0]:
            row.tried += counted[0]
            row.failed += [f"{name}: {failure}" for failure in counted[1]]
            if outcome == "failed" and not counted[1]:
                row.failed.append(f"{name}: it ended before all was tried")
        else:
            row.tried += 1
            row.failed += [name] if outcome == "failed" else []

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the score, and write the page."""
        terminalreporter.write_line("")
        for line in self.table():
            terminalreporter.write_line(line)
        if self.page is not None and self.rows:
            self.page.write_text(self.text(), encoding="utf-8")
            terminalreporter.write_line(f"written: {self.page}")

    def table(self) -> list[str]:
        """The rows as a Markdown table."""
        lines = ["| promise | tried | held | failed |", "| --- | ---: | ---: | ---: |"]
        for name in sorted(self.rows):
            row = self.rows[name]
            skipped = f" ({row.skipped} skipped)" if row.skipped else ""
            lines.append(f"| {name} | {row.tried}{skipped} | {row.tried - len(row.failed)} | {len(row.failed)} |")
        return lines

    def text(self) -> str:
        """The whole page."""
        failures = [f"- {name}: {failure.splitlines()[0]}" for name in self.rows for failure in self.rows[name].failed]
        return "\n".join(
            [
                "# Faults",
                "",
                "What was tried against this project, and what held. `python -m pytest test/faults --nightly` tries",
                "all of it again and writes this page; every test run tries a sample.",
                "",
                f"Last run: {platform.system()}, Python {platform.python_version()}.",
                "",
                *self.table(),
                *(["", "Failed:", "", *failures] if failures else []),
                "",
            ]
        )

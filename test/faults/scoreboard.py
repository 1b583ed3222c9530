"""The scoreboard of the fault suite: what was tried, what held, what failed."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROW, CASES = "fault", "cases"
"""Names of the properties in which a test tells its row, and how many cases it tried and which of them failed."""


_LINE = re.compile(r"\| (.+) \| (\d+)(?: \((\d+) skipped\))? \| \d+ \| \d+ \|")


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
        page: Where the scoreboard goes; None where some cases of a module are left out.
    """

    page: Path | None
    rows: dict[str, Row] = field(default_factory=dict)
    _kept: dict[str, Row] = field(default_factory=dict)
    _outcomes: dict[str, str] = field(default_factory=dict)

    def keep_other_rows(self) -> None:
        """Keep the rows of the page that this run does not write anew."""
        lines = self.page.read_text(encoding="utf-8").splitlines() if self.page and self.page.is_file() else []
        for name, tried, skipped in (found.groups() for found in map(_LINE.fullmatch, lines) if found):
            start = f"- {name}: "
            failed = [line.removeprefix(start) for line in lines if line.startswith(start)]
            self._kept[name] = Row(int(tried), failed, int(skipped or 0))

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
        for name, row in self._all_rows():
            skipped = f" ({row.skipped} skipped)" if row.skipped else ""
            lines.append(f"| {name} | {row.tried}{skipped} | {row.tried - len(row.failed)} | {len(row.failed)} |")
        return lines

    def _all_rows(self) -> list[tuple[str, Row]]:
        return sorted({**self._kept, **self.rows}.items())

    def text(self) -> str:
        """The whole page."""
        failures = [f"- {name}: {failure.splitlines()[0]}" for name, row in self._all_rows() for failure in row.failed]
        return "\n".join(
            [
                "# Faults",
                "",
                "What was tried against this project, and what held. `python -m pytest --nightly` tries all of it",
                "again and writes this page; every test run tries a sample.",
                "",
                f"Last run: {platform.system()}, Python {platform.python_version()}.",
                "",
                *self.table(),
                *(["", "Failed:", "", *failures] if failures else []),
                "",
            ]
        )

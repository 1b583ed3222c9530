"""Whether what monitoring found makes a new training due."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ml_service.build_summary import markdown_text
from src.common.errors import DataError
from src.common.json_text import from_json
from src.common.settings import Settings

OUTCOME, SIGNALS = "monitoring.json", "signals.csv"
"""What the step of monitoring uploads; its tables are explained in docs/monitoring.md."""
MOST_ROWS = 20
COLUMNS = ("kind", "location", "product_id", "target", "what", "since_batch", "text")


@dataclass(frozen=True)
class Monitored:
    """What monitoring found.

    Attributes:
        signals: How many signals there are.
        newly_measured: How many batches were measured since the registered model was trained.
        rows: The signals as ``signals.csv`` has them, strongest first.
    """

    signals: int
    newly_measured: int
    rows: tuple[dict[str, str], ...]

    @classmethod
    def read(cls, folder: Path) -> Monitored:
        """Read the files of a run.

        Raises:
            DataError: They are not there.
        """
        for name in (OUTCOME, SIGNALS):
            if not (folder / name).is_file():
                raise DataError(
                    "the run says nothing about monitoring",
                    where=folder / name,
                    expected="what the step monitor of the inference pipeline uploads",
                    hint="look at the log of that step in Azure ML studio",
                )
        facts = from_json((folder / OUTCOME).read_bytes())
        with (folder / SIGNALS).open(encoding="utf-8", newline="") as stream:
            rows = tuple(row for row in csv.DictReader(stream) if row["level"] == "signal")
        return cls(int(facts["signals"]), int(facts["newly_measured"]), rows)

    def why_retrain(self, settings: Settings) -> str:
        """Why a new training is due; empty where it is not."""
        if settings.retrain_on_signals and self.signals:
            return f"{self.signals} signals (RETRAIN_ON_SIGNALS)"
        enough = settings.retrain_after_batches
        if enough and self.newly_measured >= enough:
            return f"{self.newly_measured} newly measured batches (RETRAIN_AFTER_BATCHES={enough})"
        return ""

    def summary(self, reason: str) -> str:
        """The signals in Markdown, and what follows."""
        follows = f"Training starts: {reason}." if reason else "No training is due."
        lines = [f"# Monitoring: {self.signals} signals, {self.newly_measured} newly measured batches", "", follows]
        if self.rows:
            lines += ["", f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
            lines += [
                f"| {' | '.join(markdown_text(row[name]) for name in COLUMNS)} |" for row in self.rows[:MOST_ROWS]
            ]
        if len(self.rows) > MOST_ROWS:
            lines += ["", f"and {len(self.rows) - MOST_ROWS} more in {SIGNALS}"]
        return "\n".join(lines) + "\n"

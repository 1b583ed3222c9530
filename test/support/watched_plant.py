"""A plant whose process is known: it stays as it is, or shifts, or a sensor of it moves."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from src.data_preparation.batchai import batchai_datapreparation

PRODUCTS, KNOWN, NEW = 12, 60, 40
LOCATION = """
tables: [{file: batches.csv}]
batch_id: id
product_id: product
order_by: {column: made, format: "%Y-%m-%d %H:%M"}
features: [a, b, c]
targets: {quality: {unit: "%"}}
"""


class Plant:
    """Twelve products of one plant, a linear process and its export."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.random = np.random.default_rng(5)
        self.rows: list[tuple[str, str, str, float, float, float, str]] = []
        for name, folder in (
            ("BATCHAI_INPUT_URL", "source"),
            ("DATAPREP_INPUTS_DIR", "inputs"),
            ("DATAPREP_OUTPUTS_DIR", "prepared"),
            ("TRAINING_OUTPUT_DIR", "results"),
            ("OUTPUTS_DIR", "outputs"),
        ):
            monkeypatch.setenv(name, str(root / folder))

    def make(
        self, batches: int, *, shifted: int = -1, shift: float = 0.0, offset: int = -1, waits: bool = False
    ) -> None:
        """Make batches of every product: quality = 10 + 2a - b + noise; `b` follows `a`."""
        start = len(self.rows)
        for number in range(batches):
            for product in range(PRODUCTS):
                a = self.random.standard_normal()
                b = a + 0.1 * self.random.standard_normal()
                c = self.random.standard_normal() + (8 if product == offset else 0)
                quality = 10 + 2 * a - b + 0.5 * self.random.standard_normal() + (shift if product == shifted else 0)
                time = start // PRODUCTS + number
                made = f"2025-{1 + time // 672:02}-{1 + time // 24 % 28:02} {time % 24:02}:00"
                measured = "" if waits else f"{quality:.6f}"
                self.rows.append((f"{product}-{time:04}", f"P{product:02}", made, a, b, c, measured))

    def impossible(self) -> None:
        """A batch that waits: each of its features is in its range, and `b` does not follow `a`."""
        self.rows.append(("odd", "P03", "2025-12-01 00:00", 1.5, -1.5, 0.0, ""))

    def prepare(self) -> None:
        folder = self.root / "source" / "plant"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with (folder / "batches.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "product", "made", "a", "b", "c", "quality"))
            writer.writerows(self.rows)
        (folder / "location.yml").write_text(LOCATION, encoding="utf-8")
        assert batchai_datapreparation.main([]) == 0

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.root / "outputs" / "monitoring" / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

"""What the evaluation of the model says: champion against challenger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.common.committed_folder import read_manifest, reading
from src.common.json_text import from_json
from src.common.manifest import MANIFEST_NAME, Manifest
from src.evaluation.gate import DECISION, TABLE, check_decision
from src.evaluation.gate import KIND as EVALUATION_KIND
from src.reporting.batchai.feature_data import Key
from src.reporting.batchai.rows import number, read_rows, rounded

EVALUATED_BY = "the step evaluate of the pipeline"
EVALUATION_NUMBERS = ("rmse_", "skill_", "batches")


@dataclass(frozen=True)
class Evaluation:
    """Champion against challenger.

    Attributes:
        decision: ``decision.json``.
        rows: ``evaluation.csv``, numbers rounded, by location, product and target; `change` is that of skill.
    """

    decision: Mapping[str, Any]
    rows: Mapping[Key, Mapping[str, Any]]


def evaluation_manifest(folder: Path | None) -> Manifest | None:
    """The manifest of the evaluation. There is none before that step has run, and that is not an error."""
    if folder is None or not (folder / MANIFEST_NAME).is_file():
        return None
    return read_manifest(folder, kind=EVALUATION_KIND, made_by=EVALUATED_BY)


def read_evaluation(folder: Path) -> Evaluation:
    """Read what evaluation wrote."""
    with reading(folder, kind=EVALUATION_KIND, made_by=EVALUATED_BY) as evaluated:
        rows: dict[Key, Mapping[str, Any]] = {}
        for row in read_rows(folder / TABLE):
            numbers = {name: number(text) for name, text in row.items() if name.startswith(EVALUATION_NUMBERS)}
            before, after = numbers["skill_champion"], numbers["skill_challenger"]
            change = None if before is None or after is None else rounded(after - before)
            rows[row["location"], row["product_id"], row["target"]] = {**row, **numbers, "change": change}
        decision = from_json(evaluated.read(DECISION))
    check_decision(decision)
    return Evaluation({**decision, **_rounded_numbers(decision)}, rows)


def _rounded_numbers(decision: Mapping[str, Any]) -> dict[str, float | None]:
    numbers = {name: value for name, value in decision.items() if isinstance(value, float)}
    return {name: rounded(value) for name, value in numbers.items()}

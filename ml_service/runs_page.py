"""``outputs/runs/index.html``: the last runs side by side, with the skill of each model over them."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_service.run_records import RunRecord

TEMPLATES = Path(__file__).parent / "templates"
METRICS = "rmse.csv"
MOST_RUNS = 12
MOST_MODELS = 400
STEP_OF_SKILL = 0.0005
"""Changes of skill smaller than this are not shown."""

Run = tuple[Path, "RunRecord"]


def render_runs(runs: Sequence[Run]) -> str:
    """Draw the page.

    Args:
        runs: Their folders and records, the newest first.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [_row(run, runs[place + 1] if place + 1 < len(runs) else None) for place, run in enumerate(runs)]
    with_skill = [run for run in runs if (run[0] / METRICS).is_file()][:MOST_RUNS]
    models, left_out = _skills(with_skill)
    return environment.get_template("runs.html").render(
        runs=shown, columns=[record.id for _, record in with_skill], models=models, left_out=left_out
    )


def _row(run: Run, before: Run | None) -> dict[str, Any]:
    _, record = run
    return {
        "id": record.id,
        "pipeline": record.pipeline,
        "started": record.started.replace("T", " ").removesuffix("+00:00"),
        "status": record.status,
        "seconds": f"{record.seconds:.1f}",
        "commit": record.commit[:10] + (" and changes" if record.changed_files else ""),
        "parameters": ", ".join(f"{name} = {value}" for name, value in record.parameters.items()),
        "changes": _changes(record, before[1] if before else None),
        "steps": [f"{step['name']}: {step['done']}, {step['seconds']} s" for step in record.steps],
    }


def _changes(record: RunRecord, before: RunRecord | None) -> list[str]:
    """The settings that differ from the run before."""
    if before is None:
        return []
    names = dict.fromkeys([*record.settings, *before.settings])
    return [
        f"{name}: {before.settings.get(name, '')!r} → {record.settings.get(name, '')!r}"
        for name in names
        if record.settings.get(name, "") != before.settings.get(name, "")
    ]


def _skills(runs: Sequence[Run]) -> tuple[list[dict[str, Any]], int]:
    """The skill of each model in each run with what changed against the run before, and how many models don't fit."""
    tables = [_read_skills(folder / METRICS) for folder, _ in runs]
    keys = sorted({key for table in tables for key in table})
    models = []
    for key in keys[:MOST_MODELS]:
        skills = [table.get(key, math.nan) for table in tables]
        cells = []
        for place, skill in enumerate(skills):
            older = skills[place + 1] if place + 1 < len(skills) else math.nan
            change = skill - older
            moved = abs(change) >= STEP_OF_SKILL
            cells.append(
                {
                    "skill": "" if math.isnan(skill) else f"{skill:.3f}",
                    "change": f"{change:+.3f}" if moved else "",
                    "direction": ("up" if change > 0 else "down") if moved else "",
                }
            )
        models.append({"name": " · ".join(key), "cells": cells})
    return models, max(0, len(keys) - MOST_MODELS)


def _read_skills(path: Path) -> dict[tuple[str, str, str], float]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            (row["location"], row["product_id"], row["target"]): float(row["skill"] or "nan")
            for row in csv.DictReader(stream)
        }

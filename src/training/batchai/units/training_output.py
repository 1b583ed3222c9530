"""The model from the results of its units, unit by unit, and what is exported of it to ``Training_Output``.

No more than one unit's rows is in memory at a time. The model is one commit. The export is a copy of two of its files,
made when the model is there, and says whose copy it is: nothing but people reads it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from src.common.committed_folder import StagedFile, StagedFolder, open_committed, replace_folder
from src.common.skills import SKILLS, format_skills
from src.common.tables import format_csv
from src.training.batchai import model_files, out_of_fold
from src.training.batchai.coefficient_csv import COEFFICIENT, COEFFICIENT_HEADER
from src.training.batchai.fitted_model import training_facts
from src.training.batchai.location_fit import TrainingOptions
from src.training.batchai.model import Limits
from src.training.batchai.rmse_csv import RMSE, RMSE_HEADER
from src.training.batchai.row_keys import KEYS
from src.training.batchai.units.unit_results import UnitResults

KIND = "training results"
EXPORTED = (COEFFICIENT, RMSE)
HEADERS = {
    COEFFICIENT: COEFFICIENT_HEADER,
    RMSE: RMSE_HEADER,
    **model_files.HEADERS,
    out_of_fold.NAME: out_of_fold.HEADER,
}


def write_output(
    units: Iterable[UnitResults],
    options: TrainingOptions,
    *,
    data_version: str,
    made: Mapping[str, str],
    results: Path,
    model: Path,
) -> list[dict[str, str]]:
    """Write the model, whole or not at all, and export ``coefficient.csv`` and ``rmse.csv``.

    Args:
        units: The results of the units, those of a location one after the other.
        options: How it was trained.
        data_version: The version of the prepared data.
        made: When and by which code it is trained.
        results: The folder for the export.
        model: The folder for the model.

    Returns:
        The rows of ``rmse.csv``, by column.
    """
    with replace_folder(results, kind=KIND) as exported:  # first: a folder that can't be written is told before
        with replace_folder(model, kind=model_files.KIND) as staged:
            locations, scores = _write_tables(staged, units)
            skills = (_skill(row) for row in scores if not row["not_trained"])
            staged.write(SKILLS, format_skills(skills))
            training = training_facts(options)
            model_files.write_facts(staged, locations, data_version=data_version, training=training, limits=Limits())
            staged.made.update(made)
        committed = open_committed(model)
        for name in EXPORTED:
            exported.write(name, committed.read(name))
        exported.facts.update(data_version=data_version, model=committed.manifest.version)
    return scores


def _write_tables(
    staged: StagedFolder, units: Iterable[UnitResults]
) -> tuple[dict[str, dict[str, Any]], list[dict[str, str]]]:
    """Write the rows of the units. Returns what is known of each location, and the rows of ``rmse.csv``."""
    locations: dict[str, dict[str, Any]] = {}
    scores = io.StringIO(newline="")
    with ExitStack() as stack:
        tables = {name: _start(stack, staged, name, header) for name, header in HEADERS.items()}
        for unit in units:
            for name, table in tables.items():
                table.write(unit.rows[name])
            scores.write(unit.rows[RMSE].decode())
            _add_facts(locations, unit)
            del unit  # before the next one is trained
    scores.seek(0)
    return locations, list(csv.DictReader(scores, RMSE_HEADER))


def _start(stack: ExitStack, staged: StagedFolder, name: str, header: Sequence[str]) -> StagedFile:
    table = stack.enter_context(staged.open(name))
    table.write(format_csv(header, []).encode())
    return table


def _add_facts(locations: dict[str, dict[str, Any]], unit: UnitResults) -> None:
    """Add a unit's groups to what is known of its location."""
    known = locations.setdefault(unit.location, {**unit.facts, "groups": {}})
    known["groups"].update(unit.facts["groups"])


def _skill(row: Mapping[str, str]) -> tuple[str, str, str]:
    """A row of ``skills.csv`` from one of ``rmse.csv``."""
    return "/".join(row[name] for name in KEYS), row["batches"], row["skill"]

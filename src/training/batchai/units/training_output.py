"""Training's output from the results of its units: ``Training_Output`` and the model, unit by unit.

No more than one unit's rows is in memory at a time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from src.common.committed_folder import StagedFile, StagedFolder, replace_folder
from src.common.tables import format_csv
from src.training.batchai import model_files, out_of_fold
from src.training.batchai.coefficient_csv import COEFFICIENT, COEFFICIENT_HEADER
from src.training.batchai.fitted_model import training_facts
from src.training.batchai.location_fit import TrainingOptions
from src.training.batchai.model import Limits
from src.training.batchai.rmse_csv import RMSE, RMSE_HEADER
from src.training.batchai.units.unit_results import UnitResults

KIND = "training results"
RESULT_HEADERS = {COEFFICIENT: COEFFICIENT_HEADER, RMSE: RMSE_HEADER}
MODEL_HEADERS = {**model_files.HEADERS, out_of_fold.NAME: out_of_fold.HEADER}


def write_output(
    units: Iterable[UnitResults], options: TrainingOptions, *, data_version: str, results: Path, model: Path
) -> list[dict[str, str]]:
    """Write ``coefficient.csv``, ``rmse.csv`` and the model, whole or not at all.

    Args:
        units: The results of the units, those of a location one after the other.
        options: How it was trained.
        data_version: The version of the prepared data.
        results: The folder for the results.
        model: The folder for the model.

    Returns:
        The rows of ``rmse.csv``, by column.
    """
    locations: dict[str, dict[str, Any]] = {}
    scores = io.StringIO(newline="")
    with (
        replace_folder(results, kind=KIND) as staged_results,
        replace_folder(model, kind=model_files.KIND) as staged_model,
    ):
        with ExitStack() as stack:
            tables = {
                **_open(stack, staged_results, RESULT_HEADERS),
                **_open(stack, staged_model, MODEL_HEADERS),
            }
            for unit in units:
                for name, table in tables.items():
                    table.write(unit.rows[name])
                scores.write(unit.rows[RMSE].decode())
                _add_facts(locations, unit)
                del unit  # before the next one is trained
        model_files.write_facts(
            staged_model, locations, data_version=data_version, training=training_facts(options), limits=Limits()
        )
        staged_results.facts.update(data_version=data_version)
    scores.seek(0)
    return list(csv.DictReader(scores, RMSE_HEADER))


def _open(stack: ExitStack, staged: StagedFolder, headers: Mapping[str, Sequence[str]]) -> dict[str, StagedFile]:
    """Start a file with each header."""
    tables = {}
    for name, header in headers.items():
        tables[name] = stack.enter_context(staged.open(name))
        tables[name].write(format_csv(header, []).encode())
    return tables


def _add_facts(locations: dict[str, dict[str, Any]], unit: UnitResults) -> None:
    """Add a unit's groups to what is known of its location."""
    known = locations.setdefault(unit.location, {**unit.facts, "groups": {}})
    known["groups"].update(unit.facts["groups"])

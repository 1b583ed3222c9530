"""What training a unit of work gives: the rows of the result files, and what ``model.json`` says of its groups.

Units are trained one after the other, or on many machines; a unit's rows are the same wherever it is trained, and the
files are their rows one after the other (see `training_output`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai import model_files, out_of_fold
from src.training.batchai.coefficient_csv import COEFFICIENT, coefficient_rows
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import GroupFit
from src.training.batchai.rmse_csv import RMSE, rmse_rows


@dataclass(frozen=True)
class UnitResults:
    """The results of a unit of work.

    Attributes:
        location: Its location.
        facts: What ``model.json`` says of the location; of the groups, those of this unit.
        rows: By file, the rows that this unit adds to it.
    """

    location: str
    facts: Mapping[str, Any]
    rows: Mapping[str, bytes]


def unit_results(prepared: PreparedLocation, fits: Sequence[GroupFit], *, threads: int) -> UnitResults:
    """Format the fits of a location, or of a part of it.

    Args:
        prepared: The location, or the part.
        fits: The fits of its groups.
        threads: Threads that format at the same time; the bytes don't depend on it.
    """
    with ThreadPoolExecutor(max(1, threads)) as executor:
        longest = out_of_fold.format_parts(prepared, fits, executor)  # it goes on while the others are formatted
        model = location_model(prepared, fits)
        rows = {
            COEFFICIENT: coefficient_rows(prepared, fits),
            RMSE: rmse_rows(prepared, fits),
            **model_files.location_rows(model),
            out_of_fold.NAME: b"".join(longest),
        }
    return UnitResults(prepared.location, model_files.location_facts(model), rows)

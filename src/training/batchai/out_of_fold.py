"""``out_of_fold.csv``: what was predicted for each batch without it, beside what was measured.

The error in ``rmse.csv`` is the root of the mean square of these residuals; evaluation, the report and the intervals of
predictions are made from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.csv_columns import format_columns
from src.common.errors import IntegrityError
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import GroupFit, TargetFit
from src.training.batchai.model import MADE_BY
from src.training.batchai.row_keys import key_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = "out_of_fold.csv"
KEYS = ("location", "product_id", "target", "batch_id")
NUMBERS = ("measured", "predicted", "mean")
FOLD = "fold"
HEADER = (*KEYS, *NUMBERS, FOLD)
PART_TARGETS = 256
"""So many targets are formatted at once."""


@dataclass(frozen=True)
class OutOfFold:
    """The rows that one target of one product was trained on, oldest first.

    Attributes:
        batch_ids: Shape (rows,), of `str`; a batch may have several rows.
        measured: Shape (rows,).
        predicted: Shape (rows,): by a model that was fitted without the batch, and chosen without it.
        mean: Shape (rows,): the mean of the batches that this model was fitted on.
        folds: Shape (rows,): the fold that each row was held out with, from 0.
    """

    batch_ids: NDArray[np.object_]
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]
    folds: NDArray[np.int64] | None = None


def format_parts(prepared: PreparedLocation, fits: Sequence[GroupFit], executor: Executor) -> Iterator[bytes]:
    """Start to format the out-of-fold predictions of a location.

    Args:
        prepared: The location, or a part of it.
        fits: The fits of its groups.
        executor: What formats; the bytes don't depend on it.

    Returns:
        Rows of the file, part by part.
    """
    batch_ids = {group.product_id: group.batch_ids for group in prepared.groups}
    trained = [
        (name, fit, batch_ids[group.product_id])
        for group in fits
        for name, fit in group.targets.items()
        if isinstance(fit, TargetFit)
    ]
    parts = [trained[start : start + PART_TARGETS] for start in range(0, len(trained), PART_TARGETS)]
    return executor.map(partial(_rows, prepared.location), parts)


def _rows(location: str, trained: Sequence[tuple[str, TargetFit, NDArray[np.object_]]]) -> bytes:
    import numpy as np

    counts = np.asarray([len(fit.problem.rows) for _, fit, _ in trained])
    keys = key_columns(location, [(fit.problem.product_id, name) for name, fit, _ in trained])
    return format_columns(
        [
            *(key.each(counts) for key in keys),
            np.concatenate([ids[fit.problem.rows] for _, fit, ids in trained]),
            *(
                np.concatenate([values[:, fit.place] for values, fit in columns])
                for columns in (
                    [(fit.problem.measured, fit) for _, fit, _ in trained],
                    [(fit.fit.out_of_fold.predicted, fit) for _, fit, _ in trained],
                    [(fit.fit.out_of_fold.mean, fit) for _, fit, _ in trained],
                )
            ),
            np.concatenate([fit.problem.folds for _, fit, _ in trained]),
        ]
    )


def read_out_of_fold(folder: Path) -> dict[tuple[str, str, str], OutOfFold]:
    """Read a model's out-of-fold predictions by (location, product_id, target), in the file's order.

    Args:
        folder: The model's folder, whose files were verified.

    Raises:
        IntegrityError: A number is not finite.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    types = {**dict.fromkeys(KEYS, pa.string()), **dict.fromkeys(NUMBERS, pa.float64()), FOLD: pa.int64()}
    table = csv.read_csv(
        folder / NAME,
        read_options=csv.ReadOptions(use_threads=False),  # see parse_rows in group_tables.py
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    if not table.num_rows:
        return {}
    codes = [table[name].combine_chunks().dictionary_encode() for name in KEYS[:3]]
    places = np.stack([code.indices.to_numpy() for code in codes])
    starts = np.flatnonzero(np.any(places[:, 1:] != places[:, :-1], axis=0)) + 1
    bounds = [0, *starts.tolist(), table.num_rows]
    names = [code.dictionary.to_pylist() for code in codes]
    columns = [table[name].to_numpy() for name in ("batch_id", *NUMBERS, FOLD)]
    infinite = np.flatnonzero(~np.isfinite(columns[1:-1]).all(axis=0))
    if len(infinite):
        row = int(infinite[0])
        key = [name[place[row]] for name, place in zip(names, places, strict=True)]
        raise IntegrityError(
            f"{len(infinite)} out-of-fold predictions are not finite numbers",
            where=folder / NAME,
            found=", ".join((*key, f"batch {columns[0][row]}")),
            hint=f"look for extreme values in the data of this product, and train again: {MADE_BY}",
        )
    return {
        (names[0][place[0]], names[1][place[1]], names[2][place[2]]): OutOfFold(*(part[start:end] for part in columns))
        for start, end in pairwise(bounds)
        for place in [places[:, start].tolist()]
    }

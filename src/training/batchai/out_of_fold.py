"""``out_of_fold.csv``: what was predicted for each batch without it, beside what was measured.

The error in ``rmse.csv`` is the root of the mean square of these residuals; evaluation, the report and the intervals of
predictions are made from them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.tables import needs_quotes
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import GroupFit, TargetFit

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

NAME = "out_of_fold.csv"
KEYS = ("location", "product_id", "target", "batch_id")
NUMBERS = ("measured", "predicted", "mean")


@dataclass(frozen=True)
class OutOfFold:
    """The rows that one target of one product was trained on, oldest first.

    Attributes:
        batch_ids: Shape (rows,), of `str`; a batch may have several rows.
        measured: Shape (rows,).
        predicted: Shape (rows,): by a model that was chosen and fitted without the batch (nested cross-validation).
        mean: Shape (rows,): the mean of the batches that this model was fitted on.
    """

    batch_ids: NDArray[np.object_]
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]


def format_out_of_fold(fitted: Sequence[tuple[PreparedLocation, Sequence[GroupFit]]]) -> bytes:
    """Write all out-of-fold predictions as CSV; floats read back exactly."""
    import pyarrow as pa
    from pyarrow import csv

    buffer = io.BytesIO()
    buffer.write((",".join([*KEYS, *NUMBERS]) + "\n").encode())
    for table in _tables(fitted):
        texts = [text for name in KEYS for text in pa.compute.unique(table[name]).to_pylist()]
        quoting = "needed" if any(map(needs_quotes, texts)) else "none"
        csv.write_csv(table, buffer, csv.WriteOptions(include_header=False, quoting_style=quoting))
    return buffer.getvalue()


def _tables(fitted: Sequence[tuple[PreparedLocation, Sequence[GroupFit]]]) -> Iterator[pa.Table]:
    """One table per product, so that memory holds no more than that."""
    import pyarrow as pa

    for prepared, fits in fitted:
        groups = {group.product_id: group for group in prepared.groups}
        for group in fits:
            parts = [
                _columns(prepared.location, target.name, groups[group.product_id].batch_ids, fit)
                for target in prepared.targets
                if isinstance(fit := group.targets[target.name], TargetFit)
            ]
            if parts:
                yield pa.concat_tables([pa.table(dict(zip((*KEYS, *NUMBERS), part, strict=True))) for part in parts])


def _columns(location: str, target: str, batch_ids: NDArray[np.object_], fit: TargetFit) -> list[pa.Array]:
    import pyarrow as pa

    rows = len(fit.problem.rows)
    keys = [pa.repeat(pa.scalar(text, type=pa.string()), rows) for text in (location, fit.problem.product_id, target)]
    numbers = (fit.problem.values[:, fit.place], fit.fit.predicted[:, fit.place], fit.fit.mean[:, fit.place])
    ids = pa.array(batch_ids[fit.problem.rows], type=pa.string())
    return [*keys, ids, *(pa.array(column) for column in numbers)]


def read_out_of_fold(folder: Path) -> dict[tuple[str, str, str], OutOfFold]:
    """Read a model's out-of-fold predictions by (location, product_id, target), in the file's order.

    Args:
        folder: The model's folder, whose files were verified.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    types = {**dict.fromkeys(KEYS, pa.string()), **dict.fromkeys(NUMBERS, pa.float64())}
    table = csv.read_csv(
        folder / NAME,
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
    columns = [table[name].to_numpy() for name in ("batch_id", *NUMBERS)]
    return {
        (names[0][place[0]], names[1][place[1]], names[2][place[2]]): OutOfFold(*(part[start:end] for part in columns))
        for start, end in pairwise(bounds)
        for place in [places[:, start].tolist()]
    }

"""The rows of many small CSV files of the same columns, formatted and parsed together.

Small files are slow to parse and to format one by one. So the rows of all groups of a location are formatted as one
table and cut by lines, and read by joining the bytes of the files and parsing once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.csv_columns import format_columns
from src.common.errors import IntegrityError
from src.common.tables import format_csv

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_ID = "batch_id"
BLOCK_BYTES = 1 << 24
"""What is parsed at a time; no row may be longer."""


@dataclass(frozen=True)
class FeatureRows:
    """Rows with features.

    Attributes:
        batch_ids: Shape (rows,), of `str`.
        features: Shape (rows, features), NaN where not measured.
    """

    batch_ids: NDArray[np.object_]
    features: NDArray[np.float64]


def format_header(columns: Iterable[str]) -> bytes:
    """The first line of such a file, with its line end."""
    return format_csv([BATCH_ID, *columns], []).encode()


def format_rows(ids: NDArray[np.object_], values: NDArray[np.float64], counts: Sequence[int]) -> list[bytes]:
    """Format the rows of many files at once, then cut them.

    Args:
        ids: Shape (rows,): batch ids without line breaks.
        values: Shape (rows, columns); NaN becomes an empty cell. Floats read back exactly.
        counts: How many rows each file gets; their sum is the number of rows.

    Returns:
        The rows of each file, without a header.
    """
    lines = format_columns([ids, *values.T]).splitlines(keepends=True)
    return [b"".join(lines[end - count : end]) for end, count in zip(accumulate(counts), counts, strict=True)]


def parse_texts(body: bytes, *, where: Path, hint: str) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Parse rows of two texts, without a header. Returns both columns, of the shape (rows,).

    Raises:
        IntegrityError: A row has another number of cells.
    """
    import numpy as np

    rows = list(csv.reader(io.StringIO(body.decode("utf-8", errors="replace"), newline="")))
    if any(len(row) != 2 for row in rows):
        raise IntegrityError("prepared data can't be parsed", where=where, expected="two cells in every row", hint=hint)
    columns = np.empty((2, len(rows)), dtype=object)
    for place in range(2):
        columns[place] = [row[place] for row in rows]
    return columns[0], columns[1]


def parse_rows(bodies: Sequence[bytes], columns: int, *, where: Path, hint: str) -> list[FeatureRows]:
    """Parse the rows of many files at once and part them again by their numbers of lines.

    Args:
        bodies: The rows of each file without its header; each row ends with a line feed.
        columns: How many columns there are beside ``batch_id``.
        where: The folder they come from, for the error.
        hint: What to do about a file that can't be parsed, for the error.

    Raises:
        IntegrityError: A row has another number of cells, or a cell is no number.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    counts = [body.count(b"\n") for body in bodies]
    whole = b"".join(bodies)
    if not whole:
        return [FeatureRows(np.empty(0, dtype=object), np.empty((0, columns))) for _ in bodies]
    names = [BATCH_ID, *(str(number) for number in range(columns))]
    types = {BATCH_ID: pa.string(), **dict.fromkeys(names[1:], pa.float64())}
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(whole),
            # a pool of threads can abort a process when it ends (https://github.com/apache/arrow/issues/34314)
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES, use_threads=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=False, quoted_strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise IntegrityError("prepared data can't be parsed", where=where, found=error, hint=hint) from error
    if table.num_rows != sum(counts):
        raise IntegrityError("prepared data holds empty lines", where=where, hint=hint)
    ids = table.column(0).to_numpy(zero_copy_only=False)
    by_column = np.empty((columns, table.num_rows))  # a column's values side by side, as they come and as they are used
    for number in range(columns):
        by_column[number] = table.column(number + 1).to_numpy(zero_copy_only=False)
    values = by_column.T
    return [
        FeatureRows(ids[end - count : end], values[end - count : end])
        for end, count in zip(accumulate(counts), counts, strict=True)
    ]

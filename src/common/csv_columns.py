"""CSV of large tables from whole columns: as `tables.format_csv`, many times faster."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

NEEDS_QUOTES = '[,"\n\r]'


@dataclass(frozen=True)
class Texts:
    """A column of few different texts.

    Attributes:
        values: The texts.
        codes: Shape (rows,): the place of each row's text among them.
    """

    values: Sequence[str]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """The texts of a column."""
        import numpy as np

        place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        return cls(list(place), np.asarray([place[text] for text in texts], dtype=np.int64))

    def each(self, times: int | NDArray[np.int64]) -> Texts:
        """Every row so many times."""
        import numpy as np

        return Texts(self.values, np.repeat(self.codes, times))


def format_columns(columns: Sequence[Texts | NDArray[Any]]) -> bytes:
    """Write rows as CSV, without a header: UTF-8, line feeds, floats that read back exactly.

    Args:
        columns: Each of the shape (rows,): texts (as `Texts`, or an array of `str`), or numbers; NaN becomes an empty
            cell. Texts hold no line breaks.
    """
    import pyarrow as pa
    from pyarrow import csv

    quoting = "none"
    arrays = []
    for column in columns:
        texts, array = _arrow(column)
        if texts is not None and pa.compute.any(pa.compute.match_substring_regex(texts, NEEDS_QUOTES)).as_py():
            quoting = "needed"  # Arrow can't quote only the cells that need it: it quotes no texts, or all of them
        arrays.append(array)
    table = pa.table(arrays, names=[str(number) for number in range(len(arrays))])
    if not table.num_rows:
        return b""
    buffer = io.BytesIO()
    csv.write_csv(table, buffer, csv.WriteOptions(include_header=False, quoting_style=quoting))
    return buffer.getvalue()


def _arrow(column: Texts | NDArray[Any]) -> tuple[pa.Array | None, pa.Array]:
    """The different texts of a column (None: it holds numbers), and the column."""
    import pyarrow as pa
    import pyarrow.compute

    if isinstance(column, Texts):
        texts = pa.array(column.values, type=pa.string())
        return texts, texts.take(pa.array(column.codes))
    if column.dtype == object:
        texts = pa.array(column, type=pa.string())
        return texts, texts
    return None, pa.array(column, from_pandas=True)

"""Delimited text without quotes, parsed by Arrow: several times faster than cell by cell, and with fewer objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ENOUGH = 1 << 16
"""From so many characters on, Arrow is worth its import."""


def plain_cells(text: str, *, delimiter: str) -> list[NDArray[np.object_]] | None:
    """The columns of a text in which every line is a row.

    Args:
        text: The text.
        delimiter: What stands between two cells.

    Returns:
        Shape (lines,) each, of `str`, without the white space around them; equal cells are one object. None where the
        text is not as plain as that: it has quotes, empty lines, or lines with another number of cells.
    """
    lines = text.replace("\r\n", "\n") if "\r" in text else text
    if any(other in lines for other in ('"', "\r", "\0", "\n\n")) or lines[:1] in ("", "\n", "\ufeff"):
        return None
    import pyarrow as pa
    from pyarrow import compute, csv

    content = lines.encode(errors="surrogatepass")  # Arrow refuses what is no UTF-8
    count = lines.partition("\n")[0].count(delimiter) + 1
    names = [f"f{place}" for place in range(count)]
    try:
        table = csv.read_csv(
            pa.py_buffer(content),
            # a pool of threads can abort a process when it ends (https://github.com/apache/arrow/issues/34314)
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=len(content) + 1),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return [as_objects(compute.utf8_trim_whitespace(table[name]).combine_chunks()) for name in names]


def as_objects(texts: pa.Array) -> NDArray[np.object_]:
    """Texts of Arrow, without nulls, as `str`; equal ones are one object. Shape (rows,)."""
    coded = texts.dictionary_encode()
    values: NDArray[np.object_] = coded.dictionary.to_numpy(zero_copy_only=False)
    indices: NDArray[np.int32] = coded.indices.to_numpy(zero_copy_only=False)
    return values[indices]

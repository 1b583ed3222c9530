"""Parquet files as tables of text, so that every table is checked alike."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.common.paths import refuse_twins
from src.common.plain_csv import as_objects
from src.common.tables import TextTable, has_control_characters

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

SUFFIX = ".parquet"
MEMORY_PER_CELL = 80
"""Bytes of a cell as a text of its own, with what it takes meanwhile (measured: 62 to 75)."""


def is_parquet(name: str) -> bool:
    """Whether a file's name is that of a Parquet file."""
    return name.lower().endswith(SUFFIX)


def parquet_memory(path: Path) -> int:
    """About how many bytes the file takes as a table of text; 0 where it can't be read."""
    from pyarrow import ArrowInvalid
    from pyarrow import parquet as format_of

    try:
        facts = format_of.read_metadata(path)
    except (ArrowInvalid, OSError):
        return 0
    return int(facts.num_rows) * int(facts.num_columns) * MEMORY_PER_CELL


def read_parquet(path: Path, *, decimal: str = ".", shown: object = None) -> TextTable:
    """Read a Parquet file.

    Args:
        path: The file.
        decimal: The decimal sign that numbers get, as texts of the file may have it.
        shown: What errors call the file; None for its path.

    Returns:
        The table. Whole numbers have no decimals, times look like ``2024-05-01 12:00:00`` (``Z`` at the end where they
        have a time zone), truth is TRUE or FALSE, a null is empty. The first row is row 1.

    Raises:
        DataError: It is no Parquet, has no rows, columns of lists and the like, or two of one name.
    """
    where = path if shown is None else shown
    file = _open(path, where)
    schema = file.schema_arrow
    _check(schema, int(file.metadata.num_rows), where)
    columns = {}
    for name in schema.names:  # one column at a time: its texts take several times its size
        column = file.read(columns=[name], use_threads=False).column(0).combine_chunks()
        columns[name.strip()] = as_objects(_texts(column, decimal))
    return TextTable(file=path, columns=columns, lines=range(1, int(file.metadata.num_rows) + 1))


def _open(path: Path, where: object) -> parquet.ParquetFile:
    from pyarrow import ArrowInvalid
    from pyarrow import parquet as format_of

    try:
        return format_of.ParquetFile(path)
    except ArrowInvalid as error:
        raise DataError(
            "the file is no Parquet", where=where, found=error, expected="a whole .parquet file", hint="export it again"
        ) from error


def _check(schema: pa.Schema, rows: int, where: object) -> None:
    from pyarrow import types

    names = [name.strip() for name in schema.names]
    nested = [
        f"{field.name} ({field.type})"
        for field in schema
        if types.is_nested(field.type) or types.is_binary(field.type) or types.is_large_binary(field.type)
    ]
    bad = [name for name in names if not name or has_control_characters(name) or names.count(name) > 1]
    if nested or bad:
        raise DataError(
            "columns hold no single values" if nested else "column names are empty, appear twice or can't be shown",
            where=where,
            found=some_of(nested or map(repr, dict.fromkeys(bad))),
            expected="numbers, texts, times or truth in every column, with a name of its own",
            hint="leave these columns out of the export, or write them otherwise",
        )
    refuse_twins(names, what="column names", where=where)
    if not rows or not names:
        raise DataError("the file has no rows", where=where, expected="rows", hint="export it again")


def _texts(column: pa.Array, decimal: str) -> pa.Array:
    """The cells of a column as they are written."""
    import pyarrow as pa
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if types.is_boolean(kind):
        column = compute.if_else(column, "TRUE", "FALSE")
    elif types.is_timestamp(kind):
        with suppress(pa.ArrowInvalid):  # where it has fractions of a second, it keeps them
            column = column.cast(pa.timestamp("s", kind.tz))
        column = column.cast(pa.timestamp(column.type.unit, "UTC")) if kind.tz else column
    elif types.is_null(kind):
        column = column.cast(pa.string())
    texts = column.cast(pa.large_string())
    if decimal != "." and (types.is_floating(kind) or types.is_decimal(kind)):
        texts = compute.replace_substring(texts, ".", decimal)
    return compute.utf8_trim_whitespace(compute.fill_null(texts, ""))

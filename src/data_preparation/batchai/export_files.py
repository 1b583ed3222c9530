"""The files of a location's export, read as its description says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from src.common.errors import DataError, did_you_mean, some_of
from src.common.memory import require_memory
from src.common.parquet_files import is_parquet, parquet_memory, read_parquet
from src.common.paths import original_name, safe_relative_path
from src.common.tables import TextTable, read_text_table, stack_tables
from src.common.workbooks import is_workbook, read_workbook
from src.data_preparation.batchai.joined_export import JoinedExport, join_tables
from src.data_preparation.batchai.location_description import LocationDescription
from src.data_preparation.batchai.patterns import as_regex
from src.data_preparation.batchai.problems import Problems
from src.data_preparation.batchai.reshaping import reshape
from src.data_preparation.batchai.table_description import TableDescription

MEMORY_PER_BYTE_OF_WORKBOOK = 250
"""The same for workbooks, which are compressed."""
MEMORY_PER_BYTE = 12
"""Bytes of memory per byte of an export: all cells are texts first (measured: 10 to 11)."""


def read_export(folder: Path, description: LocationDescription) -> JoinedExport:
    """Read and join the tables of a location.

    Args:
        folder: The location's folder in ``DataPrep_inputs``.
        description: What the tables look like, and how they join.

    Raises:
        DataError: A table can't be read or joined.
    """
    _require_memory(folder, description)
    return join_tables(
        _each(description, lambda table: reshape(_read(folder, table), table, description.values)), description
    )


def read_tables(folder: Path, description: LocationDescription) -> list[TextTable]:
    """Read the tables of an export as they are. Arguments and errors are those of `read_export`."""
    _require_memory(folder, description)
    return _each(description, lambda table: _read(folder, table))


def join_export(tables: Sequence[TextTable], description: LocationDescription) -> JoinedExport:
    """Join tables that were read. Errors are those of `read_export`."""
    read = iter(tables)
    return join_tables(_each(description, lambda table: reshape(next(read), table, description.values)), description)


def _each(description: LocationDescription, make: Callable[[TableDescription], TextTable]) -> list[TextTable]:
    """The tables of a description; the problems of all of them are raised together."""
    tables = []
    problems = Problems()
    for table in description.tables:
        with problems.collect():
            tables.append(make(table))
    problems.raise_all()
    return tables


def _require_memory(folder: Path, description: LocationDescription) -> None:
    paths = {path for table in description.tables for path in _files(folder, table).values()}
    size = sum(path.stat().st_size for path in paths if path.is_file())
    require_memory(
        sum(_memory_of(path) for path in paths if path.is_file()),
        what=f"preparing {size / 1e6:.0f} MB of exports",
        where=folder,
        hint="leave out columns and old batches in the export, or run where there is more memory",
    )


def _memory_of(path: Path) -> int:
    if is_parquet(path.name):
        return parquet_memory(path)
    return path.stat().st_size * (MEMORY_PER_BYTE_OF_WORKBOOK if is_workbook(path.name) else MEMORY_PER_BYTE)


def _files(folder: Path, table: TableDescription) -> dict[str, Path]:
    """The files of a table by their names at the source: the one that is named, or all that a pattern fits, sorted."""
    parent = (folder / safe_relative_path(table.file)).parent
    name = PurePosixPath(table.file).name
    if not table.is_pattern:
        return {table.file: parent / safe_relative_path(name)}
    fits = as_regex(name).fullmatch
    paths = sorted(parent.iterdir()) if parent.is_dir() else []
    names = {original_name(path.name): path for path in paths if path.is_file() and not path.name.startswith(".")}
    return {found: names[found] for found in sorted(names) if fits(found)}


def _read(folder: Path, table: TableDescription) -> TextTable:
    files = _files(folder, table)
    parent = (folder / safe_relative_path(table.file)).parent
    source = (folder.parent / original_name(folder.name) / table.file).parent  # as people know it
    if not files or not all(path.exists() for path in files.values()):
        present = [original_name(entry.name) for entry in parent.iterdir()] if parent.is_dir() else []
        what = f"no file fits {table.file!r}" if table.is_pattern else f"the file {table.file!r} is missing"
        raise DataError(
            f"{what}{did_you_mean(PurePosixPath(table.file).name, present)}",
            where=source,
            found=some_of(sorted(present), most=12) or "no such folder",
            expected=table.file,
            hint="check the name, or export it again",
        )
    read = {
        name: replace(_read_file(path, table, shown=shown), file=shown)
        for name, path in files.items()
        for shown in [source / PurePosixPath(name).name]
    }
    return stack_tables(read) if table.is_pattern else read[table.file]


def _read_file(path: Path, table: TableDescription, *, shown: Path) -> TextTable:
    if is_parquet(table.file):
        return read_parquet(path, decimal=table.decimal, shown=shown)
    if is_workbook(table.file):
        return read_workbook(path, sheet=table.sheet, decimal=table.decimal, header=table.columns, shown=shown)
    return read_text_table(path, delimiter=table.delimiter, encoding=table.encoding, header=table.columns, shown=shown)

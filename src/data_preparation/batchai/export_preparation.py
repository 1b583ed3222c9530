"""Prepare an export, of one location or of several, or say what is wrong with each, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from src.common.errors import BatchAIError, DataError
from src.common.tables import TextTable
from src.data_preparation.batchai.export_files import join_export, read_export, read_tables
from src.data_preparation.batchai.location_description import LocationDescription, find_description, read_description
from src.data_preparation.batchai.preparation import Preparation, prepare
from src.data_preparation.batchai.problems import errors_in
from src.data_preparation.batchai.several_locations import locations_in, rows_of_none, take_location

Made = TypeVar("Made")
Errors = tuple[BatchAIError, ...]


def prepare_export(export: str, folder: Path, *, only: str | None = None) -> Iterator[tuple[str, Preparation | Errors]]:
    """Prepare the locations of an export.

    Args:
        export: The name of the export: that of its location, where there is one.
        folder: Its folder.
        only: The only location that is asked for, among those that an export holds. An export of one location then
            gives nothing.

    Yields:
        Each location, and what was made of it or what is wrong with it.
    """
    description = _guarded(lambda: read_description(find_description(folder), location=export), folder)
    if isinstance(description, tuple):
        if only is None:
            yield export, description
    elif description.location_column:
        yield from _several(folder, description, only)
    elif only is None:
        yield export, _guarded(lambda: prepare(read_export(folder, description)), folder)


def _several(
    folder: Path, description: LocationDescription, only: str | None
) -> Iterator[tuple[str, Preparation | Errors]]:
    read = _guarded(partial(_read, folder, description), folder)
    if isinstance(read, tuple):
        if only is None:
            yield description.location, read
        return
    nowhere = rows_of_none(read.tables[0], description)
    for location in read.locations:
        if only in (None, location):
            made = _guarded(partial(_prepare_one, read.tables, description, location), folder)
            if isinstance(made, Preparation):  # what names no location is listed with the first one
                made, nowhere = replace(made, rejections=(*nowhere, *made.rejections)), []
            yield location, made


@dataclass(frozen=True)
class _Several:
    """The tables of several locations, and their names."""

    tables: Sequence[TextTable]
    locations: Sequence[str]


def _read(folder: Path, description: LocationDescription) -> _Several:
    tables = read_tables(folder, description)
    return _Several(tables, locations_in(tables[0], description))


def _prepare_one(tables: Sequence[TextTable], description: LocationDescription, location: str) -> Preparation:
    described, own = take_location(tables, description, location)
    return prepare(join_export(own, described))


def _guarded(make: Callable[[], Made], folder: Path) -> Made | Errors:
    """What is made, or the errors that keep it from that."""
    try:
        return make()
    except BatchAIError as error:
        return errors_in(error)
    except OSError as error:
        explained: BatchAIError = DataError(
            f"a file can't be read: {error.strerror or error}", where=error.filename or folder, hint="check the file"
        )
    except Exception as error:
        explained = BatchAIError(
            f"unexpected: {type(error).__name__}: {error}",
            where=folder,
            hint="this is a bug: run with --verbose, and report it with the file",
        )
        explained.__cause__ = error
    return (explained,)

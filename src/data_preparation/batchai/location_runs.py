"""Prepare all locations, one independent of the other, and commit them together.

A location that can't be prepared keeps what the last preparation made of it, where there is any. So a broken export
neither stops the other plants, nor lets its own vanish from the model.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.common.committed_folder import replace_folder
from src.common.errors import BatchAIError, DataError
from src.data_preparation.batchai.earlier import EarlierPreparation
from src.data_preparation.batchai.export_files import read_export
from src.data_preparation.batchai.location_description import find_description, read_description
from src.data_preparation.batchai.preparation import Preparation, prepare
from src.data_preparation.batchai.prepared_data import KIND, write_location
from src.data_preparation.batchai.problems import errors_in
from src.data_preparation.batchai.reports import (
    GROUPS,
    REJECTED,
    WARNINGS,
    format_groups,
    format_rejected,
    format_warnings,
)

FAILED = "failed"
"""The fact in the manifest that names the locations that could not be prepared, and why."""


@dataclass(frozen=True)
class PreparedRun:
    """What became of the locations.

    Attributes:
        done: Those that were prepared.
        failed: What is wrong with the others.
        kept: Those of `failed` whose earlier data was kept.
    """

    done: Sequence[Preparation]
    failed: Mapping[str, Sequence[BatchAIError]]
    kept: Sequence[str]


def prepare_locations(
    folders: Mapping[str, Path], prepared: Path, *, unchanged: Iterable[str] = (), min_batches: int
) -> PreparedRun:
    """Prepare locations and commit them together. When none can be prepared, what was there stays.

    Args:
        folders: The folders of the locations, by location.
        prepared: The folder of prepared data.
        unchanged: Locations that nobody asked for: what was prepared of them before is kept.
        min_batches: A group with fewer measured batches can't be trained, and `GROUPS` says so.

    Raises:
        BatchAIError: The results could not be written.
    """
    done: list[Preparation] = []
    failed: dict[str, Sequence[BatchAIError]] = {}
    for location, folder in folders.items():
        found = _prepare(location, folder)
        if isinstance(found, Preparation):
            done.append(found)
        else:
            failed[location] = found
    if not done:
        return PreparedRun(done, failed, ())
    with replace_folder(prepared, kind=KIND) as staged:
        earlier = EarlierPreparation.open(prepared)
        for preparation in done:
            write_location(staged, preparation.prepared)
        kept = [name for name in [*failed, *unchanged] if earlier.keep(name, staged)]
        notes = {name: _note(errors, kept=name in kept) for name, errors in failed.items()}
        if failed:
            staged.facts[FAILED] = {name: {"kept": name in kept, "problem": notes[name]} for name in failed}
        groups = format_groups(done, min_batches=min_batches, failed=notes)
        for table, text in ((GROUPS, groups), (REJECTED, format_rejected(done))):
            staged.write(table, _with_rows(text, earlier.rows(table, kept)))
        warnings = earlier.rows(WARNINGS, kept)
        if warnings or any(part.warnings for part in done):
            staged.write(WARNINGS, _with_rows(format_warnings(done), warnings))
    return PreparedRun(done, failed, [name for name in kept if name in failed])


def _prepare(location: str, folder: Path) -> Preparation | Sequence[BatchAIError]:
    """Prepare a location; or say what is wrong with it, whatever it is."""
    try:
        description = read_description(find_description(folder), location=location)
        return prepare(read_export(folder, description))
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


def _note(errors: Sequence[BatchAIError], *, kept: bool) -> str:
    problem = errors[0].what.splitlines()[0]
    more = f" (and {len(errors) - 1} more problems)" if len(errors) > 1 else ""
    return f"{'kept as it was prepared before' if kept else 'not prepared'}: {problem}{more}"


def _with_rows(text: str, rows: Sequence[Sequence[str]]) -> str:
    """Add rows of another table with the same columns, in the order of their first cells."""
    if not rows:
        return text
    header, *body = csv.reader(io.StringIO(text, newline=""))
    from src.common.tables import format_csv

    return format_csv(header, sorted([*body, *rows], key=lambda row: row[0]))

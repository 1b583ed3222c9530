"""Prepare all locations, one independent of the other, and commit them together.

A location that can't be prepared keeps what the last preparation made of it, where there is any. So a broken export
neither stops the other plants, nor lets its own vanish from the model.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.common.committed_folder import StagedFolder, replace_folder
from src.common.errors import BatchAIError, DataError, IntegrityError, some_of
from src.data_preparation.batchai.earlier import EXPORT, EarlierPreparation
from src.data_preparation.batchai.export_preparation import Errors, prepare_export
from src.data_preparation.batchai.preparation import Preparation
from src.data_preparation.batchai.prepared_data import KIND, write_location
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
    folders: Mapping[str, Path],
    prepared: Path,
    *,
    only: str | None = None,
    min_batches: int,
    broken: Mapping[str, Errors] | None = None,
) -> PreparedRun:
    """Prepare locations and commit them together. When none can be prepared, what was there stays.

    Args:
        folders: The folders of the exports, by name: that of the location, or of several.
        prepared: The folder of prepared data.
        only: Prepare one export, or one location of an export, and leave what else was prepared as it is.
        min_batches: A group with fewer measured batches can't be trained, and `GROUPS` says so.
        broken: What is wrong with exports that did not come as they are at their source, by name.

    Raises:
        BatchAIError: The results could not be written, or what is to stay as it is was damaged.
    """
    found, exports = _prepare_all(folders, only, broken or {})
    done = [made for made in found.values() if isinstance(made, Preparation)]
    failed = {location: made for location, made in found.items() if not isinstance(made, Preparation)}
    if not done:
        return PreparedRun(done, failed, ())
    with replace_folder(prepared, kind=KIND) as staged:
        earlier = EarlierPreparation.open(prepared)
        for preparation in done:
            location = preparation.prepared.location
            write_location(staged, preparation.prepared)
            if exports[location] != location:
                staged.facts["locations"][location][EXPORT] = exports[location]
        kept = {name: [part for part in earlier.of_export(name) if earlier.keep(part, staged)] for name in failed}
        asked = earlier.locations if only is None else earlier.of_export(only)
        others = [name for name in earlier.locations if name not in {*found, *asked}]
        if damaged := [name for name in others if not earlier.keep(name, staged)]:
            raise _damaged(damaged, prepared)
        notes = {name: _note(errors, kept=bool(kept[name])) for name, errors in failed.items()}
        if failed:
            staged.facts[FAILED] = {name: {"kept": bool(kept[name]), "problem": notes[name]} for name in failed}
        old = {*others, *(part for parts in kept.values() for part in parts)}
        _write_reports(staged, done, earlier, old, min_batches=min_batches, notes=notes)
    return PreparedRun(done, failed, [name for name in failed if kept[name]])


def _prepare_all(
    folders: Mapping[str, Path], only: str | None, broken: Mapping[str, Errors]
) -> tuple[dict[str, Preparation | Errors], dict[str, str]]:
    """What was made of each location or is wrong with it, and the export that holds it."""
    found: dict[str, Preparation | Errors] = {}
    exports: dict[str, str] = {}
    named = {*folders, *broken}
    whole = only is None or only in named
    found.update({name: errors for name, errors in broken.items() if only in (None, name)})
    for export, folder in folders.items():
        if export in broken or (only in named and export != only):
            continue
        for location, made in prepare_export(export, folder, only=None if whole else only):
            found[location] = made if location not in found else (_held_twice(location, exports[location], export),)
            exports[location] = export
    return found, exports


def _write_reports(
    staged: StagedFolder,
    done: Sequence[Preparation],
    earlier: EarlierPreparation,
    kept: set[str],
    *,
    min_batches: int,
    notes: Mapping[str, str],
) -> None:
    """Write what became of each batch: of the locations that were prepared, and as before of those that were kept."""
    groups = format_groups(done, min_batches=min_batches, failed=notes)
    staged.write(GROUPS, _with_rows(groups, earlier.rows(GROUPS, kept)))
    listed = {row.location for preparation in done for row in preparation.rejections}
    names = kept | (earlier.exports_of(kept) - listed)
    staged.write(REJECTED, _with_rows(format_rejected(done), earlier.rows(REJECTED, names)))
    warnings = earlier.rows(WARNINGS, kept)
    if warnings or any(part.warnings for part in done):
        staged.write(WARNINGS, _with_rows(format_warnings(done), warnings))


def _held_twice(location: str, export: str, other: str) -> DataError:
    return DataError(
        "two exports hold the location",
        where=f"{export} and {other}",
        found=location,
        expected="each location in one export",
        hint="rename one of them, or leave its rows out of one export",
    )


def _damaged(locations: Sequence[str], prepared: Path) -> IntegrityError:
    return IntegrityError(
        "prepared data that should stay as it is was damaged or removed",
        where=prepared,
        found=some_of(locations),
        expected="the files as they were written",
        hint="prepare all locations: leave out --location",
    )


def _note(errors: Sequence[BatchAIError], *, kept: bool) -> str:
    problem = errors[0].what.splitlines()[0]
    more = f" (and {len(errors) - 1} more problems)" if len(errors) > 1 else ""
    return f"{'kept as it was prepared before' if kept else 'not prepared'}: {problem}{more}"


def _with_rows(text: str, rows: Sequence[Sequence[str]]) -> str:
    """Add rows of another table with the same columns, in the order of their first cells."""
    header, *body = csv.reader(io.StringIO(text, newline=""))
    from src.common.tables import format_csv

    return format_csv(header, sorted([*body, *rows], key=lambda row: row[0]))

"""One export that holds several locations: each gets the rows that an export of its own would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.common.paths import encode_key, refuse_look_alikes, refuse_twins
from src.common.tables import TextTable, has_control_characters
from src.data_preparation.batchai.joined_export import Rejection
from src.data_preparation.batchai.location_description import LocationDescription

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def locations_in(first: TextTable, description: LocationDescription) -> list[str]:
    """The locations of an export, sorted.

    Args:
        first: Its first table.
        description: What it looks like, with a `location_column`.

    Raises:
        DataError: There is no such column, or a name can't be one of a location.
    """
    column = description.location_column
    names = first.column(column)
    where = f"{first.file}, column {column!r}"
    found = sorted(set(names.tolist()) - {""})
    broken = [name for name in found if has_control_characters(name)]
    if broken or not found:
        raise DataError(
            "a location has no name that can be shown" if broken else "no row says where it comes from",
            where=where,
            found=some_of(map(repr, broken)) or "empty cells",
            expected="the name of a location in every row",
            hint="correct the export, or location in location.yml",
        )
    refuse_twins(found, what="locations", where=where)
    refuse_look_alikes(found, what="locations", where=where)
    for name in found:
        encode_key(name)
    return found


def take_location(
    tables: Sequence[TextTable], description: LocationDescription, location: str
) -> tuple[LocationDescription, list[TextTable]]:
    """The tables as an export of one location, and its description.

    A table that is joined on the column of the location gives that location's rows. Of any other table the rows of
    batches that only other locations have are left out.

    Args:
        tables: The tables as they were read.
        description: What the whole export looks like.
        location: The location.
    """
    import numpy as np

    first = tables[0]
    column = description.location_column
    mine = first.column(column) == location
    parts = description.parts_of(description.batch_id)
    own, others = (_batches(first, parts, rows) for rows in (mine, ~mine))
    others -= own
    known = {batch: why for batch, why in description.exclude.items() if (batch,) not in others}
    chosen = [_take(first, mine)]
    for table, joined in zip(tables[1:], description.tables[1:], strict=True):
        rows: NDArray[np.bool_] = np.ones(table.rows, dtype=bool)
        if column in joined.join_on:
            rows = np.asarray(table.column(joined.join_on[column]) == location)
        elif others and set(parts) <= set(joined.join_on):
            keys = zip(*(table.column(joined.join_on[name]) for name in parts), strict=True)
            rows = np.fromiter((key not in others for key in keys), dtype=bool, count=table.rows)
        chosen.append(_take(table, rows))
    return replace(description, location=location, exclude=known), chosen


def _batches(first: TextTable, parts: Sequence[str], rows: NDArray[np.bool_]) -> set[tuple[str, ...]]:
    """The batches of some rows of the first table; none where it does not hold their ids."""
    if not set(parts) <= set(first.columns):
        return set()
    return set(zip(*(first.columns[name][rows].tolist() for name in parts), strict=True))


def _take(table: TextTable, rows: NDArray[np.bool_]) -> TextTable:
    """Some rows of a table that was read."""
    import numpy as np

    columns = {name: cells[rows] for name, cells in table.columns.items()}
    return replace(table, columns=columns, lines=np.asarray(table.lines, dtype=np.int64)[rows].tolist())


def rows_of_none(first: TextTable, description: LocationDescription) -> list[Rejection]:
    """The rows of the first table that name no location."""
    import numpy as np

    batch = first.columns.get(description.batch_id)
    rejections = []
    for row in np.flatnonzero(first.column(description.location_column) == "").tolist():
        file, line = first.place(row, description.tables[0].file)
        rejections.append(
            Rejection(
                description.location,
                "",
                "" if batch is None else str(batch[row]),
                file,
                line,
                description.location_column,
                "",
                f"no {description.location_column}",
            )
        )
    return rejections

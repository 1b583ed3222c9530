"""The tables of one location's export, joined into one row per measurement, with the way back to file and row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.common.paths import appearance, refuse_twins
from src.common.tables import TextTable, locate
from src.data_preparation.batchai.location_description import LocationDescription
from src.data_preparation.batchai.table_description import TableDescription

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_ROW = -1
ID_SEPARATOR = "-"


@dataclass(frozen=True)
class Rejection:
    """A row, or one measured value of it, that was left out."""

    location: str
    product_id: str
    batch_id: str
    file: str
    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class JoinedExport:
    """All columns of an export, one row per row of its first table.

    Attributes:
        description: What the export looks like.
        columns: Shape (rows,) each, of `str`, by column name.
        table_of: The position of each column's table in the description.
        lines: Shape (rows,) per table: the line of its file, `NO_ROW` where an optional table has none.
        files: The names of the files of each table, where it has several.
        left_out: Rows that found no partner.
        copies: By table, rows that are exact copies of others and count as often as they stand there.
        cell_lines: Shape (rows,) each: the lines of the cells of columns whose cells come from lines of their own.
    """

    description: LocationDescription
    columns: Mapping[str, NDArray[np.object_]]
    table_of: Mapping[str, int]
    lines: Sequence[NDArray[np.int64]]
    files: Sequence[Sequence[str]]
    left_out: tuple[Rejection, ...] = ()
    copies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cell_lines: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.lines[0])

    def place(self, column: str, row: int) -> tuple[str, int]:
        """The file and its line that a cell came from."""
        table = self.table_of[column]
        lines = self.cell_lines.get(column, self.lines[table])
        return locate(int(lines[row]), self.files[table] or [self.description.tables[table].file])

    def row_name(self, column: str, row: int) -> str:
        """What a person calls the row of a cell: its line, and the file where a table has several."""
        file, line = self.place(column, row)
        return f"{line} of {file}" if self.files[self.table_of[column]] else str(line)

    def reject(self, row: int, reason: str, *, column: str | None = None) -> Rejection:
        """Describe a row that is left out, or with `column` one value of it."""
        file, line = self.place(column or self.description.batch_id, row)
        return Rejection(
            location=self.description.location,
            product_id=str(self.columns[self.description.product_id][row]),
            batch_id=str(self.columns[self.description.batch_id][row]),
            file=file,
            row=line,
            column=column or "",
            value=str(self.columns[column][row]) if column else "",
            reason=reason,
        )


def join_tables(tables: Sequence[TextTable], description: LocationDescription) -> JoinedExport:
    """Join each table to the ones before it, keeping the first one's rows and their order.

    Raises:
        DataError: A column is missing, stands in two tables, or a table has two rows for one key.
    """
    import numpy as np

    columns: dict[str, NDArray[np.object_]] = dict(tables[0].columns)
    table_of = dict.fromkeys(columns, 0)
    lines = [np.asarray(tables[0].lines, dtype=np.int64)]
    cell_lines: dict[str, NDArray[np.int64]] = {}
    left_out: list[Rejection] = []
    for number, (table, described) in enumerate(zip(tables[1:], description.tables[1:], strict=True), start=1):
        partner = _partners(columns, tables[0], table, described)
        for name, cells in _new_columns(columns, table, described).items():
            columns[name] = np.where(partner == NO_ROW, "", cells[partner])
            table_of[name] = number
            if name in table.cell_lines:
                cell_lines[name] = _at(partner, table.cell_lines[name])
        lines.append(_at(partner, table.lines))
        left_out.extend(_without_partner(partner, table, described, description))
    _add_ids(columns, table_of, tables[0], description)
    files = [table.files for table in tables]
    copies = {
        described.file: table.copies
        for table, described in zip(tables, description.tables, strict=True)
        if table.copies
    }
    joined = JoinedExport(description, columns, table_of, lines, files, copies=copies, cell_lines=cell_lines)
    return _drop_unmatched(joined, left_out)


def _add_ids(
    columns: dict[str, NDArray[np.object_]],
    table_of: dict[str, int],
    first: TextTable,
    description: LocationDescription,
) -> None:
    """Add the ids that are made of several columns, and the product of an export that names none."""
    import numpy as np

    for key in (description.batch_id, description.product_id):
        if key == description.product_id and description.product:
            columns[key], table_of[key] = np.full(first.rows, description.product, dtype=object), 0
            continue
        names = description.parts_of(key)
        parts = [columns[name] if name in columns else first.column(name) for name in names]
        if len(parts) > 1:
            columns[key], table_of[key] = _joined_ids(parts, names, first), table_of[names[0]]


def _joined_ids(parts: Sequence[NDArray[np.object_]], names: Sequence[str], first: TextTable) -> NDArray[np.object_]:
    """One id of several cells: ``2024-17``; none where a cell is empty. Shape (rows,)."""
    import numpy as np

    ids = np.empty(len(parts[0]), dtype=object)
    made_of: dict[str, tuple[str, ...]] = {}
    for row, cells in enumerate(zip(*parts, strict=True)):
        ids[row] = ID_SEPARATOR.join(cells) if all(cells) else ""
        other = made_of.setdefault(ids[row], cells)
        if other != cells and ids[row]:
            raise DataError(
                f"two ids of {some_of(names)} become one text",
                where=first.file,
                found=f"{other} and {cells}: {ids[row]!r}",
                expected=f"ids that stay different when {ID_SEPARATOR!r} stands between their cells",
                hint="correct the ids in the export",
            )
    return ids


def _at(partner: NDArray[np.int64], lines: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np

    return np.where(partner == NO_ROW, NO_ROW, np.asarray(lines, dtype=np.int64)[partner])


def _new_columns(
    columns: Mapping[str, NDArray[np.object_]], table: TextTable, described: TableDescription
) -> Mapping[str, NDArray[np.object_]]:
    keys = set(described.join_on.values())
    new = {name: cells for name, cells in table.columns.items() if name not in keys}
    refuse_twins([*columns, *(name for name in new if name not in columns)], what="column names", where=table.file)
    both = sorted(set(new) & set(columns))
    if both:
        raise DataError(
            f"columns stand in two tables of one location: {some_of(both)}",
            where=table.file,
            expected="names of their own, or equal values to join on",
            hint="add them to join_on in location.yml where they mean the same, or rename them in the export",
        )
    return new


def _partners(
    columns: Mapping[str, NDArray[np.object_]], first: TextTable, table: TextTable, described: TableDescription
) -> NDArray[np.int64]:
    """Find for each row the row of `table` with the same key. Shape (rows,), `NO_ROW` where there is none."""
    import numpy as np

    left = [columns[name] if name in columns else first.column(name) for name in described.join_on]
    right = [table.column(name) for name in described.join_on.values()]
    row_of: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(zip(*right, strict=True)):
        earlier = row_of.setdefault(key, row)
        if earlier != row:
            raise DataError(
                "two rows have the same key, so it is open which one belongs to a batch",
                where=table.file,
                found=f"{_show(described.join_on.values(), key)} in rows {table.row(earlier)} and {table.row(row)}",
                expected=f"one row for each {' and '.join(described.join_on.values())}",
                hint="say in location.yml how several rows become one (aggregate), or join on more columns (join_on)",
            )
    keys = list(zip(*left, strict=True))
    unmatched = {key for key in keys if key not in row_of}
    seen = {tuple(map(appearance, key)): key for key in row_of} if unmatched else {}
    for key in unmatched:
        twin = seen.get(tuple(map(appearance, key)))
        if twin is not None:
            raise DataError(
                "two keys look the same and are not, so their rows do not join",
                where=table.file,
                found=f"{twin!a} in row {table.row(row_of[twin])}, {key!a} in the tables before it",
                expected="the same characters in both tables",
                hint="correct the ids in one of the exports",
            )
    return np.asarray([row_of.get(key, NO_ROW) for key in keys], dtype=np.int64)


def _without_partner(
    partner: NDArray[np.int64], table: TextTable, described: TableDescription, description: LocationDescription
) -> Iterable[Rejection]:
    """Name the rows of a joined table that no batch of the first table claims (a lookup table may have some)."""
    batch = description.parts_of(description.batch_id)
    if not set(batch) <= set(described.join_on):
        return
    used = set(partner.tolist())
    batch_cells = [table.columns[described.join_on[name]] for name in batch]
    products = table.columns.get(described.join_on.get(description.product_id, description.product_id))
    for row in range(table.rows):
        if row in used:
            continue
        for number in table.members[row] if table.members else (table.lines[row],):
            file, line = locate(number, table.files or [described.file])
            yield Rejection(
                location=description.location,
                product_id=description.product if products is None else str(products[row]),
                batch_id=ID_SEPARATOR.join(str(cells[row]) for cells in batch_cells),
                file=file,
                row=line,
                column="",
                value="",
                reason=f"no row in {description.tables[0].file}",
            )


def _drop_unmatched(joined: JoinedExport, left_out: list[Rejection]) -> JoinedExport:
    """Leave out the rows that have no partner in a table that requires one."""
    import numpy as np

    keep = np.ones(joined.rows, dtype=bool)
    for described, lines in zip(joined.description.tables[1:], joined.lines[1:], strict=True):
        if not described.required:
            continue
        unmatched = np.flatnonzero(keep & (lines == NO_ROW)).tolist()
        left_out.extend(joined.reject(row, f"no row in {described.file}") for row in unmatched)
        keep &= lines != NO_ROW
        if not keep.any():
            raise _nothing_joins(joined, described)
    return JoinedExport(
        description=joined.description,
        columns={name: cells[keep] for name, cells in joined.columns.items()},
        table_of=joined.table_of,
        lines=[lines[keep] for lines in joined.lines],
        files=joined.files,
        left_out=tuple(left_out),
        copies=joined.copies,
        cell_lines={name: lines[keep] for name, lines in joined.cell_lines.items()},
    )


def _nothing_joins(joined: JoinedExport, described: TableDescription) -> DataError:
    """The error for a table that has no row for any batch: all of them would be left out."""
    keys = zip(*(joined.columns[name].tolist() for name in described.join_on), strict=True)
    examples = some_of((_show(described.join_on, key) for key in dict.fromkeys(keys)), most=3)
    return DataError(
        f"no row of {described.file} belongs to a batch",
        where=joined.description.location,
        found=f"nothing in {', '.join(described.join_on.values())} like {examples}",
        expected="the same texts in both tables: 007 and 7 are two",
        hint="correct join_on in location.yml or the ids in the exports, or say required: false",
    )


def _show(names: Iterable[str], key: Iterable[str]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(names, key, strict=True))

"""The one door in: every table is read here, as text first, so that keys stay what they are.

``007``, ``NA``, ``null`` and ``1.0`` are ids, not numbers and not missing. What has to be a number is converted by
`to_numbers`, which knows the row of each cell that is none.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.errors import DataError, did_you_mean, some_of
from src.common.paths import appearance, refuse_twins
from src.common.plain_csv import ENOUGH, plain_cells
from src.common.text_files import read_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan|1\.#(inf|ind|qnan)\w*)", re.IGNORECASE)
_DELIMITERS = ",;\t|"
MAX_MAGNITUDE = 1e50
"""No measurement is larger, in whatever unit: the Earth consists of about 1.3e50 atoms. The fourth powers of such
numbers still fit into a double, which ends at 1.8e308."""
LINE_BITS = 32
MANY = 256
"""From so many cells on, Arrow is worth its import."""


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are all text, without the white space around them.

    Attributes:
        file: Where it was read from.
        columns: Shape (rows,) each, of `str`, by name, in the file's order.
        lines: Shape (rows,): the line of the file in which each row ends (a header is line 1).
        members: Shape (rows,): all lines that a row was made of, where it was made of several.
        cell_lines: Shape (rows,) each: the lines of the cells of a column, where they come from other lines.
        files: The names of the files, where the table was put together from several: see `locate`.
        copies: Rows that are exact copies of others and were made one with them, as a person calls them.
    """

    file: Path
    columns: Mapping[str, NDArray[np.object_]]
    lines: Sequence[int]
    members: Sequence[Sequence[int]] = ()
    cell_lines: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    files: Sequence[str] = ()
    copies: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """How many rows there are, the header not counted."""
        return len(self.lines)

    def row(self, place: int) -> str:
        """What a person calls a row: its line, and the file where there are several."""
        return self.named(self.lines[place])

    def place(self, row: int, file: str) -> tuple[str, int]:
        """The file of a row, `file` where there is only one, and its line."""
        return locate(self.lines[row], self.files or [file])

    def named(self, line: int) -> str:
        """What a person calls a line."""
        file, row = locate(line, self.files or [""])
        return f"{row} of {file}" if self.files else str(row)

    def column(self, name: str) -> NDArray[np.object_]:
        """One column by its name.

        Raises:
            DataError: There is no such column.
        """
        if name in self.columns:
            return self.columns[name]
        only = next(iter(self.columns))
        other = [sign for sign in _DELIMITERS if len(self.columns) == 1 and sign in only]
        raise DataError(
            f"the column {name!r} is missing{did_you_mean(name, self.columns)}",
            where=self.file,
            found=some_of(self.columns, most=12),
            expected=f"a column {name!r}",
            hint=f"the delimiter of this file seems to be {other[0]!r}"
            if other
            else "check the column's name and the file's delimiter",
        )


def locate(line: int, files: Sequence[str]) -> tuple[str, int]:
    """The file and its line that a line number of a table stands for: the file's place is in the upper half."""
    return files[line >> LINE_BITS], line & ((1 << LINE_BITS) - 1)


def stack_tables(tables: Mapping[str, TextTable]) -> TextTable:
    """Put tables with the same columns under one another.

    Args:
        tables: The tables by the names of their files.

    Raises:
        DataError: One has other columns than the first.
    """
    import numpy as np

    files = list(tables)
    first = tables[files[0]]
    for table in tables.values():
        missing, more = set(first.columns) - set(table.columns), set(table.columns) - set(first.columns)
        if missing or more:
            raise DataError(
                "files of one kind have other columns",
                where=table.file,
                found=f"missing: {some_of(sorted(missing)) or 'none'}; more: {some_of(sorted(more)) or 'none'}",
                expected=f"the columns of {files[0]}: {some_of(first.columns, most=12)}",
                hint="export them alike, or describe them as two tables",
            )
    columns = {name: np.concatenate([table.columns[name] for table in tables.values()]) for name in first.columns}
    lines = [(number << LINE_BITS) + line for number, table in enumerate(tables.values()) for line in table.lines]
    return TextTable(first.file, columns, lines, files=files)


def read_text_table(
    path: Path,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    header: Sequence[str] = (),
    shown: object = None,
) -> TextTable:
    """Read a delimited file.

    Args:
        path: The file.
        delimiter: What stands between two cells.
        encoding: The name of its text encoding.
        header: The names of the columns, where the file has none; else its first row holds them.
        shown: What errors call the file; None for its path.

    Raises:
        DataError: It is missing, empty, has no rows, is in another encoding, has rows of another length than its
            header, or column names that are empty or appear twice.
    """
    path_shown = path if shown is None else shown
    text = read_text(path, encoding=encoding, shown=path_shown)
    if len(text) >= ENOUGH and (table := _plain_table(path, text, delimiter=delimiter, header=header)):
        return table
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        numbered = [(rows.line_num, row) for row in rows if row]
    except csv.Error as error:
        raise DataError(
            "a row can't be read", where=f"{path_shown}, row {rows.line_num}", found=error, hint="check its quotes"
        ) from error
    if numbered and "".join(numbered[0][1]).strip().casefold() == "sep=" and delimiter in text[: len("sep=") + 2]:
        del numbered[0]  # Excel's line that names the delimiter
    return make_table(path, numbered, header=header, shown=path_shown, delimiter=delimiter)


def _plain_table(path: Path, text: str, *, delimiter: str, header: Sequence[str]) -> TextTable | None:
    """A table whose every line is a row, and whose header has nothing to be said about; None for any other."""
    cells = plain_cells(text, delimiter=delimiter)
    if cells is None or len(cells[0]) < 2:
        return None
    names = [name.strip() for name in header] or [str(column[0]) for column in cells]
    seen = {appearance(name) for name in names if name}
    if len(seen) < len(names) or len(names) != len(cells):
        return None
    start = 0 if header else 1
    columns = {name: column[start:] for name, column in zip(names, cells, strict=True)}
    return TextTable(file=path, columns=columns, lines=range(start + 1, len(cells[0]) + 1))


def make_table(
    path: Path, rows: list[tuple[int, list[str]]], *, header: Sequence[str], shown: object, delimiter: str = ""
) -> TextTable:
    """Make a table of rows of cells.

    Args:
        path: The file.
        rows: The number of each row, and its cells. The first holds the names of the columns if `header` does not.
        header: The names of the columns.
        shown: What errors call the file.
        delimiter: What stands between two cells, for errors; empty where nothing does.

    Raises:
        DataError: There are no rows, rows of another length than the header, or names that are empty or appear twice.
    """
    header_line, first = (0, list(header)) if header or not rows else rows[0]
    body = rows if header else rows[1:]
    names = [name.strip() for name in first]
    if not any(names) and not body:
        raise DataError("the file is empty", where=shown, expected="a header and rows", hint="export it again")
    _check_header(names, body, f"{shown}, row {header_line}")
    _check_lengths(body, len(names), shown, delimiter)
    if not body:
        raise DataError(
            f"the file has {'no rows' if header else 'a header and no rows'}",
            where=shown,
            expected="rows",
            hint="export it again",
        )
    columns = _columns(names, [row for _, row in body])
    return TextTable(file=path, columns=columns, lines=[line for line, _ in body])


def _columns(header: Sequence[str], body: Sequence[Sequence[str]]) -> dict[str, NDArray[np.object_]]:
    import numpy as np

    columns: dict[str, NDArray[np.object_]] = {}
    for name, cells in zip(header, zip(*body, strict=True), strict=True):
        column = np.empty(len(cells), dtype=object)
        column[:] = [cell.strip() for cell in cells]
        if name or any(column):  # a delimiter at the end of every line makes a column without name and content
            columns[name] = column
    return columns


def _check_header(header: Sequence[str], numbered: Sequence[tuple[int, Sequence[str]]], where: str) -> None:
    counts = Counter(header)
    twice = sorted(name for name, count in counts.items() if name and count > 1)
    blank = [place for place, name in enumerate(header) if not name]
    unnamed = any(row[place].strip() for _, row in numbered for place in blank if len(row) > place)
    if twice or unnamed:
        raise DataError(
            f"column names appear twice: {some_of(twice)}" if twice else "a column has no name",
            where=where,
            found=some_of(header, most=12),
            expected="every column with a name of its own",
            hint="rename the columns in the export",
        )
    refuse_twins(counts, what="column names", where=where)


def _check_lengths(numbered: Sequence[tuple[int, Sequence[str]]], length: int, path: object, delimiter: str) -> None:
    ragged = [(line, len(row)) for line, row in numbered if len(row) != length]
    if ragged:
        between = f", with {delimiter!r} between them" if delimiter else ""
        raise DataError(
            f"{len(ragged)} rows have another number of cells than the header",
            where=path,
            found=some_of(f"row {line}: {cells} cells" for line, cells in ragged),
            expected=f"{length} cells in every row, as the header has{between}",
            hint="export the file again, or correct these rows",
        )


def to_numbers(
    texts: Iterable[str], *, decimal: str = ".", missing: Iterable[str] = (), values: Mapping[str, float] | None = None
) -> tuple[NDArray[np.float64], list[int]]:
    """Convert cells to numbers.

    Args:
        texts: The cells, without white space around them.
        decimal: The decimal sign.
        missing: Texts that mean: not measured. An empty cell always does.
        values: Numbers that stand for texts, such as ``{"yes": 1, "no": 0}``.

    Returns:
        Shape (rows,), NaN where not measured, and the positions of cells that are no finite number.
    """
    import numpy as np

    known: dict[str, float] = {"": math.nan, **dict.fromkeys(missing, math.nan), **(values or {})}
    if isinstance(texts, np.ndarray) and len(texts) >= MANY:
        converted = _all_numbers(texts, decimal, known)
        if converted is not None:
            return converted, []
    numbers = []
    wrong = []
    for position, text in enumerate(texts):
        number = known.get(text)
        if number is None:
            plain = text.replace(decimal, ".") if decimal != "." and "." not in text else text
            readable = _NUMBER.fullmatch(plain) and (decimal == "." or "." not in text)
            number = float(plain) if readable else math.inf
            if math.isinf(number):
                wrong.append(position)
        numbers.append(number)
    return np.asarray(numbers, dtype=np.float64), wrong


def _all_numbers(texts: NDArray[np.object_], decimal: str, known: Mapping[str, float]) -> NDArray[np.float64] | None:
    """Convert a column whose cells are all usable numbers or known texts, by Arrow; None where any is not."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    cells = pa.array(texts, type=pa.large_string())
    if decimal != "." and compute.any(compute.match_substring(cells, ".")).as_py():
        return None
    is_known = compute.is_in(cells, value_set=pa.array(list(known), type=pa.large_string()))
    plain = compute.if_else(is_known, pa.scalar(None, pa.large_string()), cells)
    if decimal != ".":
        plain = compute.replace_substring(plain, decimal, ".")
    try:
        numbers = np.array(plain.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid:
        return None
    there = ~is_known.to_numpy(zero_copy_only=False)
    if not np.isfinite(numbers[there]).all():
        return None
    for text, number in known.items():
        if not math.isnan(number):
            numbers[texts == text] = number
    return numbers


def is_beyond(text: str, *, decimal: str = ".") -> bool:
    """Whether a cell that is no usable number was written as one: infinite, NaN, or beyond what a double holds."""
    plain = text if decimal == "." or "." in text else text.replace(decimal, ".")
    number = _NUMBER.fullmatch(plain) is not None and (decimal == "." or "." not in text)
    return number or _NOT_FINITE.fullmatch(text) is not None


def has_control_characters(text: str) -> bool:
    """Whether a text holds a line break or another sign that can't stand in a key."""
    return _CONTROL.search(text) is not None


def needs_quotes(text: str) -> bool:
    """Whether a cell with this text needs quotes in a CSV file."""
    return any(sign in text for sign in ',"\n\r')


def format_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table as CSV text: UTF-8 signs, line feeds, floats in the shortest form that reads back exactly.

    NaN and None become empty cells.

    Raises:
        DataError: A number is infinite.
    """
    lines = _Lines()
    writer = csv.writer(lines)  # it quotes a cell with a line break only where that is one of its own line ends
    writer.writerow(header)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return "".join(lines)


class _Lines(list[str]):
    """Takes what a `csv.writer` writes, and ends each line with a line feed alone."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if math.isinf(value):
            raise DataError("a result is infinite, and is not written", hint="look for extreme values in the data")
        return "" if math.isnan(value) else repr(float(value)).removesuffix(".0")
    return value

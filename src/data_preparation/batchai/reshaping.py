"""Tables with several rows per batch become tables with one: lots are aggregated, long tables made wide.

pandas groups and aggregates. What it gives is written as text again, so that every table is checked alike.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.common.tables import MAX_MAGNITUDE, TextTable
from src.data_preparation.batchai.number_cells import numbers_of_cells
from src.data_preparation.batchai.table_description import Aggregation, Pivot, TableDescription

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Values = Mapping[str, Mapping[str, float]]
TEXT_RULES = ("first", "last", "count")


@dataclass(frozen=True)
class _Long:
    """A table with several rows per key.

    Attributes:
        table: The table as it was read.
        described: What it looks like.
        values: Numbers that stand for texts, by column.
    """

    table: TextTable
    described: TableDescription
    values: Values

    @cached_property
    def keys(self) -> list[str]:
        """The columns whose values name what rows belong together."""
        return list(self.described.join_on.values())

    @cached_property
    def groups(self) -> tuple[NDArray[np.int64], list[int]]:
        """The group of each row, numbered as they come, and the first row of each group."""
        import numpy as np

        number: dict[tuple[str, ...], int] = {}
        first: list[int] = []
        codes = []
        for row, key in enumerate(zip(*(self.table.column(name) for name in self.keys), strict=True)):
            if key not in number:
                number[key] = len(first)
                first.append(row)
            codes.append(number[key])
        return np.asarray(codes, dtype=np.int64), first

    def wide(
        self, columns: Mapping[str, NDArray[np.object_]], cell_lines: Mapping[str, NDArray[np.int64]] | None = None
    ) -> TextTable:
        """The table with a row per key, of columns of the shape (groups,)."""
        group_of, first = self.groups
        members: list[list[int]] = [[] for _ in first]
        for row, group in enumerate(group_of):
            members[group].append(self.table.lines[row])
        keys = {name: self.table.columns[name][first] for name in self.keys}
        lines = [found[0] for found in members]
        return TextTable(self.table.file, {**keys, **columns}, lines, members, cell_lines or {}, self.table.files)

    def combine(
        self, aggregation: Aggregation, rows: NDArray[np.int64], group_of: NDArray[np.int64]
    ) -> NDArray[np.object_]:
        """One text per group.

        Args:
            aggregation: How several rows become one value.
            rows: Shape (rows,): the rows to take.
            group_of: Shape (rows,): the group of each.
        """
        import numpy as np
        import pandas as pd

        described = self.described
        if aggregation.rule in TEXT_RULES:
            cells = pd.Series(self.table.column(aggregation.column)[rows], dtype=object)
            texts = cells.where(~cells.isin(["", *described.missing])).groupby(group_of)
            if aggregation.rule == "count":
                return np.array([str(count) for count in texts.count()], dtype=object)
            return np.asarray(texts.agg(aggregation.rule).fillna("").to_numpy(dtype=object))
        numbers = self.numbers(aggregation.column, rows)
        if aggregation.weight:
            result = _weighted_mean(numbers, self.weights(aggregation.weight, rows), group_of)
        else:
            result = numbers.groupby(group_of).agg(aggregation.rule)
            if aggregation.rule == "sum":  # what is not known in one row is not known of the whole
                result[numbers.isna().groupby(group_of).any()] = np.nan
        return _texts(result, described, self.values.get(aggregation.column, {}))

    def numbers(self, name: str, rows: NDArray[np.int64]) -> pd.Series[float]:
        """Some cells of a column as numbers."""
        import numpy as np
        import pandas as pd

        cells = self.table.column(name)[rows]
        numbers, unreadable = numbers_of_cells(cells, self.described, values=self.values.get(name), censored="")
        wrong = sorted({*unreadable, *np.flatnonzero(np.abs(numbers) > MAX_MAGNITUDE).tolist()})
        if wrong:
            raise DataError(
                f"{len(wrong)} cells are no numbers that can be aggregated",
                where=self.table.file,
                found=some_of((self._cell(name, int(rows[place])) for place in wrong), most=4),
                expected=f"numbers within ±{MAX_MAGNITUDE:g}, or empty cells where nothing was measured",
                hint="correct the export; or in location.yml name such texts in `missing` (of the table) or values",
            )
        return pd.Series(numbers)

    def weights(self, name: str, rows: NDArray[np.int64]) -> pd.Series[float]:
        """Some cells of a column as quantities."""
        weights = self.numbers(name, rows)
        negative = rows[(weights < 0).to_numpy()].tolist()
        if negative:
            raise DataError(
                f"quantities are below zero: {name!r}",
                where=self.table.file,
                found=some_of(self._cell(name, row) for row in negative),
                expected="how much of each row went into the batch",
                hint="correct the export",
            )
        return weights

    def _cell(self, name: str, row: int) -> str:
        return f"row {self.table.row(row)}, {name}: {self.table.columns[name][row]!r}"


def reshape(table: TextTable, described: TableDescription, values: Values) -> TextTable:
    """Make a table one with a row per key, where its description says so.

    Args:
        table: The table as it was read.
        described: What it looks like.
        values: Numbers that stand for texts, by column.

    Raises:
        DataError: Columns are missing, cells are no numbers, or units differ.
    """
    long = _Long(table, described, values)
    if described.pivot is not None:
        return _pivot(long, described.pivot)
    return _aggregate(long) if described.aggregate else table


def _aggregate(long: _Long) -> TextTable:
    import numpy as np

    rows = np.arange(long.table.rows)
    group_of, _ = long.groups
    wide = long.wide({name: long.combine(how, rows, group_of) for name, how in long.described.aggregate.items()})
    return replace(wide, copies=_copies(long.table))


def _copies(table: TextTable) -> list[str]:
    """The rows that say the same in every column as one before them."""
    import pandas as pd

    copied = pd.DataFrame(dict(table.columns)).duplicated().to_numpy()
    return [table.row(int(row)) for row in copied.nonzero()[0]]


def _weighted_mean(
    numbers: pd.Series[float], weights: pd.Series[float], group_of: NDArray[np.int64]
) -> pd.Series[float]:
    """Σ weight · value / Σ weight over the rows with a value; NaN where one of these has no weight."""
    import numpy as np

    unknown = (numbers.notna() & weights.isna()).groupby(group_of).any()
    total = weights.where(numbers.notna()).groupby(group_of).sum()
    mean = (numbers * weights).groupby(group_of).sum() / total.where(total > 0)
    mean[unknown] = np.nan
    return mean


def _texts(numbers: pd.Series[float], described: TableDescription, taken: Mapping[str, float]) -> NDArray[np.object_]:
    """Numbers as the cells of the table that read back exactly, and as none of its texts with a meaning."""
    import numpy as np

    texts = np.empty(len(numbers), dtype=object)
    for place, number in enumerate(numbers.tolist()):
        text = "" if math.isnan(number) else repr(float(number)).replace(".", described.decimal)
        texts[place] = f"{text}e0" if text and (text in described.missing or text in taken) else text
    return texts


def _pivot(long: _Long, pivot: Pivot) -> TextTable:
    import numpy as np
    import pandas as pd

    table, (group_of, first) = long.table, long.groups
    tests, results = table.column(pivot.name), table.column(pivot.value)
    _check_tests(table, pivot, long.keys)
    columns: dict[str, NDArray[np.object_]] = {}
    cell_lines: dict[str, NDArray[np.int64]] = {}
    lines = np.asarray(table.lines, dtype=np.int64)
    codes, names = pd.factorize(tests)
    for number, test in enumerate(names.tolist()):
        rows = np.flatnonzero(codes == number)
        present, where, within = np.unique(group_of[rows], return_index=True, return_inverse=True)
        columns[test] = np.full(len(first), "", dtype=object)
        cell_lines[test] = lines[first]
        cell_lines[test][present] = lines[rows[where]]
        if pivot.rule:
            columns[test][present] = long.combine(Aggregation(pivot.value, pivot.rule), rows, within)
        else:
            if len(present) < len(rows):
                _check_once(table, test, rows, group_of)
            columns[test][present] = results[rows[where]]
    return long.wide(columns, cell_lines)


def _check_tests(table: TextTable, pivot: Pivot, keys: Sequence[str]) -> None:
    """Check the names and the units of the tests."""
    tests = table.columns[pivot.name]
    taken = [f"row {table.row(row)}: {test!r}" for row, test in enumerate(tests) if not test or test in keys]
    if taken:
        raise DataError(
            "results have no name of a test, or one that is a key's",
            where=f"{table.file}, column {pivot.name!r}",
            found=some_of(taken),
            hint="correct the export",
        )
    if not pivot.unit:
        return
    seen: dict[str, dict[str, int]] = defaultdict(dict)
    for line, test, unit in zip(table.lines, tests, table.column(pivot.unit), strict=True):
        seen[test].setdefault(unit, line)
    wrong = [
        f"{test}: " + " and ".join(f"{unit or 'no unit'} (row {table.named(line)})" for unit, line in units.items())
        for test, units in seen.items()
        if len(units) > 1 or (test in pivot.units and pivot.units[test] not in units)
    ]
    unknown = [test for test in pivot.units if test not in seen]
    if wrong or unknown:
        raise DataError(
            f"tests have other units than they should: {some_of(wrong)}" if wrong else f"no test {some_of(unknown)}",
            where=f"{table.file}, column {pivot.unit!r}",
            expected=some_of(f"{test}: {unit}" for test, unit in pivot.units.items()) or "one unit for each test",
            hint="convert them in the export, or correct units of pivot in location.yml",
        )


def _check_once(table: TextTable, test: str, rows: NDArray[np.int64], group_of: NDArray[np.int64]) -> None:
    seen: dict[int, int] = {}
    for row in rows.tolist():
        earlier = seen.setdefault(int(group_of[row]), row)
        if earlier != row:
            raise DataError(
                f"a batch has several results of {test!r}",
                where=table.file,
                found=f"rows {table.row(earlier)} and {table.row(row)}",
                expected="one result of each test, or the rule that makes one of several",
                hint="say rule: mean (or first, last, max, …) in pivot of location.yml",
            )

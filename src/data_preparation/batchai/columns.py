"""Columns of an export as numbers: features, derived features and targets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.common.errors import DataError, SettingsError, did_you_mean, some_of
from src.common.paths import appearance
from src.common.tables import MAX_MAGNITUDE
from src.data_preparation.batchai.joined_export import JoinedExport, Rejection
from src.data_preparation.batchai.location_description import RESERVED_NAMES, LocationDescription
from src.data_preparation.batchai.number_cells import numbers_of_cells, why_left_out
from src.data_preparation.batchai.patterns import as_regex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COMMA = re.compile(r"'[+-]?[0-9.]*,[0-9]+'$")
_CENSORED = re.compile(r": '[<>≤≥]=? *[0-9.,]+'$")


@dataclass(frozen=True)
class NumericColumns:
    """Columns in the order of the rows that were asked for.

    Attributes:
        features: Shape (rows,) each, by name; NaN where not measured. Derived ones come last.
        targets: Shape (rows, targets); NaN where not measured, infinite where no measurement can be.
        undefined: Per derived feature, shape (rows,): where its inputs are there and its value does not exist.
    """

    features: Mapping[str, NDArray[np.float64]]
    targets: NDArray[np.float64]
    undefined: Mapping[str, NDArray[np.bool_]]


def numeric_columns(export: JoinedExport, order: NDArray[np.int64], rejections: list[Rejection]) -> NumericColumns:
    """Convert, normalise and derive all columns that training needs.

    Args:
        export: The joined export.
        order: Shape (rows,): the rows to take, in this order.
        rejections: Gains the values of features that are too large for a measurement.

    Raises:
        DataError: Cells are no numbers; file, row and column of the first ones are named.
        SettingsError: The description names columns that are not there.
    """
    import numpy as np

    description = export.description
    names = feature_columns(description, tuple(export.columns))
    divisors = _divisors(description, export)
    inputs = [column for expression in description.derived.values() for column in expression.columns]
    needed = dict.fromkeys([*names, *inputs, *divisors.values(), *(target.column for target in description.targets)])
    named = [*needed, *description.values, *(category.column for category in description.categories)]
    _check_known(description, [name for name in named if name not in description.derived], export)
    columns = _convert(export, [name for name in needed if name in export.columns], order)
    raw_divisors = {name: columns[name] for name in divisors.values()}
    for name, by in divisors.items():
        columns[name] = _divide(columns[name], raw_divisors[by], by, export, order)
    _empty_beyond(export, columns, order, rejections)
    undefined = _derive(description, columns)
    return NumericColumns(
        features={name: columns[name] for name in [*names, *description.derived]},
        targets=np.column_stack([columns[target.column] for target in description.targets]),
        undefined=undefined,
    )


def feature_columns(description: LocationDescription, columns: tuple[str, ...]) -> list[str]:
    """Choose the columns that the description's names and patterns mean, in the order of the export.

    Ids, keys, times, targets and `never_features` are no features, whatever a pattern says.

    Raises:
        SettingsError: A name or pattern fits no column, or a name is named as a feature and as none.
    """
    categories = {category.column for category in description.categories}
    reserved = {*description.id_columns, *description.cross_validate_by, *categories}
    reserved |= {target.column for target in description.targets}
    if description.order_by is not None:
        reserved.add(description.order_by.column)
    never = matching_columns(description, "never_features", description.never_features, columns)
    chosen = matching_columns(description, "features", description.features, columns)
    odd = sorted(chosen & RESERVED_NAMES - reserved - never)
    if odd:
        raise SettingsError(
            f"features can't be called {some_of(odd)}: results use the name for something else",
            where=f"features of {description.location}",
            hint="put them under never_features; derived can give them another name, as spot: location",
        )
    both = sorted((set(description.features) & (reserved | never)) - set(description.derived))
    if both:
        raise SettingsError(
            f"columns can't be features: {some_of(both)}",
            where=f"features of {description.location}",
            expected="neither an id, a key, a time, a category, a target, nor one of never_features",
            hint="remove them from features in location.yml",
        )
    clash = sorted(set(description.derived) & set(columns))
    if clash:
        raise SettingsError(
            f"derived features have the names of columns: {some_of(clash)}",
            where=f"derived of {description.location}",
            hint="give them names of their own in location.yml",
        )
    return [name for name in columns if name in chosen and name not in reserved and name not in never]


def matching_columns(
    description: LocationDescription, key: str, patterns: Iterable[str], columns: tuple[str, ...]
) -> set[str]:
    """Find the columns that names and patterns of a description mean.

    Args:
        description: The description.
        key: Its key, for the error.
        patterns: Names, and patterns with ``*`` and ``?``.
        columns: The columns there are.

    Raises:
        SettingsError: A name or pattern fits no column.
    """
    matching: set[str] = set()
    unknown = []
    known = set(columns)
    for pattern in patterns:
        fitting = {pattern} if pattern in known else set(filter(as_regex(pattern).fullmatch, columns))
        if not fitting:
            unknown.append(f"{key}: {pattern!r} fits no column{_near(pattern, columns)}")
        matching |= fitting
    if unknown:
        raise SettingsError(
            "\n".join(unknown),
            where=f"the description of {description.location}",
            found=some_of(columns, most=12),
            hint="correct the name or the pattern in location.yml",
        )
    return matching


def _near(name: str, columns: Collection[str]) -> str:
    """The nearest column, with the codes of its characters where it looks the same."""
    twins = [column for column in columns if appearance(column) == appearance(name)]
    if twins:
        return f", but {twins[0]!a} looks the same as {name!a}"
    return did_you_mean(name, columns)


def censored_columns(description: LocationDescription, columns: tuple[str, ...]) -> dict[str, str]:
    """What a limit becomes, by column.

    Raises:
        SettingsError: A name or pattern fits no column, or two fit one.
    """
    found: dict[str, str] = {}
    for pattern, rule in description.censored.items():
        for name in sorted(matching_columns(description, "censored", [pattern], columns)):
            if found.setdefault(name, rule) != rule:
                raise SettingsError(
                    f"censored: {name!r} fits two patterns with different rules",
                    where=f"the description of {description.location}",
                    hint="correct censored in location.yml",
                )
    return found


def _divisors(description: LocationDescription, export: JoinedExport) -> dict[str, str]:
    columns = tuple(export.columns)
    divisors: dict[str, str] = {}
    for part in description.normalise:
        for name in sorted(matching_columns(description, "normalise", part.columns, columns)):
            if name in divisors or name == part.by:
                raise SettingsError(
                    f"normalise: {name!r} is divided "
                    + (f"twice, by {divisors[name]!r} and {part.by!r}" if name in divisors else "by itself"),
                    where=f"the description of {description.location}",
                    expected="each column divided once, by another",
                    hint="correct normalise in location.yml",
                )
            divisors[name] = part.by
    return divisors


def _check_known(description: LocationDescription, names: Iterable[str], export: JoinedExport) -> None:
    unknown = [name for name in names if name not in export.columns]
    if unknown:
        raise SettingsError(
            f"columns are missing: {some_of(unknown)}{_near(unknown[0], export.columns)}",
            where=f"the description of {description.location}",
            found=some_of(export.columns, most=12),
            hint="correct the names in targets, derived, normalise, values or categories of location.yml",
        )


def _convert(export: JoinedExport, names: Iterable[str], order: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    censored = censored_columns(export.description, tuple(export.columns))
    columns = {}
    wrong: list[str] = []
    for name in names:
        table = export.description.tables[export.table_of[name]]
        cells = export.columns[name][order]
        columns[name], positions = numbers_of_cells(
            cells, table, values=export.description.values.get(name), censored=censored.get(name, "")
        )
        wrong.extend(
            f"{file} row {line}, {name}: {cells[position]!r}"
            for position in positions
            for file, line in [export.place(name, int(order[position]))]
        )
    if wrong:
        comma = " say decimal: ',' of this table;" if _COMMA.search(wrong[0]) else ""
        comma += " say what censored values become (censored);" if _CENSORED.search(wrong[0]) else ""
        raise DataError(
            f"{len(wrong)} cells are no numbers",
            where=export.description.location,
            found=some_of(wrong, most=4),
            expected="numbers, or empty cells where nothing was measured",
            hint=f"correct the export; or in location.yml{comma} name such texts in `missing` (of the table) or values",
        )
    return columns


def _empty_beyond(
    export: JoinedExport,
    columns: Mapping[str, NDArray[np.float64]],
    order: NDArray[np.int64],
    rejections: list[Rejection],
) -> None:
    """Empty the values that no measurement can be, but for targets: their own check leaves them out."""
    import numpy as np

    targets = {target.column for target in export.description.targets}
    for name, values in columns.items():
        if name not in targets:
            beyond = np.flatnonzero(np.abs(values) > MAX_MAGNITUDE)
            for row in order[beyond].tolist():
                rejections.append(export.reject(row, why_left_out(export.columns[name][row]), column=name))
            values[beyond] = np.nan


def _divide(
    values: NDArray[np.float64], divisor: NDArray[np.float64], by: str, export: JoinedExport, order: NDArray[np.int64]
) -> NDArray[np.float64]:
    import numpy as np

    zero = np.flatnonzero(divisor <= 0)
    if len(zero):
        file, line = export.place(by, int(order[zero[0]]))
        raise DataError(
            f"a column that others are divided by is not above zero: {by!r}",
            where=f"{export.description.location}, {file}, row {line}",
            found=divisor[zero[0]],
            expected="a number above zero",
            hint="correct the export, or normalise in location.yml",
        )
    with np.errstate(all="ignore"):
        return np.asarray(values / divisor)


def _derive(description: LocationDescription, columns: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.bool_]]:
    """Compute the derived features into `columns`, one after the other: later ones may use earlier ones."""
    import numpy as np

    targets = {target.column for target in description.targets}
    undefined = {}
    for name, expression in description.derived.items():
        leaks = targets & set(expression.columns)
        if leaks:
            raise SettingsError(
                f"derived: {name!r} is computed from the target {some_of(leaks)}",
                where=f"the description of {description.location}",
                expected="columns that are known before a batch is measured",
                hint="remove it from derived in location.yml",
            )
        later = [column for column in expression.columns if column not in columns]
        if later:
            raise SettingsError(
                f"derived: {name!r} uses {some_of(later)} before it is computed",
                where=f"the description of {description.location}",
                hint="put it further down in location.yml",
            )
        values = expression.evaluate(columns)
        inputs = np.column_stack([columns[column] for column in expression.columns])
        usable = np.abs(values) <= MAX_MAGNITUDE
        undefined[name] = ~usable & ~np.isnan(inputs).any(axis=1)
        columns[name] = np.where(usable, values, np.nan)
    return undefined

"""Columns of an export as numbers: features, derived features and targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.common.errors import DataError, SettingsError, some_of
from src.common.tables import MAX_MAGNITUDE
from src.data_preparation.batchai.column_choice import (
    censored_columns,
    feature_columns,
    inputs_of_targets,
    matching_columns,
    nearest_column,
)
from src.data_preparation.batchai.joined_export import JoinedExport, Rejection
from src.data_preparation.batchai.location_description import LocationDescription
from src.data_preparation.batchai.number_cells import numbers_of_cells, why_left_out
from src.data_preparation.batchai.target_description import Target

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
    results = [column for target in description.targets for column in target.results]
    needed = dict.fromkeys([*names, *inputs, *divisors.values(), *results])
    named = [*needed, *description.values, *(category.column for category in description.categories)]
    _check_known(description, [name for name in named if name not in description.derived], export)
    columns = _convert(export, [name for name in needed if name in export.columns], order)
    targets = np.column_stack([_target_values(target, columns) for target in description.targets])
    raw_divisors = {name: columns[name] for name in divisors.values()}
    for name, by in divisors.items():
        if name not in columns:
            continue  # a pattern may mean columns that nobody uses
        columns[name] = _divide(columns[name], raw_divisors[by], by, export, order)
    _empty_beyond(export, columns, order, rejections)
    undefined = _derive(description, columns)
    return NumericColumns(
        features={name: columns[name] for name in [*names, *description.derived]},
        targets=targets,
        undefined=undefined,
    )


def _target_values(target: Target, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """A target as it was measured or computed, infinite where its inputs are there and it has no value."""
    import numpy as np

    if target.derived is None:
        return columns[target.column].copy()
    values = target.derived.evaluate(columns)
    inputs = np.array([columns[name] for name in target.derived.columns])
    usable = np.isfinite(values) & (np.abs(inputs) <= MAX_MAGNITUDE).all(axis=0)
    return np.where(np.isnan(inputs).any(axis=0), np.nan, np.where(usable, values, np.inf))


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
            f"columns are missing: {some_of(unknown)}{nearest_column(unknown[0], export.columns)}",
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

    description = export.description
    targets = {column for target in description.targets for column in target.results} - inputs_of_targets(description)
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

    targets = {column for target in description.targets for column in target.results} - inputs_of_targets(description)
    targets |= {target.name for target in description.targets if target.derived}
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

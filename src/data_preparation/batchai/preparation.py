"""From a joined export to prepared data: what is validated, left out, computed, and in which order.

1. Keys are checked, repeated batches and look-alike products refused.
2. Cells become numbers; a cell that is none stops the location, by name.
3. Batches are ordered by time, oldest first.
4. Columns are normalised, derived features computed.
5. Measured values outside their plausible range are left out, and named.
6. Features that repeat a target, never vary, or are mostly missing are dropped, and named.
7. Rows are split by product into measured ones and pending ones.

Gaps in the features stay gaps: training fills them inside each fold, so that no fold knows another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.common.tables import MAX_MAGNITUDE
from src.data_preparation.batchai.adjustable_description import Recipe, make_recipe
from src.data_preparation.batchai.categories import categorical_features
from src.data_preparation.batchai.column_choice import matching_columns
from src.data_preparation.batchai.columns import NumericColumns, numeric_columns
from src.data_preparation.batchai.data_warnings import ACCEPTED, HIGH, LOW, DataWarning, data_warnings
from src.data_preparation.batchai.dropped_features import dropped_features
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.joined_export import JoinedExport, Rejection
from src.data_preparation.batchai.keys import check_batches, check_keys, keys_of_rows, order_of_rows
from src.data_preparation.batchai.location_description import LocationDescription
from src.data_preparation.batchai.look_alikes import look_alikes
from src.data_preparation.batchai.number_cells import why_left_out
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.data_preparation.batchai.problems import Problems
from src.data_preparation.batchai.process_changes import excluded_rows, regime_features
from src.data_preparation.batchai.target_description import LOG, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Preparation:
    """What became of a location's export.

    Attributes:
        prepared: The data for training and inference.
        rejections: Every row or value left out.
        dropped: Features that were dropped, with the reason.
        batches_in: Batches per product in the export, before anything was left out.
        warnings: What a person should look at.
    """

    prepared: PreparedLocation
    rejections: tuple[Rejection, ...]
    dropped: dict[str, str]
    batches_in: dict[str, int]
    warnings: tuple[DataWarning, ...] = ()


def prepare(export: JoinedExport) -> Preparation:
    """Prepare the export of a location.

    Raises:
        DataError: Keys or cells are not what they have to be; the message names file, row and column.
        SettingsError: The description names columns that can't be used as it says.
    """
    import numpy as np

    description = export.description
    rejections = list(export.left_out)
    problems = Problems()
    usable: NDArray[np.bool_] = np.ones(export.rows, dtype=bool)
    with problems.collect():
        usable = check_keys(export, rejections)
    with problems.collect():
        check_batches(export, usable)
    order = np.flatnonzero(usable)
    with problems.collect():
        order, times = order_of_rows(export, usable)
    with problems.collect():
        keys = keys_of_rows(export, order)
    with problems.collect():
        numbers = numeric_columns(export, order, rejections)
    excluded: NDArray[np.bool_] = np.zeros(len(order), dtype=bool)
    with problems.collect():
        excluded = excluded_rows(
            export, order, exclude=description.exclude, regimes=description.regimes, rejections=rejections
        )
    problems.raise_all()
    measured = _plausible_targets(export, numbers, order, rejections)
    defined = _defined_rows(export, numbers, order, rejections)
    # a batch whose every measured value is implausible has been measured: it is rejected, not pending
    implausible = np.isnan(measured).all(axis=1) & ~np.isnan(numbers.targets).all(axis=1)
    keep = defined & ~implausible & ~excluded
    trained = keep & ~np.isnan(measured).all(axis=1)
    if not keep.any() or (implausible.any() and not trained.any()):
        raise _all_left_out(export, "measured row" if keep.any() else "row", rejections)
    categories, indicators = categorical_features(export, order, trained, rejections)
    all_features = {**numbers.features, **indicators, **regime_features(export, order, description.regimes)}
    matching_columns(description, "accept_warnings", description.accept_warnings, tuple(all_features))
    dropped = dropped_features(
        {name: column[keep] for name, column in all_features.items()},
        measured[keep],
        [target.name for target in description.targets],
        max_missing=description.max_missing,
    )
    features = [name for name in all_features if name not in dropped]
    _check_features(export, features, dropped)
    values = np.column_stack([all_features[name] for name in features] or [np.empty((len(order), 0))])
    rows = PreparedGroup(
        product_id="",
        batch_ids=export.columns[description.batch_id][order],
        features=values,
        targets=measured,
        pending=FeatureRows(np.empty(0, dtype=object), np.empty((0, len(features)))),
        keys=keys,
        times=times,
    )
    groups = _split(rows, export.columns[description.product_id][order], keep)
    prepared = PreparedLocation(
        location=description.location,
        feature_names=tuple(features),
        targets=tuple(PreparedTarget(t.name, t.unit, t.specification, t.scale) for t in description.targets),
        groups=groups,
        recipe=replace(_recipe(export, features), categories=categories),
        derived={name: part.text for name, part in description.derived.items() if name in features},
        terms=description.terms,
    )
    found = (*_export_warnings(export), *data_warnings(prepared, accepted=description.accept_warnings))
    _check_warnings(description, found)
    return Preparation(prepared, tuple(rejections), dropped, _batches_in(export), found)


def _export_warnings(export: JoinedExport) -> Iterator[DataWarning]:
    """What a person should look at in the export itself."""
    where = export.description.location
    for message in look_alikes(export):
        yield DataWarning(where, HIGH, (), message)
    for file, rows in export.copies.items():
        what = f"{len(rows)} rows of {file} are exact copies of others, and count as often as they stand there"
        yield DataWarning(where, LOW, (), f"{what}: row {some_of(rows, most=3)}")


def _check_warnings(description: LocationDescription, warnings: Sequence[DataWarning]) -> None:
    """With `strict`, what a person should look at stops the location until somebody has."""
    problems = Problems()
    for warning in warnings:
        with problems.collect():
            if description.strict and warning.severity != ACCEPTED:
                raise DataError(
                    warning.message,
                    where=description.location,
                    hint="correct it, or name the features in accept_warnings of location.yml"
                    if warning.features
                    else "correct the export, or say strict: false in location.yml",
                )
    problems.raise_all()


def _all_left_out(export: JoinedExport, what: str, rejections: Sequence[Rejection]) -> DataError:
    """The error for a location of which no row is left to learn from."""
    description = export.description
    reasons = Counter((rejection.column, rejection.reason) for rejection in rejections).most_common()
    found = (f"{count} × {f'{column}: ' if column else ''}{reason}" for (column, reason), count in reasons)
    return DataError(
        f"every {what} was left out",
        where=f"{description.location}, {description.tables[0].file}",
        found=some_of(found, most=4),
        expected="rows with ids and a plausible measurement, or without one yet",
        hint="correct the export, or plausible and derived in location.yml",
    )


def _check_features(export: JoinedExport, features: Sequence[str], dropped: Mapping[str, str]) -> None:
    """Refuse a location of which no feature is left to learn from."""
    if not features:
        raise DataError(
            "no feature is left",
            where=export.description.location,
            found=some_of((f"{name} ({reason})" for name, reason in dropped.items()), most=6) or "no column for any",
            expected="a feature that varies and is mostly there",
            hint="correct the export, or features, never_features and max_missing in location.yml",
        )


def _recipe(export: JoinedExport, features: Sequence[str]) -> Recipe:
    """What can be changed in a batch, as far as the features that were kept can tell."""
    description = export.description
    columns = tuple(export.columns)
    return make_recipe(
        description.adjustable,
        per_volume=matching_columns(description, "per_volume", description.per_volume, columns),
        derived=description.derived,
        features=features,
        divisors={part.by for part in description.normalise},
        where=f"the description of {description.location}",
    )


def _plausible_targets(
    export: JoinedExport, numbers: NumericColumns, order: NDArray[np.int64], rejections: list[Rejection]
) -> NDArray[np.float64]:
    """Empty the measured values outside their plausible range. Returns shape (rows, targets)."""
    import numpy as np

    kept = numbers.targets.copy()
    for place, target in enumerate(export.description.targets):
        lower, upper = target.plausible
        values = kept[:, place]
        beyond = np.abs(values) > MAX_MAGNITUDE
        no_log = (values <= 0) & (target.scale == LOG)
        outside = beyond | no_log
        if lower is not None:
            outside |= values < lower
        if upper is not None:
            outside |= values > upper
        for row in np.flatnonzero(outside).tolist():
            if beyond[row]:
                reason = _why_not_measured(export, target, int(order[row]))
            elif no_log[row]:
                reason = f"{target.name} is not above zero, and its scale is log"
            else:
                reason = f"outside the plausible range of {target.name}, {_range_text(target)}"
            column = None if target.derived else target.column
            rejections.append(export.reject(int(order[row]), reason, column=column))
        kept[outside, place] = np.nan
    return kept


def _why_not_measured(export: JoinedExport, target: Target, row: int) -> str:
    if target.derived:
        return f"{target.name} = {target.derived.text} has no value here"
    return why_left_out(str(export.columns[target.column][row]))


def _range_text(target: Target) -> str:
    lower, upper = ("open" if limit is None else f"{limit:g}" for limit in target.plausible)
    return f"{lower} to {upper} {target.unit}".rstrip()


def _defined_rows(
    export: JoinedExport, numbers: NumericColumns, order: NDArray[np.int64], rejections: list[Rejection]
) -> NDArray[np.bool_]:
    """Which rows have a value for every derived feature whose inputs are there. Shape (rows,)."""
    import numpy as np

    defined = np.ones(len(order), dtype=bool)
    for name, undefined in numbers.undefined.items():
        for row in np.flatnonzero(undefined & defined).tolist():
            expression = export.description.derived[name].text
            rejections.append(export.reject(int(order[row]), f"{name} = {expression} has no value here"))
        defined &= ~undefined
    return defined


def _split(rows: PreparedGroup, products: NDArray[np.object_], keep: NDArray[np.bool_]) -> tuple[PreparedGroup, ...]:
    """Part the rows of a location by product, and by whether they are measured."""
    import numpy as np

    pending = np.isnan(rows.targets).all(axis=1)
    groups = []
    for product in sorted(set(products[keep].tolist())):
        mine = keep & (products == product)
        waiting = mine & pending
        group = replace(rows.take(mine & ~pending), product_id=product)
        groups.append(replace(group, pending=FeatureRows(rows.batch_ids[waiting], rows.features[waiting])))
    return tuple(groups)


def _batches_in(export: JoinedExport) -> dict[str, int]:
    description = export.description
    batches: dict[str, set[str]] = {}
    columns = (export.columns[description.product_id], export.columns[description.batch_id])
    for product, batch in zip(*columns, strict=True):
        batches.setdefault(product, set()).add(batch)
    for rejection in export.left_out:
        if rejection.product_id:
            batches.setdefault(rejection.product_id, set()).add(rejection.batch_id)
    return {product: len(ids) for product, ids in batches.items()}

"""Batch ids, product ids and time: which rows they name, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from src.common.errors import DataError, SettingsError, did_you_mean, some_of
from src.common.paths import encode_key, refuse_look_alikes, refuse_twins
from src.common.tables import has_control_characters, to_numbers
from src.data_preparation.batchai.joined_export import JoinedExport, Rejection
from src.data_preparation.batchai.order_description import OrderDescription
from src.data_preparation.batchai.times import seconds_since_1970

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_NUMBERS = re.compile(r"(\d+)")


def check_keys(export: JoinedExport, rejections: list[Rejection]) -> NDArray[np.bool_]:
    """Check the ids of batches and products.

    Args:
        export: The joined export.
        rejections: Gains the rows without an id.

    Returns:
        Shape (rows,): which rows have both ids.

    Raises:
        DataError: An id can't be used, or two products differ only in case.
    """
    import numpy as np

    description = export.description
    usable = np.ones(export.rows, dtype=bool)
    for column in (description.batch_id, description.product_id):
        ids = export.columns[column]
        for row in np.flatnonzero((ids == "") & usable).tolist():
            rejections.append(export.reject(row, f"no {column}"))
        usable &= ids != ""
        for row, text in enumerate(ids):
            if has_control_characters(text):
                raise DataError(
                    f"an id in the column {column!r} holds a line break or another control character",
                    where=_where(export, column, row),
                    found=repr(text),
                    expected="printable text",
                    hint="correct the id in the export",
                )
        refuse_twins(
            sorted(set(ids[usable].tolist())),
            what=f"ids in {column!r}",
            where=_where(export, column, 0).split(", row")[0],
        )
    products = sorted(set(export.columns[description.product_id][usable].tolist()))
    refuse_look_alikes(products, what="product ids", where=f"{description.location}, column {description.product_id!r}")
    for product in products:
        encode_key(product)
    if not usable.any():
        raise DataError(
            "no row has both a batch and a product",
            where=f"{description.location}, columns {description.batch_id!r} and {description.product_id!r}",
            hint="check batch_id and product_id in location.yml",
        )
    return usable


def check_batches(export: JoinedExport, usable: NDArray[np.bool_]) -> None:
    """Check that a batch is one row of one product, unless the description allows several.

    Raises:
        DataError: A batch id stands in several rows, or with several products.
    """
    import numpy as np

    description = export.description
    first_row: dict[object, int] = {}
    repeated, moved = [], []
    several: set[str] = set()
    products = export.columns[description.product_id]
    for row in np.flatnonzero(usable).tolist():
        batch = export.columns[description.batch_id][row]
        earlier = first_row.setdefault((batch, products[row]) if description.shared_batches else batch, row)
        if earlier == row:
            continue
        lines = (
            f"rows {export.row_name(description.batch_id, earlier)} and {export.row_name(description.batch_id, row)}"
        )
        repeated.append(f"{batch} ({lines})")
        several.add(batch)
        if products[earlier] != products[row]:
            moved.append(f"{batch} ({lines}: {products[earlier]} and {products[row]})")
    where = f"{description.location}, {description.tables[0].file}, column {description.batch_id!r}"
    if moved:
        raise DataError(
            f"{len(moved)} batches belong to two products",
            where=where,
            found=some_of(moved),
            expected="one product for each batch",
            hint="correct the export; or, if a batch holds several products, say shared_batches: true in location.yml",
        )
    if repeated and not description.repeated_rows:
        raise DataError(
            f"duplicate batch ids: {len(several)} of {len({*export.columns[description.batch_id][usable]})} batches"
            " stand in several rows",
            where=where,
            found=some_of(repeated),
            expected="one row for each batch",
            hint="if a batch is measured several times, say repeated_rows: true in location.yml; else correct it",
        )


def keys_of_rows(export: JoinedExport, order: NDArray[np.int64]) -> NDArray[np.object_] | None:
    """What cross-validation keeps together: the key of `cross_validate_by`, a batch without one alone.

    Args:
        export: The joined export.
        order: Shape (rows,): the rows to take, in this order.

    Returns:
        Shape (rows,), of `str`: the batch where it holds several products; None where the description names no key.

    Raises:
        SettingsError: The description names a column that is not there.
        DataError: A batch has two keys.
    """
    import numpy as np

    description = export.description
    if not description.cross_validate_by:
        return export.columns[description.batch_id][order] if description.shared_batches else None
    require_columns(export, "cross_validate_by", description.cross_validate_by)
    parts = [export.columns[name][order] for name in description.cross_validate_by]
    keys = np.array(["/".join(key) if any(key) else "" for key in zip(*parts, strict=True)], dtype=object)
    alone = "batch "
    while any(key.startswith(alone) for key in keys):
        alone = f"({alone}"
    batches = export.columns[description.batch_id][order]
    keys = np.where(keys == "", alone + batches, keys)
    first: dict[str, int] = {}
    for place, (batch, key) in enumerate(zip(batches, keys, strict=True)):
        earlier = first.setdefault(batch, place)
        if keys[earlier] != key:
            column = description.cross_validate_by[0]
            lines = " and ".join(export.row_name(column, int(order[row])) for row in (earlier, place))
            raise DataError(
                "a batch has two keys of cross_validate_by",
                where=_where(export, column, int(order[place])),
                found=f"{batch} (rows {lines}: {keys[earlier]} and {key})",
                expected="one key for each batch, since its rows are held out together",
                hint="correct the export, or name another column as cross_validate_by in location.yml",
            )
    return keys


def require_columns(export: JoinedExport, key: str, names: Iterable[str]) -> None:
    """Refuse a key of the description that names columns which are not there.

    Raises:
        SettingsError: There is no such column; the nearest one is named.
    """
    for name in names:
        if name not in export.columns:
            raise SettingsError(
                f"the column {name!r} of {key} is missing{did_you_mean(name, export.columns)}",
                where=f"the description of {export.description.location}",
                found=some_of(export.columns, most=12),
                hint=f"correct {key} in location.yml",
            )


def order_of_rows(
    export: JoinedExport, usable: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """The usable rows, oldest first, and their times (None where the export has none). Shape (usable rows,) each.

    Without a description of the order it is that of the file. With one the file's order does not matter: batches of the
    same time are ordered by their id (2 before 10), the rows of one batch by their cells.

    Raises:
        SettingsError: The column of the time is not there.
        DataError: A time can't be read.
    """
    import numpy as np

    rows = np.flatnonzero(usable)
    order = export.description.order_by
    if order is None:
        return rows, None
    require_columns(export, "order_by", [order.column])
    times = _times(export, order, rows)
    batches = export.columns[export.description.batch_id][rows]
    cells = zip(*(export.columns[name][rows] for name in sorted(export.columns)), strict=True)
    keys = list(zip(times.tolist(), map(_natural, batches), cells, strict=True))
    places = sorted(range(len(rows)), key=keys.__getitem__)
    return rows[places], times[places]


def _natural(text: str) -> list[tuple[int, str]]:
    """Order texts as people do: numbers in them by their value, which is their length first."""
    parts = [(part, part.lstrip("0")) for part in _NUMBERS.split(text)]
    return [(len(digits), digits) if part.isdecimal() else (-1, part) for part, digits in parts]


def _times(export: JoinedExport, order: OrderDescription, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The number or the seconds since 1970 of each row. Shape (rows,)."""
    import numpy as np

    texts = export.columns[order.column][rows]
    known: dict[str, float] = {}
    unreadable: dict[str, str] = {}
    for text in set(texts.tolist()):
        try:
            known[text] = _number(text) if order.format == "number" else seconds_since_1970(text, order)
        except ValueError as error:
            unreadable[text] = str(error)
    wrong = [int(row) for row, text in zip(rows, texts, strict=True) if text in unreadable]
    if wrong:
        cells = [(export.row_name(order.column, row), export.columns[order.column][row]) for row in wrong]
        raise DataError(
            f"{len(wrong)} rows have no time that can be read, so their order is not known",
            where=f"{export.description.location}, {export.place(order.column, wrong[0])[0]}, column {order.column!r}",
            found=some_of((f"row {line}: {text!r} {unreadable[text]}" for line, text in cells), most=4),
            expected=f"a time like {order.format!r}" if order.format != "number" else "a number",
            hint="correct the export, or order_by in location.yml; an offset (%z) tells a repeated hour from the other",
        )
    return np.asarray([known[text] for text in texts], dtype=np.float64)


def _number(text: str) -> float:
    numbers, wrong = to_numbers([text])
    if wrong or not text:
        raise ValueError("is not a number")
    return float(numbers[0])


def _where(export: JoinedExport, column: str, row: int) -> str:
    file, line = export.place(column, row)
    return f"{export.description.location}, {file}, row {line}, column {column!r}"

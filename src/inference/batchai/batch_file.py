"""Batches to predict that somebody wrote into a file: like ``data.csv``, and checked against the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from src.common.console import report_warning
from src.common.errors import DataError, did_you_mean, some_of
from src.common.paths import refuse_twins
from src.common.tables import MAX_MAGNITUDE, TextTable, read_text_table, to_numbers
from src.data_preparation.batchai.category_description import OTHER
from src.data_preparation.batchai.group_tables import BATCH_ID, FeatureRows
from src.training.batchai.model import LocationModel, Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOCATION, PRODUCT_ID = "location", "product_id"


def read_batch_file(
    path: Path, model: Model, *, location: str | None, product_id: str | None
) -> tuple[LocationModel, dict[str, FeatureRows]]:
    """Read batches of one location.

    Args:
        path: A CSV file with ``batch_id``, features of the location in any order, and ``location`` and ``product_id``
            where the arguments do not say them. A feature that is not there counts as not measured, and is named.
        model: The model that will predict them.
        location: The location of all rows.
        product_id: The product of all rows.

    Returns:
        The model of the location, and the batches by product in the order of the file.

    Raises:
        DataError: Columns are missing or mistyped, cells are no numbers, or rows belong to several locations.
    """
    import numpy as np

    table = read_text_table(path)
    chosen = model.location(_only_location(table, location))
    _check_columns(
        table, chosen, [name for name, given in ((LOCATION, location), (PRODUCT_ID, product_id)) if not given]
    )
    known = _indicators(table, chosen)
    absent = np.full(table.rows, np.nan)
    features = np.column_stack(
        [
            known[name] if name in known else _feature(table, name) if name in table.columns else absent
            for name in chosen.feature_names
        ]
    )
    products = table.column(PRODUCT_ID) if product_id is None else np.full(table.rows, product_id, dtype=object)
    batch_ids = table.column(BATCH_ID)
    _check_batches(table, batch_ids, products, features)
    rows = {}
    for product in dict.fromkeys(products.tolist()):
        chosen.group(product)
        mine = products == product
        rows[product] = FeatureRows(batch_ids[mine], features[mine])
    return chosen, rows


def _only_location(table: TextTable, location: str | None) -> str:
    found = sorted(set(table.column(LOCATION))) if location is None else [location]
    if len(found) > 1:
        raise DataError(
            "the file holds batches of several locations",
            where=table.file,
            found=some_of(found),
            expected="one location, since each has features of its own",
            hint="predict one file per location",
        )
    return str(found[0])


def _check_columns(table: TextTable, model: LocationModel, keys: list[str]) -> None:
    texts = {name: part.column for part in model.recipe.categories for name in part.indicators}
    allowed = [BATCH_ID, LOCATION, PRODUCT_ID, *model.feature_names, *dict.fromkeys(texts.values())]
    needed = [BATCH_ID, *keys]
    missing = [name for name in model.feature_names if not {name, texts.get(name)} & set(table.columns)]
    unknown = [name for name in table.columns if name not in allowed]
    gone = [name for name in needed if name not in table.columns]
    mistyped = [name for name in unknown if did_you_mean(name, [*missing, *gone])]
    problem = DataError(
        f"the columns are not those of the model of {model.location}",
        where=table.file,
        found=f"missing: {some_of([*gone, *missing], most=8) or 'none'}; unknown: "
        + (some_of((f"{name}{did_you_mean(name, [*missing, *gone])}" for name in unknown), most=8) or "none"),
        expected="batch_id, product_id, location and the features of data.csv (or the texts of categories)",
        hint="compare with DataPrep_outputs/location=…/product_id=…/data.csv",
    )
    if gone or mistyped or len(missing) == len(model.feature_names):
        raise problem
    if missing or unknown:
        problem.hint = "what is missing is imputed with the mean of training; what is unknown is not used"
        report_warning(problem)


def _indicators(table: TextTable, model: LocationModel) -> dict[str, NDArray[np.float64]]:
    """The indicators of the categories that the file names as texts, by name. Levels unseen in training are named."""
    found: dict[str, NDArray[np.float64]] = {}
    for category in model.recipe.categories:
        if category.column not in table.columns:
            continue
        texts = table.columns[category.column]
        both = [name for name in category.indicators if name in table.columns]
        if both:
            raise DataError(
                f"the file holds {category.column!r} as a text and as {some_of(both)}",
                where=table.file,
                hint="leave one of them out",
            )
        unseen = [
            f"row {line}: {text!r}" for line, text in zip(table.lines, texts, strict=True) if not category.known(text)
        ]
        if unseen:
            report_warning(
                DataError(
                    f"levels of {category.column!r} that training has not seen",
                    where=table.file,
                    found=some_of(unseen),
                    expected=some_of([category.base, *category.levels, *category.pooled], most=12),
                    hint=f"they count as {OTHER if category.pooled else 'not known'}; expect a larger error",
                )
            )
        found.update(category.encode(texts))
    return found


def _check_batches(
    table: TextTable, batch_ids: NDArray[np.object_], products: NDArray[np.object_], features: NDArray[np.float64]
) -> None:
    """Each row needs ids. A batch may have several rows (tests at several ages), if they differ in a feature."""
    lines = table.lines
    empty = [line for line, ids in zip(lines, zip(batch_ids, products, strict=True), strict=True) if "" in ids]
    first: dict[tuple[str, str, bytes], int] = {}
    twice = []
    for line, batch, product, row in zip(lines, batch_ids, products, features, strict=True):
        earlier = first.setdefault((batch, product, row.tobytes()), line)
        if earlier != line:
            twice.append(f"{batch} (rows {earlier} and {line})")
    if empty or twice:
        raise DataError(
            "rows have no batch_id or product_id" if empty else "batches stand twice, with the same features",
            where=table.file,
            found=some_of((f"row {line}" for line in empty) if empty else twice),
            expected="ids in every row, and each batch once, or with other features in each of its rows",
            hint="correct the file",
        )
    refuse_twins(sorted(set(batch_ids.tolist())), what="batch ids", where=table.file)


def _feature(table: TextTable, name: str) -> NDArray[np.float64]:
    import numpy as np

    numbers, unreadable = to_numbers(table.column(name))
    wrong = sorted({*unreadable, *np.flatnonzero(np.abs(numbers) > MAX_MAGNITUDE).tolist()})
    if wrong:
        raise DataError(
            f"{len(wrong)} cells of {name!r} are no numbers, or beyond {MAX_MAGNITUDE:g}",
            where=table.file,
            found=some_of(f"row {table.lines[place]}: {table.column(name)[place]!r}" for place in wrong),
            expected="finite numbers, or empty cells where nothing was measured",
        )
    return numbers

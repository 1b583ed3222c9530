"""The levels of the categorical features of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.common.errors import DataError, SettingsError, did_you_mean, some_of
from src.common.paths import refuse_look_alikes, refuse_twins
from src.data_preparation.batchai.category_description import OTHER, Category, CategoryDescription
from src.data_preparation.batchai.joined_export import JoinedExport, Rejection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def categorical_features(
    export: JoinedExport, order: NDArray[np.int64], measured: NDArray[np.bool_], rejections: list[Rejection]
) -> tuple[tuple[Category, ...], dict[str, NDArray[np.float64]]]:
    """Find the levels of all categories, and encode them.

    Args:
        export: The joined export.
        order: Shape (rows,): the rows to take, in this order.
        measured: Shape (rows,): which of them training will see; they decide the levels.
        rejections: Gains the texts that are no level of training.

    Returns:
        The categories, and their indicators: shape (rows,) each, by name.

    Raises:
        SettingsError: The description names a column or a level that is not there.
        DataError: Levels can't be told apart, or none of them is frequent.
    """
    import numpy as np

    categories = []
    columns: dict[str, NDArray[np.float64]] = {}
    batches = export.columns[export.description.batch_id][order]
    for described in export.description.categories:
        texts = _levels(export, described)[order]
        category = _category(export, described, texts[measured], batches[measured])
        categories.append(category)
        columns.update(category.encode(texts))
        as_what = OTHER if category.pooled else "not known"
        for place in np.flatnonzero([not category.known(text) for text in texts]).tolist():
            if not measured[place]:
                reason = f"no measured batch has this level; it counts as {as_what}"
                rejections.append(export.reject(int(order[place]), reason, column=described.column))
    clash = sorted(set(columns) & set(export.columns))
    if clash:
        raise SettingsError(
            f"levels have the names of columns: {some_of(clash)}",
            where=f"categories of {export.description.location}",
            hint="rename the columns in the export",
        )
    return tuple(categories), columns


def _levels(export: JoinedExport, described: CategoryDescription) -> NDArray[np.object_]:
    import numpy as np

    missing = export.description.tables[export.table_of[described.column]].missing
    texts = export.columns[described.column]
    return np.where(np.isin(texts.astype(str), missing), "", texts)


def _category(
    export: JoinedExport,
    described: CategoryDescription,
    texts: NDArray[np.object_],
    batches: NDArray[np.object_],
) -> Category:
    where = f"{export.description.location}, column {described.column!r}"
    members: dict[str, set[str]] = {}
    for text, batch in zip(texts, batches, strict=True):
        if text:
            members.setdefault(text, set()).add(batch)
    refuse_twins(sorted(members), what="levels", where=where)
    refuse_look_alikes(sorted(members), what="levels", where=where)
    frequent = sorted(level for level, found in members.items() if len(found) >= described.rare and level != OTHER)
    if described.base and described.base not in frequent:
        raise SettingsError(
            f"categories: {described.column}: base: {described.base!r} is no level with {described.rare} or more"
            f" measured batches{did_you_mean(described.base, members)}",
            where=where,
            found=some_of(f"{level} ({len(found)})" for level, found in sorted(members.items())),
            hint="correct base or rare in location.yml, or leave base out for the most frequent level",
        )
    if not frequent:
        raise DataError(
            f"no level stands in {described.rare} or more measured batches",
            where=where,
            found=some_of(f"{level} ({len(found)})" for level, found in sorted(members.items())) or "no level",
            hint="say a smaller rare in location.yml, or leave the category out: it may be an id",
        )
    base = described.base or max(frequent, key=lambda level: len(members[level]))
    return Category(
        described.column,
        base,
        tuple(level for level in frequent if level != base),
        tuple(sorted(set(members) - set(frequent))),
    )

"""Today's columns and those of a model, matched by name.

An export changes: a column is gone or does not vary any more (data preparation leaves it out then), another one is new,
a category has other levels. What the model knows is given to it in its order; what is not there counts as not measured,
and is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.common.errors import DataError, did_you_mean, some_of
from src.data_preparation.batchai.category_description import OTHER, Category
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.model import MADE_BY, LocationModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Matching:
    """How the columns of today become the features of a model.

    Attributes:
        names: The features of the model.
        today: The columns of today.
        categories: Categories of the model whose levels are others today, and what they are today, by column.
        missing: Features of the model that are not there today.
        unknown: Columns of today that the model does not know.
    """

    names: tuple[str, ...]
    today: tuple[str, ...]
    categories: Mapping[str, tuple[Category, Category]]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows of today, shape (rows, columns), as rows of the model: shape (rows, features), NaN where missing."""
        import numpy as np

        columns = {name: features[:, place] for place, name in enumerate(self.today)}
        for ours, theirs in self.categories.values():
            columns.update(_levels_of_model(ours, theirs, columns))
        absent = np.full(len(features), np.nan)
        return np.column_stack([columns.get(name, absent) for name in self.names])

    def sentences(self) -> Iterator[str]:
        """What people have to know."""
        if self.missing:
            yield f"imputed with the mean of training, since today's data has no {some_of(self.missing, most=8)}"
        if self.unknown:
            near = [f"{name}{did_you_mean(name, self.missing)}" for name in self.unknown]
            yield f"not known to the model, and not used: {some_of(near, most=8)}"


def match_features(model: LocationModel, prepared: PreparedLocation) -> Matching:
    """Match the columns of prepared data with the features of a model.

    Raises:
        DataError: None of the model's features is there.
    """
    theirs = {category.column: category for category in prepared.recipe.categories}
    both = {
        ours.column: (ours, theirs[ours.column])
        for ours in model.recipe.categories
        if ours.column in theirs and theirs[ours.column] != ours
    }
    there, known = set(prepared.feature_names), set(model.feature_names)
    for ours, other in both.values():
        there |= set(ours.indicators)
        known |= set(other.indicators)
    if not there & set(model.feature_names):
        raise DataError(
            f"the prepared data of {model.location} has no feature of the model",
            found=some_of(prepared.feature_names, most=12) or "no feature",
            expected=some_of(model.feature_names, most=12),
            hint=f"train again on this data: {MADE_BY}",
        )
    return Matching(
        model.feature_names,
        prepared.feature_names,
        both,
        tuple(name for name in model.feature_names if name not in there),
        tuple(name for name in prepared.feature_names if name not in known),
    )


def _levels_of_model(
    ours: Category, theirs: Category, columns: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """The indicators of a model's category from those of today, which stand for other levels.

    A level that the model does not know counts as `Category.encode` has it. What today pools can't be told apart.
    """
    import numpy as np

    names = [*theirs.levels, *([OTHER] if theirs.pooled else [])]
    given = [columns[name] for name in theirs.indicators if name in columns]
    if len(given) != len(names):  # preparation left one out: nobody can tell
        return {}
    shares = dict(zip(names, given, strict=True))
    shares[theirs.base] = 1 - np.sum(given, axis=0)
    pooled = shares.get(OTHER, np.zeros_like(shares[theirs.base]))
    unclear = (pooled > 0) & any(level in theirs.pooled for level in (ours.base, *ours.levels))
    new = sum(
        (share for level, share in shares.items() if level not in (ours.base, *ours.levels)),
        start=np.zeros_like(pooled),
    )
    found = {f"{ours.column}={level}": shares.get(level, np.zeros_like(pooled)) for level in ours.levels}
    if ours.pooled:
        found[f"{ours.column}={OTHER}"] = new
    else:
        unclear = unclear | (new > 0)
    return {name: np.where(unclear, np.nan, share) for name, share in found.items()}

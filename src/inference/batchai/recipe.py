"""What a batch becomes when something is added to it or taken out, by the recipe of its location.

A change is given per unit of the batch as it is: 10 kg of water into a cubic metre of concrete is 10 kg/m³. What is
added makes the batch larger, and so dilutes every content of it: with ``v_j`` the volume that a unit of ``j`` adds, a
content ``x_i`` becomes ``(x_i + d_i) / (1 + Σ v_j · d_j)``. Derived features are computed anew from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.expressions import parse_expression

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def changing_features(recipe: Recipe, feature_names: Sequence[str]) -> tuple[str, ...]:
    """The features that a change may move, in the order of `feature_names`."""
    moved = {item.name for item in recipe.adjustable} | set(recipe.per_volume) | set(recipe.derived)
    return tuple(name for name in feature_names if name in moved)


def apply(
    recipe: Recipe, feature_names: Sequence[str], features: NDArray[np.float64], changes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the features of a batch after changes.

    Args:
        recipe: What can be changed, and what follows from it.
        feature_names: The names of the features.
        features: Shape (features,): the batch as it is.
        changes: Shape (trials, adjustable): added (or, below zero, removed) amounts in the units of `adjustable`.

    Returns:
        Shape (trials, features); NaN where a derived feature has no value.
    """
    import numpy as np

    columns: dict[str, NDArray[np.float64]] = {
        name: np.full(len(changes), value) for name, value in zip(feature_names, features.tolist(), strict=True)
    }
    growth = 1 + changes @ np.array([item.volume_per_unit for item in recipe.adjustable])
    for item, change in zip(recipe.adjustable, changes.T, strict=True):
        columns[item.name] = columns[item.name] + change
    for name in recipe.per_volume:
        columns[name] = columns[name] / growth
    for name, text in recipe.derived.items():
        values = parse_expression(text).evaluate(columns)
        columns[name] = np.where(np.isfinite(values), values, np.nan)
    return np.column_stack([columns[name] for name in feature_names])

"""Features as a person knows them: the indicator columns of a category are one feature, with a level as its value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from src.data_preparation.batchai.category_description import Category


@dataclass(frozen=True)
class ShownFeature:
    """A feature as it is shown.

    Attributes:
        name: Its name; of a category, the column of its texts.
        places: Where its columns stand among those of the model: one, or the indicators of a category.
        category: The category; None for a number.
    """

    name: str
    places: tuple[int, ...]
    category: Category | None = None

    def value(self, row: Sequence[float]) -> float | str:
        """The value in a row of the model's features; a level of a category, empty where it is not known."""
        if self.category is None:
            return row[self.places[0]]
        return self.category.level([row[place] for place in self.places])


def shown_features(names: Sequence[str], categories: Sequence[Category]) -> list[ShownFeature]:
    """Gather the columns of a model into the features that are shown.

    Args:
        names: The names of the model's columns.
        categories: The categories of the location. One whose indicators are not all among the columns (training may
            have left a copy out) is shown column by column.

    Returns:
        The features, where their first column stands.
    """
    places = {name: place for place, name in enumerate(names)}
    whole = [part for part in categories if part.indicators and all(name in places for name in part.indicators)]
    category_of = {name: part for part in whole for name in part.indicators}
    found: dict[str, ShownFeature] = {}
    for name, place in places.items():
        category = category_of.get(name)
        if category is None:
            found[name] = ShownFeature(name, (place,))
        elif category.column not in found:
            indicators = tuple(places[indicator] for indicator in category.indicators)
            found[category.column] = ShownFeature(category.column, indicators, category)
    return list(found.values())

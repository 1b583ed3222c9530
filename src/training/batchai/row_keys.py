"""The columns that say what a row of a model's tables is of."""

from __future__ import annotations

from collections.abc import Sequence

from src.common.csv_columns import Texts

KEYS = ("location", "product_id", "target")


def key_columns(location: str, pairs: Sequence[tuple[str, str]]) -> list[Texts]:
    """The key columns of rows that stand for (product_id, target) each: location, product_id, target."""
    return [Texts.of([location] * len(pairs)), *(Texts.of([pair[place] for pair in pairs]) for place in (0, 1))]

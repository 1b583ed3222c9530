"""Categorical features: what ``categories`` of a location.yml says, and what becomes of it.

A category has a base level, and a column for each other level that is 1 where the batch has it: its coefficient says
how the level differs from the base. Levels with few measured batches share the column of `OTHER`, since nothing can be
said of each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from src.data_preparation.batchai.yaml_section import Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OTHER = "(other)"
RARE = 5


@dataclass(frozen=True)
class CategoryDescription:
    """How a column of texts is to be used.

    Attributes:
        column: The column.
        base: The level that the others are compared with; empty for the most frequent one.
        rare: Levels with fewer measured batches are pooled.
    """

    column: str
    base: str = ""
    rare: int = RARE


@dataclass(frozen=True)
class Category:
    """A categorical feature as training sees it.

    Attributes:
        column: The column of the texts.
        base: The level without an indicator.
        levels: The levels with one of their own, sorted.
        pooled: The levels that share that of `OTHER`, sorted; empty where there is no such indicator.
    """

    column: str
    base: str
    levels: tuple[str, ...]
    pooled: tuple[str, ...] = ()

    @property
    def indicators(self) -> tuple[str, ...]:
        """The names of the columns: ``supplier=B``."""
        return tuple(f"{self.column}={level}" for level in (*self.levels, *([OTHER] if self.pooled else [])))

    def known(self, text: str) -> bool:
        """Whether a text is a level of training, or a gap."""
        return not text or text == self.base or text in self.levels or text in self.pooled

    def encode(self, texts: Sequence[str] | NDArray[np.object_]) -> dict[str, NDArray[np.float64]]:
        """The indicators of rows.

        Args:
            texts: Shape (rows,): levels; empty where not known. A level that training has not seen counts as `OTHER`,
                or as not known where nothing is pooled.

        Returns:
            Shape (rows,) each, by name; NaN where the level is not known.
        """
        import numpy as np

        cells = np.asarray(texts, dtype=object)
        seen = np.array([self.known(text) for text in cells], dtype=bool)
        gap = (cells == "") | (~seen & (not self.pooled))
        columns = {level: cells == level for level in self.levels}
        if self.pooled:
            columns[OTHER] = ~seen | np.array([text in self.pooled for text in cells], dtype=bool)
        return {f"{self.column}={level}": np.where(gap, np.nan, there * 1.0) for level, there in columns.items()}

    def level(self, values: Sequence[float]) -> str:
        """The level that the indicators of a row stand for; empty where it is not known.

        Args:
            values: Shape (indicators,), in their order. A mix of levels is said as such: ``0.5 B + 0.5 C``.
        """
        if any(math.isnan(value) for value in values):
            return ""
        names = (*self.levels, *([OTHER] if self.pooled else []))
        found = [(value, name) for value, name in zip(values, names, strict=True) if value]
        if not found:
            return self.base
        return (
            found[0][1] if found[0][0] == len(found) == 1 else " + ".join(f"{value:g} {name}" for value, name in found)
        )

    def facts(self) -> dict[str, Any]:
        """The category as JSON values."""
        return {**asdict(self), "levels": list(self.levels), "pooled": list(self.pooled)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Category:
        """Read what `facts` gave."""
        return cls(facts["column"], facts["base"], tuple(facts["levels"]), tuple(facts["pooled"]))


def read_categories(section: Section) -> tuple[CategoryDescription, ...]:
    """Read ``categories`` of a location.yml; what is wrong is noted in the section."""
    found = []
    for column, part in section.named_sections("categories"):
        rare = part.number("rare", default=RARE, minimum=1, maximum=1_000_000)
        found.append(CategoryDescription(column, part.text("base", default=""), int(rare)))
        part.finish()
    return tuple(found)

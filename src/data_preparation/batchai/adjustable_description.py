"""What can be changed in a batch, and what changes with it: ``adjustable`` and ``per_volume`` of a location.yml.

The recipe that they make is kept with the prepared data and the model; what a change does is computed when a batch is
adjusted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from src.common.errors import SettingsError, did_you_mean, some_of
from src.data_preparation.batchai.category_description import Category
from src.data_preparation.batchai.expressions import Expression
from src.data_preparation.batchai.yaml_section import Section

MOST = 1e12
"""No amount and no cost is larger."""
CHEAPEST = 1e-9
"""What costs nothing has no smallest amount."""


@dataclass(frozen=True)
class Adjustable:
    """A feature that can still be changed when a batch is off target.

    Attributes:
        name: The feature.
        unit: Its unit.
        max_addition: How much may be added to a batch at the most.
        max_removal: How much may be taken out; 0 for what can't be.
        cost: What one unit of change costs, up or down, in any currency.
        volume_per_unit: By what share of the batch one unit makes it larger, such as m³ of a kilogram per m³.
    """

    name: str
    unit: str = ""
    max_addition: float = 0.0
    max_removal: float = 0.0
    cost: float = 1.0
    volume_per_unit: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How the features of a batch follow from what is changed in it.

    Attributes:
        adjustable: What can be changed.
        per_volume: Features that are contents of the batch, so that every addition dilutes them.
        derived: Expressions of the derived features that change too, by name, each after those that it reads.
        categories: How texts of a batch become indicators.
    """

    adjustable: tuple[Adjustable, ...] = ()
    per_volume: tuple[str, ...] = ()
    derived: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[Category, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.adjustable or self.categories)

    def facts(self) -> dict[str, Any]:
        """The recipe as JSON values, for a manifest or a model."""
        return {
            "adjustable": [asdict(item) for item in self.adjustable],
            "per_volume": list(self.per_volume),
            "derived": dict(self.derived),
            **({"categories": [category.facts() for category in self.categories]} if self.categories else {}),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any] | None) -> Recipe:
        """Read what `facts` gave; None stands for a location where nothing is adjustable."""
        if not facts:
            return cls()
        items = tuple(Adjustable(**item) for item in facts["adjustable"])
        categories = tuple(Category.from_facts(item) for item in facts.get("categories", ()))
        return cls(items, tuple(facts["per_volume"]), dict(facts["derived"]), categories)


def read_adjustable(section: Section) -> tuple[Adjustable, ...]:
    """Read ``adjustable`` of a location.yml; what is wrong is noted in the section."""
    return tuple(_adjustable(name, part) for name, part in section.named_sections("adjustable"))


def _adjustable(name: str, part: Section) -> Adjustable:
    item = Adjustable(
        name=name,
        unit=part.text("unit", default=""),
        max_addition=part.number("max_addition", default=0, minimum=0, maximum=MOST),
        max_removal=part.number("max_removal", default=0, minimum=0, maximum=MOST),
        cost=part.number("cost", default=1, minimum=CHEAPEST, maximum=MOST),
        volume_per_unit=part.number("volume_per_unit", default=0, minimum=0, maximum=MOST),
    )
    part.finish()
    if item.max_addition == item.max_removal == 0:
        part.problem("max_addition", "is missing or 0, and max_removal too: nothing can be changed")
    return item


def make_recipe(
    adjustable: Sequence[Adjustable],
    *,
    per_volume: Collection[str],
    derived: Mapping[str, Expression],
    features: Sequence[str],
    divisors: Collection[str],
    where: str,
) -> Recipe:
    """Work out which features change with what is adjustable, and check that all of them can be computed.

    Args:
        adjustable: What the description says can be changed.
        per_volume: The features that are contents of a batch.
        derived: The derived features, each after those that it reads.
        features: The features that the prepared data has.
        divisors: Columns that others are divided by.
        where: The place to look at, for the error.

    Raises:
        SettingsError: Something adjustable is no feature, or changes a feature that can't be computed again.
    """
    problems = [
        _why_not(item.name, derived, features, divisors)
        for item in adjustable
        if item.name not in features or item.name in derived or item.name in divisors
    ]
    diluted = tuple(name for name in features if name in per_volume) if _grows(adjustable) else ()
    moved = {item.name for item in adjustable} | (set(per_volume) if diluted else set())
    known = set(features)
    again: dict[str, str] = {}
    for name, expression in derived.items():
        if adjustable and moved & set(expression.columns):
            moved.add(name)
            unknown = [column for column in expression.columns if column not in known]
            if not unknown:
                again[name] = expression.text
                known.add(name)
            elif name in features:
                reads = some_of(unknown)
                problems.append(f"adjustable: {name} changes, but reads {reads}, which is no feature of the data")
    if problems:
        raise SettingsError("\n".join(problems), where=where, hint="correct adjustable in location.yml")
    return Recipe(tuple(adjustable), diluted, again)


def _grows(adjustable: Sequence[Adjustable]) -> bool:
    return any(item.volume_per_unit for item in adjustable)


def _why_not(name: str, derived: Mapping[str, Expression], features: Sequence[str], divisors: Collection[str]) -> str:
    if name in derived:
        return f"adjustable: {name} is derived; name what it is computed from"
    if name in divisors:
        return f"adjustable: {name} is what others are divided by (normalise)"
    return f"adjustable: {name} is no feature of the data{did_you_mean(name, features)}"

"""An adjustment as the rows of ``adjustment.csv``, and in a few lines for a person."""

from __future__ import annotations

import math
from collections.abc import Iterator

from src.common.console import format_table
from src.common.errors import some_of
from src.inference.batchai.adjustment import Adjustment, Outcome
from src.inference.batchai.recipe import changing_features
from src.training.batchai.intervals import COVERAGE
from src.training.batchai.model import LocationModel

HEADER = (
    *("location", "product_id", "batch_id", "row", "outcome", "kind", "name", "unit"),
    *("before", "change", "after", "lower", "upper", "lowest", "highest", "cost", "binding"),
)
"""`kind` is ``adjustable`` (what to add; ``lowest`` and ``highest`` are its bounds), ``feature`` (one that changes with
it; they are the range of training) or ``target`` (``lower`` and ``upper`` are the interval, they are its limits)."""


def adjustment_rows(location: LocationModel, adjustment: Adjustment) -> Iterator[tuple[object, ...]]:
    """The rows of one batch, as `HEADER` names them."""
    batch = adjustment.batch
    key = (location.location, batch.product_id, batch.batch_id, batch.row, adjustment.outcome.value)
    names = location.feature_names
    binding = "; ".join(adjustment.binding)
    for item, change in zip(location.recipe.adjustable, adjustment.changes.tolist(), strict=True):
        place = names.index(item.name)
        ends = (float(batch.features[place]), change, float(adjustment.features[place]))
        bounds = (-item.max_removal, item.max_addition)
        yield (*key, "adjustable", item.name, item.unit, *ends, None, None, *bounds, abs(change) * item.cost, "")
    for name in changing_features(location.recipe, names):
        place = names.index(name)
        before, after = float(batch.features[place]), float(adjustment.features[place])
        least = max(float(goal.model.minimum[place]) for goal in adjustment.goals)
        most = min(float(goal.model.maximum[place]) for goal in adjustment.goals)
        yield (*key, "feature", name, "", before, after - before, after, None, None, least, most, None, "")
    for goal in adjustment.goals:
        before = goal.estimate(location, batch.features).value
        found = goal.estimate(location, adjustment.features)
        ends = (before, found.value - before, found.value)
        interval, limits = map(_finite, ((found.lower, found.upper), (goal.lower, goal.upper)))
        yield (*key, "target", goal.name, goal.unit, *ends, *interval, *limits, adjustment.cost, binding)


def _finite(ends: tuple[float, float]) -> tuple[float | None, float | None]:
    """Two ends of a range, None where open."""
    lower, upper = (end if math.isfinite(end) else None for end in ends)
    return lower, upper


def describe(location: LocationModel, adjustment: Adjustment) -> str:
    """Say what to change and what it leads to, in a few lines."""
    batch = adjustment.batch
    lines = [f"batch {batch.batch_id} (row {batch.row}) of {batch.product_id}: {adjustment.outcome.value}"]
    changes = [
        (f"{'add' if change > 0 else 'remove'} {abs(change):.4g} {item.unit} {item.name}", abs(change) * item.cost)
        for item, change in zip(location.recipe.adjustable, adjustment.changes.tolist(), strict=True)
        if change
    ]
    if changes:
        what = "as near as one gets" if adjustment.outcome is Outcome.NO_SOLUTION else "to do"
        listed = ", ".join(text for text, _ in changes)
        lines.append(f"  {what}: {listed} (cost {adjustment.cost:.4g})")
    if adjustment.binding:
        what = "what stops it" if adjustment.outcome is Outcome.NO_SOLUTION else "what decides"
        lines.append(f"  {what}: {'; '.join(adjustment.binding)}")
    rows = []
    for goal in adjustment.goals:
        before = goal.estimate(location, batch.features).value
        found = goal.estimate(location, adjustment.features)
        interval = f"{found.lower:.4g} to {found.upper:.4g}" if math.isfinite(found.lower) else "not known"
        lower, upper = _finite((goal.lower, goal.upper))
        limits = " to ".join("open" if end is None else f"{end:.4g}" for end in (lower, upper))
        rows.append((goal.name, goal.unit, before, found.value, interval, limits, goal.name in batch.measured))
    header = ("target", "unit", "before", "after", f"{COVERAGE:.0%} interval", "limits", "measured")
    lines.append(format_table(header, [(*row[:-1], "yes" if row[-1] else "no") for row in rows]))
    outside = sorted(
        {text for goal in adjustment.goals for text in goal.estimate(location, adjustment.features).outside}
    )
    if outside:
        lines.append(f"  outside the range seen in training: {some_of(outside)}")
    return "\n".join(lines)

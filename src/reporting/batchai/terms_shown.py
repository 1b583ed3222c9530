"""What the page shows of a model's curves and products of features: drawn where they say more than nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from src.reporting.batchai.feature_data import Range
from src.reporting.batchai.shapes import in_words
from src.reporting.batchai.sources import Coefficient
from src.training.batchai.terms import Curve

PLACES = 101
STRAIGHT, UNSURE = "nearly straight", ", or is straight: the band holds both"
VISIBLE = 0.25
"""A curve that leaves its line by this share of the target's standard deviation is drawn in any case."""


@dataclass(frozen=True)
class ShownCurve:
    """A curve with the line of its feature.

    Attributes:
        feature: The feature.
        slope: The slope of its line.
        knots: Where the deviation from the line is given.
        values: The deviations.
        lower: The lower ends of their intervals.
        upper: The upper ends.
        seen: What was seen of the feature in training.
        words: What it looks like.
        drawn: Whether it leaves its line, by its size or beyond doubt.
        span: From the lowest to the highest point of line and curve together, in the unit of the target.
    """

    feature: str
    slope: float
    knots: Sequence[float]
    values: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    seen: Range
    words: str
    drawn: bool
    span: float


@dataclass(frozen=True)
class ShownPair:
    """Two features that act together.

    Attributes:
        features: The two.
        slopes: The slopes of their lines.
        coefficient: That of the product of their distances from their means.
        lower: The lower end of its interval.
        upper: The upper end.
        seen: What was seen of the two in training.
        words: What it says.
        drawn: Whether the interval leaves zero out.
        span: How far it moves the target from one corner of the ranges to another.
    """

    features: tuple[str, str]
    slopes: tuple[float, float]
    coefficient: float
    lower: float
    upper: float
    seen: tuple[Range, Range]
    words: str
    drawn: bool
    span: float


def curves_of(lines: Sequence[Coefficient], ranges: Mapping[str, Range], *, spread: float) -> list[ShownCurve]:
    """The curves of a model, those that are drawn first, and of these the one that moves the target most.

    Args:
        lines: All rows of the model in ``coefficient.csv``.
        ranges: What was seen of the features in training.
        spread: The standard deviation of the target, on the scale on which it is fitted.
    """
    rows = [line for line in lines if line.term == "curve"]
    slopes = _slopes(lines)
    found = [
        _curve(feature, list(part), slopes.get(feature, 0.0), ranges[feature], VISIBLE * spread)
        for feature, part in groupby(rows, key=lambda line: line.feature)
    ]
    return sorted(found, key=lambda curve: (not curve.drawn, -curve.span))


def pairs_of(lines: Sequence[Coefficient], ranges: Mapping[str, Range]) -> list[ShownPair]:
    """The pairs of a model in the same order, from the same rows and ranges."""
    slopes = _slopes(lines)
    found = [_pair(line, slopes, ranges) for line in lines if line.term == "pair"]
    return sorted(found, key=lambda pair: (not pair.drawn, -pair.span))


def _slopes(lines: Sequence[Coefficient]) -> dict[str, float]:
    return {line.feature: line.value or 0.0 for line in lines if line.term == "line"}


def _curve(feature: str, rows: Sequence[Coefficient], slope: float, seen: Range, visible: float) -> ShownCurve:
    import numpy as np

    knots, values, lower, upper = (
        [getattr(row, name) or 0.0 for row in rows] for name in ("at", "value", "lower", "upper")
    )
    places = np.linspace(seen.minimum, seen.maximum, PLACES, dtype=np.float64)
    effect = slope * places + Curve(0, np.array(knots), np.array(values), np.zeros(len(knots))).at(places)
    sure = max(lower) > 0 or min(upper) < 0
    drawn = sure or max(values) - min(values) >= visible
    words = in_words(places, effect) + ("" if sure else UNSURE) if drawn else STRAIGHT
    span = float(effect.max() - effect.min())
    return ShownCurve(feature, slope, knots, values, lower, upper, seen, words, drawn, span)


def _pair(line: Coefficient, slopes: Mapping[str, float], ranges: Mapping[str, Range]) -> ShownPair:
    names = (line.feature, line.with_feature)
    seen = (ranges[names[0]], ranges[names[1]])
    value, lower, upper = line.value or 0.0, line.lower or 0.0, line.upper or 0.0
    return ShownPair(
        features=names,
        slopes=(slopes.get(names[0], 0.0), slopes.get(names[1], 0.0)),
        coefficient=value,
        lower=lower,
        upper=upper,
        seen=seen,
        words=f"the slope of {names[0]} {'rises' if value > 0 else 'falls'} with {names[1]}",
        drawn=lower > 0 or upper < 0,
        span=abs(value) * (seen[0].maximum - seen[0].minimum) * (seen[1].maximum - seen[1].minimum),
    )

"""Training sets with curves and pairs: their further columns, and the way from coefficients to curves and back.

In a training set a column of a curve is independent of the constant and of its feature's line; a pair is the product of
two standardised features about its mean, standardised, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from src.training.batchai.ridge.averaging import Averaged
from src.training.batchai.ridge.bases import cubes
from src.training.batchai.ridge.designs import Design
from src.training.batchai.ridge.pairs import log_prior
from src.training.batchai.ridge.problems import Problem
from src.training.batchai.ridge.training_sets import Further, TrainingSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HUGE = 1e60
"""What is borrowed is clipped at this: where units of products differ, its squares would not be finite."""


def _nothing() -> NDArray[np.float64]:
    import numpy as np

    return np.empty(0)


@dataclass(frozen=True)
class Expanded:
    """Training sets, with further columns where a model has curves or pairs.

    Attributes:
        sets: The training sets.
        design: Their design; None in a linear model, like all that follows.
        shared: Shape (sets, columns, rows): lines, curves and pairs as the design has them, the same in all products of
            a location; about their means, 0 where a row is not taken.
        curve_mean: Shape (sets, curves, columns): the mean of the design's columns.
        curve_slope: The same shape: how much of a feature's standardised line is in them.
        pair_mean: Shape (sets, pairs): the mean of the products of standardised features.
        pair_spread: Shape (sets, pairs): their standard deviation; infinite for a constant one.
    """

    sets: TrainingSets
    design: Design | None = None
    shared: NDArray[np.float64] = field(default_factory=_nothing)
    curve_mean: NDArray[np.float64] = field(default_factory=_nothing)
    curve_slope: NDArray[np.float64] = field(default_factory=_nothing)
    pair_mean: NDArray[np.float64] = field(default_factory=_nothing)
    pair_spread: NDArray[np.float64] = field(default_factory=_nothing)

    @property
    def of_design(self) -> Design:
        """The design of sets that have one."""
        if self.design is None:
            raise TypeError("a linear model has no design")
        return self.design

    @property
    def per_spread(self) -> NDArray[np.float64]:
        """Shape (sets, features): standard deviations in those of the design; 0 for a constant feature."""
        return self.sets.finite_scale / self.of_design.spread

    def to_own(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is borrowed as coefficients of the sets' columns.

        Args:
            coefficients: Shape (some sets, columns, targets): of the first sets, of the columns as the design has them
                or, in linear models, of the features in their units.
        """
        import numpy as np

        count = len(coefficients)
        if self.design is None:
            return np.clip(coefficients * self.sets.finite_scale[:count, :, None], -HUGE, HUGE)
        every = np.zeros((len(self.sets.scale), *coefficients.shape[1:]))
        every[:count] = coefficients
        return np.clip(self._to_own(every)[:count], -HUGE, HUGE)

    def _to_own(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np

        design, sets = self.of_design, self.sets
        features, curves = sets.scale.shape[1], design.knots.shape[1]
        lines, curved, pairs = np.split(coefficients, [features, features + curves * design.slope.shape[2]], axis=1)
        ratio, place = self.per_spread, np.arange(len(sets.scale))[:, None]
        shift = (sets.fill - design.center) / design.spread
        lines = lines * ratio[:, :, None]
        in_curves = (
            curved.reshape(len(lines), curves, design.slope.shape[2], lines.shape[2]) * self.varies[:, :, None, None]
        )
        lines[:, design.curved] += (self.curve_slope[..., None] * in_curves).sum(axis=2)
        one, other = design.pairs[:, :, 0], design.pairs[:, :, 1]
        for first, second in ((one, other), (other, one)):
            np.add.at(lines, (place, first), pairs * (ratio[place, first] * shift[place, second])[..., None])
        size = ratio[place, one] * ratio[place, other] * np.where(np.isinf(self.pair_spread), 0, self.pair_spread)
        return np.concatenate([lines, in_curves.reshape(curved.shape), pairs * size[..., None]], axis=1)

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Shape (sets, curves)."""
        import numpy as np

        return np.isfinite(self.sets.scale[:, self.of_design.curved])

    @cached_property
    def at_knots(self) -> NDArray[np.float64]:
        """What each column of a curve is at the knots. Shape (sets, curves, knots, columns)."""
        design, sets = self.of_design, self.sets
        columns = cubes(design.knots, design.knots).swapaxes(2, 3) @ design.transform
        columns -= design.knots[..., None] * design.slope[:, :, None]
        values = design.knots * design.spread[:, design.curved, None] + design.center[:, design.curved, None]
        own = (values - sets.fill[:, design.curved, None]) / sets.scale[:, design.curved, None]
        columns -= self.curve_mean[:, :, None] + own[..., None] * self.curve_slope[:, :, None]
        columns *= self.varies[:, :, None, None]
        return columns


def band_errors(made: Expanded, averaged: Averaged) -> NDArray[np.float64]:
    """The standard errors of the curves of the first set at their knots, in deviations of the targets.

    A curve is shrunk, so its distance from one that is hardly shrunk is part of its error.

    Returns:
        Shape (curves, knots, targets).
    """
    import numpy as np

    if made.design is None:
        return averaged.knot_errors
    curves, columns = made.design.slope.shape[1:]
    start = made.sets.scale.shape[1]
    place = slice(start, start + curves * columns)
    shift = (averaged.wide[0, place] - averaged.coefficients[0, place]).reshape(curves, columns, averaged.wide.shape[2])
    errors: NDArray[np.float64] = np.sqrt(np.square(averaged.knot_errors) + np.square(made.at_knots[0] @ shift))
    return errors


def shared_columns(problem: Problem, sets: TrainingSets, design: Design) -> NDArray[np.float64]:
    """The columns that are the same in all products of a location: see `Expanded.shared`."""
    standard = design.standardise(_imputed(problem, sets))
    curves = design.curves(standard)
    return _shared(
        standard, curves.reshape(len(curves), curves.shape[1] * curves.shape[2], curves.shape[3]), sets, design
    )


def _shared(
    standard: NDArray[np.float64], curves: NDArray[np.float64], sets: TrainingSets, design: Design
) -> NDArray[np.float64]:
    import numpy as np

    place = np.arange(len(standard))[:, None]
    products = standard[place, design.pairs[:, :, 0]] * standard[place, design.pairs[:, :, 1]]
    shared: NDArray[np.float64] = np.concatenate([standard, curves, products], axis=1)
    shared -= (shared @ sets.taken[:, :, None]) / sets.rows[:, None, None]
    shared *= sets.taken[:, None]
    return shared


def _imputed(problem: Problem, sets: TrainingSets) -> NDArray[np.float64]:
    """The features of the rows, with the means of each set for missing ones. Shape (sets, features, rows)."""
    import numpy as np

    features = problem.features.T
    return np.where(np.isnan(features), sets.fill[:, :, None], features)


def expand(problem: Problem, sets: TrainingSets, design: Design) -> Expanded:
    """Add curves and pairs to training sets of a problem.

    Args:
        problem: The problem.
        sets: Its training sets.
        design: The designs of these sets.
    """
    import numpy as np

    values = _imputed(problem, sets)
    standard = design.standardise(values)
    taken, rows = sets.taken[:, None], sets.rows[:, None]
    curves = design.curves(standard)
    curves *= taken[:, None]
    curve_mean = curves.sum(axis=3) / rows[..., None]
    curves -= curve_mean[..., None]
    curves *= taken[:, None]
    own = (values - sets.fill[:, :, None]) * (sets.per_scale[:, :, None] * taken)
    lines = own[:, design.curved]
    curve_slope = (curves @ lines[..., None])[..., 0] / rows[..., None]
    place = np.arange(len(standard))[:, None]
    one, other = design.pairs[:, :, 0], design.pairs[:, :, 1]
    pairs = own[place, one] * own[place, other]
    pair_mean = pairs.sum(axis=2) / rows
    pairs = (pairs - pair_mean[:, :, None]) * taken
    pair_spread = np.sqrt(np.square(pairs).sum(axis=2) / rows)
    pair_spread = np.where(pair_spread > 1e-6, pair_spread, np.inf)
    flat = curves.reshape(len(curves), curves.shape[1] * curves.shape[2], curves.shape[3])
    shared = _shared(standard, flat, sets, design)
    curves = curves - curve_slope[..., None] * lines[:, :, None]
    columns = np.concatenate([curves.reshape(flat.shape), pairs / pair_spread[..., None]], axis=1)
    expanded = Expanded(sets, design, shared, curve_mean, curve_slope, pair_mean, pair_spread)
    prior = log_prior(sets.scale.shape[1]) if design.pairs.size else 0.0
    further = Further(columns.transpose(0, 2, 1), expanded.at_knots[0], prior)
    return replace(expanded, sets=replace(sets, further=further))

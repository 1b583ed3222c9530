"""Borrowed strength: what the other products of a location say about a product's coefficients.

``β₀`` of a product is the ridge fit of all others together, in the same training set: what is held out is held out in
all of them.

    β₀ = (Σ_h X_h'X_h + κI)⁻¹ Σ_h X_h'y_h        over the products h other than g

Rows are about their product's own means (every product keeps its own level), features in units of their standard
deviation at the location, targets in units of theirs in the product. ``κ`` has the largest restricted likelihood of the
pooled rows. Partial pooling of this kind goes back to Lindley & Smith (Journal of the Royal Statistical Society B 34
(1972) 1-41); the nearest published method is the pretrained lasso (Craig, Pilanci, Le Menestrel, Narasimhan, Rivas,
Gullaksen, Dehghannasiri, Salzman, Taylor & Tibshirani, Journal of the Royal Statistical Society B (2025)), which offers
each group a share of the pooled fit, too, and penalises its deviation from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from operator import add
from typing import TYPE_CHECKING

from src.training.batchai.ridge.designs import LocationDesign
from src.training.batchai.ridge.evidence import PENALTIES, Decomposed, log_likelihoods
from src.training.batchai.ridge.expansion import Expanded, shared_columns
from src.training.batchai.ridge.pairs import log_prior
from src.training.batchai.ridge.problems import Problem, pooled_earlier
from src.training.batchai.ridge.training_sets import training_sets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_FEATURES = 1_000
"""With more features nothing is borrowed: the sums of a location would not fit in memory."""
WEAKEST = 1e-4
"""The least penalty of the pooled fit, per row."""

SHARED_TERMS = (0.0, 0.03, 0.3, 1.0)
"""The variance of a shared curve and of a shared pair, as multiples of that of a line."""


@dataclass(frozen=True)
class PooledSums:
    """Sums over products of cross-products about their own means; in original units, targets in deviations.

    The sets are all rows; all rows but each fold; and, where the products have parts of time in common, what was there
    before each part that is judged.

    Attributes:
        targets: The targets, measured in the same rows in each of these products.
        products: Shape (sets,): how many products there are.
        rows: Shape (sets,).
        inner: Shape (sets, features, features): ``X'X``.
        cross: Shape (sets, features, targets): ``X'y``.
        squares: Shape (sets, targets): the sums of squares of the targets about their means, in original units.
    """

    targets: tuple[str, ...]
    products: NDArray[np.float64]
    rows: NDArray[np.float64]
    inner: NDArray[np.float64]
    cross: NDArray[np.float64]
    squares: NDArray[np.float64]

    def take(self, sets: NDArray[np.int64]) -> PooledSums:
        """The sums of some of the sets."""
        parts = (self.products, self.rows, self.inner, self.cross, self.squares)
        return PooledSums(self.targets, *(part[sets] for part in parts))

    def counted(self, which: NDArray[np.bool_]) -> PooledSums:
        """The same sums, but nothing in the other sets."""
        if which.all():
            return self
        parts = (self.products, self.rows, self.inner, self.cross, self.squares)
        return PooledSums(self.targets, *(part * which.reshape(-1, *[1] * (part.ndim - 1)) for part in parts))

    def plus(self, other: PooledSums, *, sign: int = 1) -> PooledSums:
        """The sums of both, or without the other."""
        return PooledSums(
            self.targets,
            self.products + sign * other.products,
            self.rows + sign * other.rows,
            self.inner + sign * other.inner,
            self.cross + sign * other.cross,
            self.squares + sign * other.squares,
        )


def sums_of_problem(problem: Problem, folds: int, designs: LocationDesign | None = None) -> PooledSums:
    """What a product says to the others.

    Args:
        problem: The product's targets.
        folds: How many folds there are.
        designs: The curves and pairs of the location; None in linear models.
    """
    import numpy as np

    earlier = pooled_earlier(problem) if problem.timed else np.zeros((0, len(problem.rows)), dtype=bool)
    counted = np.concatenate([np.ones(folds + 1, dtype=bool), earlier.any(axis=1)])
    earlier = earlier | ~counted[folds + 1 :, None]  # a set must have rows; these are not counted
    if designs is not None:
        every = training_sets(problem, [*(problem.folds != fold for fold in range(-1, folds)), *earlier])
        design = designs.of_problem(problem)
        made = Expanded(every, design, shared_columns(problem, every, design))
        return sums_of_sets(problem.targets, made, len(counted)).counted(counted)
    held = sorted(set(problem.folds.tolist()))
    sets = training_sets(problem, [problem.folds >= 0, *(problem.folds != fold for fold in held), *earlier])
    sums = sums_of_sets(problem.targets, Expanded(sets), len(sets.taken))
    place = np.zeros(len(counted), dtype=np.int64)  # a fold that the product has nothing in leaves all its rows
    place[np.asarray(held) + 1] = np.arange(len(held)) + 1
    place[folds + 1 :] = len(held) + 1 + np.arange(len(earlier))
    return sums.take(place).counted(counted)


def sums_of_sets(targets: tuple[str, ...], made: Expanded, count: int) -> PooledSums:
    """The sums of the first of one product's training sets, set by set."""
    import numpy as np

    sets = made.sets
    rows, once = sets.rows[:count], np.ones(count)
    squares = rows[:, None] * sets.unit[:count] ** 2
    if made.design is not None:
        columns = made.shared[:count]
        values = sets.columns[:count, :, sets.width :]
        return PooledSums(targets, once, rows, columns @ columns.transpose(0, 2, 1), columns @ values, squares)
    features = sets.scale.shape[1]
    scale = sets.finite_scale[:count]
    products = sets.cross_products(count) * scale[:, :, None]
    products[:, :, :features] *= scale[:, None]
    return PooledSums(targets, once, rows, products[:, :, :features], products[:, :, features:], squares)


def add_up(sums: Sequence[PooledSums]) -> list[PooledSums]:
    """Add those with the same targets, in their order."""
    total: dict[tuple[str, ...], PooledSums] = {}
    for one in sums:
        total[one.targets] = total[one.targets].plus(one) if one.targets in total else one
    return list(total.values())


@dataclass
class LocationPool:
    """What all products of a location with enough batches say.

    Attributes:
        sums: Their sums, each with other targets.
    """

    sums: Sequence[PooledSums]
    designs: LocationDesign | None = None
    _weights: dict[tuple[int, ...], NDArray[np.float64]] = field(default_factory=dict)
    _blocks: dict[tuple[int, ...], NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, chunks: Sequence[Sequence[PooledSums]], designs: LocationDesign | None = None, *, sharing: float = 1.0
    ) -> LocationPool:
        """Put the sums of a location's products together, chunk by chunk in their order.

        The penalties are found here, once for all products, on one thread: more could change last bits.
        """
        from threadpoolctl import threadpool_limits

        pool = cls(add_up([one for chunk in chunks for one in chunk]), designs)
        with threadpool_limits(limits=1, user_api="blas"):
            for having in {pool._having(name) for part in pool.sums for name in part.targets}:
                sums = [pool.sums[place] for place in having]
                pool._weights[having], pool._blocks[having] = _penalty_per_row(
                    sums, *pool._variances(sums[0]), sharing=sharing
                )
        return pool

    def _having(self, target: str) -> tuple[int, ...]:
        return tuple(place for place, part in enumerate(self.sums) if target in part.targets)

    def _variances(self, sums: PooledSums) -> tuple[NDArray[np.float64], float]:
        """Ratios of the variances of curves and pairs to that of lines, column by column: (candidates, columns).

        And what having pairs adds to the log-likelihood.
        """
        import numpy as np

        if self.designs is None:
            return np.ones((1, sums.inner.shape[1])), 0.0
        curved, pairs = self.designs.columns
        features = sums.inner.shape[1] - curved - pairs
        ratios = product(SHARED_TERMS if curved else (0,), SHARED_TERMS if pairs else (0,))
        variances = np.array([np.repeat((1, *ratio), (features, curved, pairs)) for ratio in ratios])
        return variances, log_prior(features) if pairs else 0.0

    def borrow(self, problem: Problem, made: Expanded, which: Sequence[int]) -> NDArray[np.float64] | None:
        """What the other products say of a problem's coefficients.

        Args:
            problem: The problem.
            made: Some of its training sets.
            which: Which of the pool's sets the first of these are; those of time are counted from the end.

        Returns:
            Shape (sets, columns, targets), of the columns as the design has them or, in linear models, per original
            unit of the feature, for a target whose deviation is 1 or, for
            a product without coefficients of its own, the others' deviation: its own few batches hardly show theirs.
            Zero for a target that no other product has; None where none of them has another product.
        """
        import numpy as np

        found = np.zeros((len(which), made.sets.width, len(problem.targets)))
        own = sums_of_sets(problem.targets, made, len(which)) if problem.own else None
        having: dict[tuple[int, ...], list[int]] = {}
        for place, name in enumerate(problem.targets):
            having.setdefault(self._having(name), []).append(place)
        borrowed = False
        for parts, places in having.items():
            if sum(self.sums[part].products[0] for part in parts) < (2 if own else 1):
                continue
            borrowed = True
            names = [problem.targets[place] for place in places]
            rows, inner, cross, squares = _stacked([self.sums[part] for part in parts], names, which)
            if own:  # they are part of the sums
                rows, inner, cross = rows - own.rows, inner - own.inner, cross - own.cross[:, :, places]
            there = rows > 0.5  # before a moment there may have been no other product, but for rounding
            inner, cross = inner * there[:, None, None], cross * there[:, None, None]
            scale = _deviations(inner, rows) * self._blocks[parts][which]
            ridge = inner * scale[:, :, None] * scale[:, None]
            ridge += np.where(there, self._weights[parts][which] * rows, 1)[:, None, None] * np.eye(ridge.shape[1])
            fit = np.linalg.solve(ridge, cross * scale[:, :, None])
            found[:, :, places] = fit * scale[:, :, None]
            if not own:
                found[:, :, places] *= np.sqrt(squares / np.maximum(rows, 1)[:, None])[:, None]
        return found if borrowed else None


def _stacked(
    sums: Sequence[PooledSums], targets: Sequence[str], which: Sequence[int] | slice = slice(None)
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rows, inner and cross products and squares of some targets over sums that all have them."""
    if not isinstance(which, slice) and list(which) == list(range(len(which))):
        which = slice(len(which))  # a view: copies would take longer than what follows
    columns = [
        slice(None) if list(part.targets) == list(targets) else [part.targets.index(name) for name in targets]
        for part in sums
    ]
    parts = [
        (part.rows[which], part.inner[which], part.cross[which][:, :, at], part.squares[which][:, at])
        for part, at in zip(sums, columns, strict=True)
    ]
    rows, inner, cross, squares = (reduce(add, column) for column in zip(*parts, strict=True))
    return rows, inner, cross, squares


def _deviations(inner: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """One over the standard deviation of each feature, 0 where it doesn't vary. Shape (sets, features)."""
    import numpy as np

    variance = np.einsum("sff->sf", inner) / np.maximum(rows, 1)[:, None]
    per_deviation: NDArray[np.float64] = np.zeros_like(variance)
    np.divide(1, np.sqrt(np.maximum(variance, 0)), where=variance > 0, out=per_deviation)
    return per_deviation


def _penalty_per_row(
    sums: Sequence[PooledSums], variances: NDArray[np.float64], prior: float, *, sharing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``κ`` per row and the variances of columns with the largest restricted likelihood over all targets.

    Args:
        sums: The sums.
        variances: Shape (candidates, columns): see `LocationPool._variances`.
        prior: What having pairs, which are the last columns, adds to the log-likelihood.
        sharing: How many products have a key on the average. Their rows of one key may err alike, so they count as one.

    Returns:
        Shape (sets,), and (sets, columns): the square roots of the variances.
    """
    import numpy as np

    names = [name for name in sums[0].targets if all(name in part.targets for part in sums)]
    rows, inner, cross, _ = _stacked(sums, names)
    scale = _deviations(inner, rows)
    grid = np.asarray([penalty for penalty in PENALTIES if penalty >= WEAKEST])
    freedom = np.maximum(rows - sum(part.products for part in sums), 1) / sharing
    found, roots = [], np.sqrt(variances)
    for root in roots:
        part = scale * root
        squares, directions = np.linalg.eigh(inner * part[:, :, None] * part[:, None])
        squares = np.maximum(squares, 0)
        decomposed = Decomposed(
            squares=squares,
            directions=directions,
            cross=np.where(squares[:, :, None] > 0, directions.transpose(0, 2, 1) @ (cross * part[:, :, None]), 0),
            total=np.broadcast_to(rows[:, None], (len(rows), len(names))),  # targets are in deviations
        )
        logs, _ = log_likelihoods(
            decomposed, np.zeros_like(decomposed.cross), np.maximum(rows, 1)[:, None] * grid, freedom
        )
        found.append(logs[:, 0, :-1].sum(axis=2) + (prior if root[-1] > 0 else 0))
    best = np.concatenate(found, axis=1).argmax(axis=1)
    return grid[best % len(grid)], roots[best // len(grid)]

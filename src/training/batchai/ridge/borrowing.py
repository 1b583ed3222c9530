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
from operator import add
from typing import TYPE_CHECKING

from src.training.batchai.ridge.evidence import PENALTIES, Decomposed, log_likelihoods
from src.training.batchai.ridge.problems import Problem
from src.training.batchai.ridge.training_sets import TrainingSets, training_sets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_FEATURES = 1_000
"""With more features nothing is borrowed: the sums of a location would not fit in memory."""
WEAKEST = 1e-4
"""The least penalty of the pooled fit, per row."""


@dataclass(frozen=True)
class PooledSums:
    """Sums over products of cross-products about their own means; in original units, targets in deviations.

    The sets are all rows, and all rows but each fold.

    Attributes:
        targets: The targets, measured in the same rows in each of these products.
        products: How many products there are.
        rows: Shape (sets,).
        inner: Shape (sets, features, features): ``X'X``.
        cross: Shape (sets, features, targets): ``X'y``.
        squares: Shape (sets, targets): the sums of squares of the targets about their means, in original units.
    """

    targets: tuple[str, ...]
    products: int
    rows: NDArray[np.float64]
    inner: NDArray[np.float64]
    cross: NDArray[np.float64]
    squares: NDArray[np.float64]

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


def sums_of_problem(problem: Problem, folds: int) -> PooledSums:
    """What a product tells the others."""
    import numpy as np

    held = sorted(set(problem.folds.tolist()))
    sets = training_sets(problem, [problem.folds >= 0, *(problem.folds != fold for fold in held)])
    sums = sums_of_sets(problem.targets, sets, len(sets.taken))
    place = np.zeros(folds + 1, dtype=np.int64)  # a fold that the product has nothing in leaves all its rows
    place[np.asarray(held) + 1] = np.arange(len(held)) + 1
    return PooledSums(sums.targets, 1, sums.rows[place], sums.inner[place], sums.cross[place], sums.squares[place])


def sums_of_sets(targets: tuple[str, ...], sets: TrainingSets, count: int) -> PooledSums:
    """The sums of the first of one product's training sets, set by set."""
    import numpy as np

    features = sets.scale.shape[1]
    scale = np.where(np.isinf(sets.scale), 0, sets.scale)[:count]
    products = sets.cross_products(count) * scale[:, :, None]
    products[:, :, :features] *= scale[:, None]
    rows = sets.rows[:count]
    squares = rows[:, None] * np.square(sets.unit[:count])
    return PooledSums(targets, 1, rows, products[:, :, :features], products[:, :, features:], squares)


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
    _weights: dict[tuple[int, ...], NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, chunks: Sequence[Sequence[PooledSums]]) -> LocationPool:
        """Put the sums of a location's products together, chunk by chunk in their order.

        The penalties are found here, once for all products, on one thread: more could change last bits.
        """
        from threadpoolctl import threadpool_limits

        pool = cls(add_up([one for chunk in chunks for one in chunk]))
        with threadpool_limits(limits=1, user_api="blas"):
            for having in {pool._having(name) for part in pool.sums for name in part.targets}:
                pool._weights[having] = _penalty_per_row([pool.sums[place] for place in having])
        return pool

    def _having(self, target: str) -> tuple[int, ...]:
        return tuple(place for place, part in enumerate(self.sums) if target in part.targets)

    def borrow(self, problem: Problem, sets: TrainingSets, which: Sequence[int]) -> NDArray[np.float64] | None:
        """What the other products say of a problem's coefficients.

        Args:
            problem: The problem.
            sets: Some of its training sets.
            which: Which of the pool's sets the first of these are.

        Returns:
            Shape (sets, features, targets), per original unit of the feature, for a target whose deviation is 1 or, for
            a product without coefficients of its own, the others' deviation: its own few batches hardly show theirs.
            Zero for a target that no other product has; None where none of them has another product.
        """
        import numpy as np

        found = np.zeros((len(which), sets.scale.shape[1], len(problem.targets)))
        own = sums_of_sets(problem.targets, sets, len(which)) if problem.own else None
        having: dict[tuple[int, ...], list[int]] = {}
        for place, name in enumerate(problem.targets):
            having.setdefault(self._having(name), []).append(place)
        borrowed = False
        for parts, places in having.items():
            if sum(self.sums[part].products for part in parts) < (2 if own else 1):
                continue
            borrowed = True
            names = [problem.targets[place] for place in places]
            rows, inner, cross, squares = _stacked([self.sums[part] for part in parts], names, which)
            if own:  # they are part of the sums
                rows, inner, cross = rows - own.rows, inner - own.inner, cross - own.cross[:, :, places]
            scale = _deviations(inner, rows)
            ridge = inner * scale[:, :, None] * scale[:, None]
            ridge += (self._weights[parts][which] * rows)[:, None, None] * np.eye(ridge.shape[1])
            fit = np.linalg.solve(ridge, cross * scale[:, :, None])
            found[:, :, places] = fit * scale[:, :, None]
            if not own:
                found[:, :, places] *= np.sqrt(squares / rows[:, None])[:, None]
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


def _penalty_per_row(sums: Sequence[PooledSums]) -> NDArray[np.float64]:
    """``κ`` per row with the largest restricted likelihood over all targets. Shape (sets,)."""
    import numpy as np

    names = [name for name in sums[0].targets if all(name in part.targets for part in sums)]
    rows, inner, cross, _ = _stacked(sums, names)
    scale = _deviations(inner, rows)
    squares, directions = np.linalg.eigh(inner * scale[:, :, None] * scale[:, None])
    squares = np.maximum(squares, 0)
    found = Decomposed(
        squares=squares,
        directions=directions,
        cross=np.where(squares[:, :, None] > 0, directions.transpose(0, 2, 1) @ (cross * scale[:, :, None]), 0),
        total=np.broadcast_to(rows[:, None], (len(rows), len(names))),  # targets are in deviations
    )
    grid = np.asarray([penalty for penalty in PENALTIES if penalty >= WEAKEST])
    freedom = np.maximum(rows - sum(part.products for part in sums), 1)
    logs, _ = log_likelihoods(found, np.zeros_like(found.cross), rows[:, None] * grid, freedom)
    best: NDArray[np.float64] = grid[logs[:, 0, :-1].sum(axis=2).argmax(axis=1)]
    return best

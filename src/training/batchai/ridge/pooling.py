"""Borrowed strength: what the other products of a location say about a product's coefficients.

A group's ridge regression is shrunk toward ``β₀``, the ridge fit of all other groups together:

    β₀ = (Σ_h X_hᵀX_h + κ N I)⁻¹ Σ_h X_hᵀy_h        over the groups h other than g, N their rows
    β_g = argmin ‖y − X_g β‖² + α ‖β − β₀‖²

with each group's rows about its own means (every product keeps its own level), features in units of their standard
deviation at the location, and targets in units of their standard deviation in the group (so that no product counts for
more because its numbers are larger). This is partial pooling with an empirical Bayes prior: coefficients of groups are
draws around a common mean that is estimated from the data (Lindley & Smith, Journal of the Royal Statistical Society B
34 (1972) 1-41; Efron & Morris, Journal of the American Statistical Association 70 (1975) 311-319). How much is
borrowed, nothing included, is chosen per group and target by cross-validation, inside the training folds; the prior
never knows the group itself, so it knows none of the batches that it is judged on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from src.training.batchai.ridge.candidates import Priors
from src.training.batchai.ridge.cross_products import Stack
from src.training.batchai.ridge.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHRINKAGE = 0.3
"""``κ``: how strongly the pooled fit itself is shrunk toward zero, per row of the other groups."""
NONE, POOLED, ALONE = "none", "pooled", "none (no other product)"


@dataclass(frozen=True)
class GroupSums:
    """What a group tells the others: cross-products of its rows about its own means.

    Attributes:
        targets: The names of the targets.
        rows: How many rows there are.
        inner: Shape (features, features): ``XᵀX``, zero where a value is missing.
        cross: Shape (features, targets): ``Xᵀy``, with standardised targets.
    """

    targets: tuple[str, ...]
    rows: int
    inner: NDArray[np.float64]
    cross: NDArray[np.float64]


def sums_of_stack(problems: Sequence[Problem], stacked: Stack) -> list[GroupSums]:
    """The sums of problems without gaps."""
    import numpy as np

    features = stacked.features
    total = stacked.folds.products.sum(axis=1)
    rows = total[:, 0, 0, None, None]
    own = total[:, 0, 1:]
    products = total[:, 1 : 1 + features, 1:] - own[:, :features, None] * own[:, None] / rows
    products *= stacked.scale[:, :, None]
    place = np.arange(features)
    products[:, :, :features] *= stacked.scale[:, None]
    products[:, place, place] = np.maximum(products[:, place, place], 0)
    return [
        GroupSums(problem.targets, len(problem.values), part[:, :features], part[:, features:])
        for problem, part in zip(problems, products, strict=True)
    ]


def sums_of_rows(problem: Problem) -> GroupSums:
    """The sums of a problem in which values may be missing."""
    import numpy as np

    present = ~np.isnan(problem.features)
    count = np.maximum(present.sum(axis=0), 1)
    mean = np.where(present, problem.features, 0).sum(axis=0) / count
    centred = np.where(present, problem.features - mean, 0)
    centred -= np.where(present, centred.sum(axis=0) / count, 0)
    variance = np.einsum("rf,rf->f", centred, centred) / len(centred)
    centred[:, variance <= (4 * np.finfo(np.float64).eps * np.abs(mean)) ** 2] = 0
    values = problem.values - problem.values.mean(axis=0)
    values /= values.std(axis=0)
    return GroupSums(problem.targets, len(values), centred.T @ centred, centred.T @ values)


class LocationPool:
    """The priors of all problems of a location, from their sums.

    Attributes:
        starts: The position of the first problem of each part of the location.
    """

    def __init__(self, parts: Sequence[Sequence[GroupSums]]) -> None:
        """Make the priors.

        Args:
            parts: The sums of all problems of the location, part by part, as `GroupedRidge.sums` gives them.
        """
        self.starts = tuple(accumulate((len(part) for part in parts), initial=0))[:-1]
        sums = [one for part in parts for one in part]
        self._shapes = [(one.targets, one.cross.shape) for one in sums]
        # by target: the fit without each problem, for those that have the target
        self._fits: dict[str, NDArray[np.float64]] = {}
        self._having: dict[str, int] = {}
        if sums:
            from threadpoolctl import threadpool_limits

            with threadpool_limits(limits=1, user_api="blas"):  # more threads could change last bits
                self._fit(sums)

    def _fit(self, sums: Sequence[GroupSums]) -> None:
        import numpy as np

        inner = np.stack([one.inner for one in sums])
        rows = np.asarray([one.rows for one in sums], dtype=np.float64)
        deviation = np.sqrt(np.einsum("gpp->p", inner) / max(1, rows.sum()))
        per_deviation = np.divide(1, deviation, where=deviation > 0, out=np.zeros_like(deviation))
        inner *= per_deviation[:, None] * per_deviation
        names = list(dict.fromkeys(name for one in sums for name in one.targets))
        for having, alike in _by_groups(sums, names).items():
            places = list(having)
            cross = np.stack([sums[at].cross[:, [sums[at].targets.index(name) for name in alike]] for at in places])
            fits = _fits_without_each(inner[places], cross * per_deviation[:, None], rows[places])
            for column, name in enumerate(alike):
                self._fits[name] = np.zeros((len(sums), inner.shape[1]))
                self._fits[name][places] = fits[:, :, column] * per_deviation
                self._having[name] = len(places)

    def priors(self, number: int) -> Priors:
        """What the other groups say about a problem, by its position among the problems of the location."""
        import numpy as np

        names, (features, targets) = self._shapes[number]
        if all(self._having[name] < 2 for name in names):
            return Priors.none(features=features, targets=targets, why=ALONE)
        coefficients = np.zeros((2, features, targets))
        for place, name in enumerate(names):
            coefficients[1, :, place] = self._fits[name][number]
        return Priors((NONE, POOLED), coefficients)


def _by_groups(sums: Sequence[GroupSums], names: Sequence[str]) -> dict[tuple[int, ...], list[str]]:
    """The targets, gathered by the groups that have them: these share all but the right-hand side."""
    having: dict[str, list[int]] = {name: [] for name in names}
    for number, part in enumerate(sums):
        for name in part.targets:
            having[name].append(number)
    gathered: dict[tuple[int, ...], list[str]] = {}
    for name, groups in having.items():
        gathered.setdefault(tuple(groups), []).append(name)
    return gathered


def _fits_without_each(
    inner: NDArray[np.float64], cross: NDArray[np.float64], rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The pooled fit without each group in turn.

    Args:
        inner: Shape (groups, features, features), in the location's units.
        cross: Shape (groups, features, targets).
        rows: Shape (groups,).

    Returns:
        Shape (groups, features, targets).
    """
    import numpy as np

    others = np.maximum(rows.sum() - rows, 1)
    ridge = inner.sum(axis=0) - inner + (SHRINKAGE * others)[:, None, None] * np.eye(inner.shape[1])
    fits: NDArray[np.float64] = np.linalg.solve(ridge, cross.sum(axis=0) - cross)
    return fits

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
from typing import TYPE_CHECKING

from src.training.batchai.candidates import Priors
from src.training.batchai.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHRINKAGE = 0.3
"""``κ``: how strongly the pooled fit itself is shrunk toward zero, per row of the other groups."""
NONE, POOLED, ALONE = "none", "pooled", "none (no other product)"


@dataclass(frozen=True)
class PooledTarget:
    """The cross-products of one target over all groups of a location.

    Attributes:
        inner: Shape (groups, features, features): ``X_gᵀX_g``, in the location's units.
        cross: Shape (groups, features): ``X_gᵀy_g``.
        rows: Shape (groups,).
        group_of: The position of each problem that has this target.
    """

    inner: NDArray[np.float64]
    cross: NDArray[np.float64]
    rows: NDArray[np.float64]
    group_of: dict[int, int]


class LocationPool:
    """The priors of all problems of a location."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        import numpy as np

        self._problems = problems
        parts = [_products(problem) for problem in problems]
        inner = np.stack([part for part, _ in parts])
        rows = sum(len(problem.values) for problem in problems)
        deviation = np.sqrt(np.einsum("gpp->p", inner) / max(1, rows))
        self._per_deviation = np.divide(1, deviation, where=deviation > 0, out=np.zeros_like(deviation))
        inner *= self._per_deviation[:, None] * self._per_deviation
        cross = [self._per_deviation[:, None] * part for _, part in parts]
        self._targets: dict[str, PooledTarget] = {}
        for name in dict.fromkeys(name for problem in problems for name in problem.targets):
            having = [number for number, problem in enumerate(problems) if name in problem.targets]
            self._targets[name] = PooledTarget(
                inner=inner[having],
                cross=np.stack([cross[number][:, problems[number].targets.index(name)] for number in having]),
                rows=np.asarray([len(problems[number].values) for number in having], dtype=np.float64),
                group_of={number: place for place, number in enumerate(having)},
            )
        self._fits = {name: _fits_without_each(target) for name, target in self._targets.items()}

    def priors(self, number: int) -> Priors:
        """What the other groups say about a problem, by its position among the problems."""
        import numpy as np

        problem = self._problems[number]
        features, targets = problem.features.shape[1], len(problem.targets)
        if all(len(self._targets[name].rows) < 2 for name in problem.targets):
            return Priors.none(features=features, targets=targets, why=ALONE)
        coefficients = np.zeros((2, features, targets))
        for place, name in enumerate(problem.targets):
            fit = self._fits[name][self._targets[name].group_of[number]]
            coefficients[1, :, place] = fit * self._per_deviation
        return Priors((NONE, POOLED), coefficients)


def _products(problem: Problem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cross-products of features about the group's means, zero where missing, and with standardised targets."""
    import numpy as np

    if problem.has_gaps:
        present = ~np.isnan(problem.features)
        count = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, problem.features, 0).sum(axis=0) / count
        centred = np.where(present, problem.features - mean, 0)
        centred -= np.where(present, centred.sum(axis=0) / count, 0)
    else:
        mean = problem.features.mean(axis=0)
        centred = problem.features - mean
        centred -= centred.mean(axis=0)
    constant = (
        np.einsum("rf,rf->f", centred, centred) / len(centred) <= (4 * np.finfo(np.float64).eps * np.abs(mean)) ** 2
    )
    centred[:, constant] = 0
    values = problem.values - problem.values.mean(axis=0)
    return centred.T @ centred, centred.T @ (values / values.std(axis=0))


def _fits_without_each(target: PooledTarget) -> NDArray[np.float64]:
    """The pooled fit without each group in turn. Shape (groups, features)."""
    import numpy as np

    rows = np.maximum(target.rows.sum() - target.rows, 1)
    inner = target.inner.sum(axis=0) - target.inner
    cross = target.cross.sum(axis=0) - target.cross
    ridge = inner + (SHRINKAGE * rows)[:, None, None] * np.eye(inner.shape[1])
    fits: NDArray[np.float64] = np.linalg.solve(ridge, cross[:, :, None])[:, :, 0]
    return fits

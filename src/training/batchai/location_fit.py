"""The fits of a location: every target of every product, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.ridge.fits import ProblemFit
from src.training.batchai.ridge.grouped_ridge import GroupedRidge
from src.training.batchai.ridge.pooling import GroupSums, LocationPool
from src.training.batchai.ridge.problems import Problem, find_problems, problems_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        folds: Folds of the cross-validation.
        min_batches: A target with fewer measured batches is not trained.
        threads: Threads that train at the same time. The result does not depend on it.
    """

    folds: int = 10
    min_batches: int = 20
    threads: int = 1

    @classmethod
    def of(cls, *, folds: int, min_batches: int, threads: int) -> TrainingOptions:
        """As the settings say it: 0 threads are as many as there are cores."""
        return cls(folds, min_batches, threads or os.cpu_count() or 1)


@dataclass(frozen=True)
class TargetFit:
    """The fit of one target of one product, and how wrong it is.

    Attributes:
        problem: The problem that it is part of.
        fit: The fit of the problem.
        place: The target's place in the problem.
    """

    problem: Problem
    fit: ProblemFit
    place: int

    @property
    def rmse(self) -> float:
        """Cross-validated and nested: everything chosen was chosen without the batches it is judged on."""
        return float(self.fit.scores.rmse[self.place])

    @property
    def rmse_mean(self) -> float:
        """The error of predicting the training mean in the same folds."""
        return float(self.fit.scores.rmse_mean[self.place])

    @property
    def rmse_forward(self) -> float:
        """The error when the later half of the batches are predicted from earlier ones only; NaN where none are."""
        return float(self.fit.scores.rmse_forward[self.place])

    @property
    def rmse_mean_forward(self) -> float:
        """The error of predicting the mean of the earlier ones."""
        return float(self.fit.scores.rmse_mean_forward[self.place])

    @property
    def skill(self) -> float:
        """The share of the mean's error that the model takes away: 1 − rmse / rmse_mean; NaN if the mean has none."""
        return 1 - self.rmse / self.rmse_mean if self.rmse_mean > 0 else float("nan")

    @property
    def intercept(self) -> float:
        """In the unit of the target."""
        return float(self.fit.intercepts[self.place])

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """Shape (features,), in original units."""
        return self.fit.coefficients[:, self.place]

    @property
    def errors(self) -> NDArray[np.float64]:
        """Shape (features,): the standard errors of the coefficients, in original units."""
        return self.fit.errors[:, self.place]

    @property
    def standardised(self) -> NDArray[np.float64]:
        """Shape (features,): how many standard deviations of the target one of the feature moves it."""
        spread: float = self.fit.scores.spread[self.place]
        return self.coefficients * self.fit.spread / spread


@dataclass(frozen=True)
class GroupFit:
    """The fits of a product.

    Attributes:
        product_id: The product.
        batches: Its measured batches.
        last_batch: The newest of them.
        targets: By target: the fit, or a sentence that says why there is none.
        measured: By target: how many batches measured it.
    """

    product_id: str
    batches: int
    last_batch: str
    targets: dict[str, TargetFit | str]
    measured: dict[str, int]


def sums_of_groups(prepared: PreparedLocation, options: TrainingOptions) -> list[GroupSums]:
    """What the groups of a part of a location tell the others, in their order: one for each problem."""
    problems = problems_of(prepared, folds=options.folds, min_batches=options.min_batches)
    return GroupedRidge(threads=options.threads).sums(problems)


def fit_location(
    prepared: PreparedLocation,
    options: TrainingOptions,
    *,
    product_id: str | None = None,
    pool: LocationPool | None = None,
    first: int = 0,
    done: Callable[[int], None] = lambda _: None,
) -> list[GroupFit]:
    """Fit every target of every product of a location, or of one product.

    Args:
        prepared: The prepared data of the location, of all products: they borrow strength from each other.
        options: How to train.
        product_id: Fit this product only.
        pool: What all products of the location say, where `prepared` holds a part of them.
        first: The place of the first problem of this part among those of the location.
        done: Called with numbers of problems that are done; they add up to about the number of groups.

    Returns:
        The fits in the order of the prepared groups.
    """
    problems: list[Problem] = []
    found: dict[tuple[str, str], TargetFit | str] = {}
    measured: dict[tuple[str, str], int] = {}

    def wanted(problem: Problem) -> bool:
        return product_id in (None, problem.product_id)

    def find() -> Iterator[Problem]:
        for item in find_problems(prepared, folds=options.folds, min_batches=options.min_batches):
            if isinstance(item, Problem):
                problems.append(item)
                yield item
            else:
                found[item.product_id, item.target] = item.reason
                measured[item.product_id, item.target] = item.batches

    ridge = GroupedRidge(threads=options.threads)
    fits = ridge.fit(find(), only=None if product_id is None else wanted, pool=pool, first=first, done=done)
    for problem, fit in zip(filter(wanted, problems), fits, strict=True):
        for place, name in enumerate(problem.targets):
            found[problem.product_id, name] = TargetFit(problem, fit, place)
            measured[problem.product_id, name] = problem.batches
    names = [target.name for target in prepared.targets]
    return [
        GroupFit(
            product_id=group.product_id,
            batches=len(set(group.batch_ids.tolist())),
            last_batch=str(group.batch_ids[-1]) if len(group.batch_ids) else "",
            targets={name: found[group.product_id, name] for name in names},
            measured={name: measured[group.product_id, name] for name in names},
        )
        for group in prepared.groups
        if product_id in (None, group.product_id)
    ]

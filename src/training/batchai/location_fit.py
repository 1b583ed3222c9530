"""The fits of a location: every target of every product, or the reason why there is none."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.ridge.borrowing import MOST_FEATURES, LocationPool, PooledSums, add_up, sums_of_problem
from src.training.batchai.ridge.designs import LocationDesign
from src.training.batchai.ridge.fits import fit_problems
from src.training.batchai.ridge.fitted import ProblemFit
from src.training.batchai.ridge.folds import Splits, cuts_of_times, shared_folds
from src.training.batchai.ridge.problems import Problem, Untrained, find_problems
from src.training.batchai.terms import Curve, Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

POOLED, ALONE, LOCATION = "pooled", "none (no other product)", "location (too few batches)"
"""What coefficients are shrunk toward: a share of what the other products say; zero; or that these are all there is."""
CHUNKS = 64
"""A location's products are summed in at most so many chunks. Sums of chunks are added in their order, wherever they
were made: so the results are the same to the byte however a location is parted."""
FEW = 16
"""So many problems are one task of a thread."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        folds: Folds of the cross-validation.
        min_batches: A target with fewer measured batches gets no coefficients of its own.
        threads: Threads that train at the same time. The result does not depend on it.
        terms: What a model may consist of, where the location's description does not say.
    """

    folds: int = 10
    min_batches: int = 20
    threads: int = 1
    terms: Terms = Terms.LINEAR

    @classmethod
    def of(cls, *, folds: int, min_batches: int, threads: int, terms: Terms = Terms.LINEAR) -> TrainingOptions:
        """As the settings say it: 0 threads are as many as there are cores."""
        return cls(folds, min_batches, threads or os.cpu_count() or 1, terms)


@dataclass(frozen=True)
class TargetFit:
    """The fit of one target of one product, and how wrong it is.

    Attributes:
        problem: The problem that it is part of.
        fit: The fit of the problem.
        place: The target's place in the problem.
        curves: What is added to the lines of single features.
        pairs: What is added for two features together.
    """

    problem: Problem
    fit: ProblemFit
    place: int
    curves: tuple[Curve, ...] = ()
    pairs: tuple[Pair, ...] = ()

    @property
    def rmse(self) -> float:
        """Cross-validated: everything was fitted and chosen without the batches it is judged on."""
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
    def intervals(self) -> NDArray[np.float64]:
        """Shape (2, features): the ends of the coefficients' intervals, in original units."""
        return self.fit.intervals[:, :, self.place]

    @property
    def is_finite(self) -> bool:
        """Whether every number is one that a model may have."""
        return bool(self.fit.is_finite[self.place])

    @property
    def borrows(self) -> bool:
        """Whether other products say anything about the coefficients."""
        return not math.isnan(self.fit.share[self.place])

    @property
    def prior(self) -> str:
        """Where the coefficients come from, for a person."""
        if not self.borrows:
            return ALONE
        return POOLED if self.problem.own else LOCATION

    @property
    def standardised(self) -> NDArray[np.float64]:
        """Shape (features,): how many standard deviations of the target one of the feature moves it."""
        standardised: NDArray[np.float64] = self.coefficients * self.fit.spread / self.fit.target_spread[self.place]
        return standardised


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


def location_splits(groups: Iterable[PreparedGroup], location: str, options: TrainingOptions) -> Splits:
    """How the batches of a location are split in all of its products alike.

    Args:
        groups: All products of the location.
        location: The location.
        options: How to train.
    """
    times: list[NDArray[np.float64] | None] = []
    several: Counter[str] = Counter()

    def keys() -> Iterator[set[str]]:
        for group in groups:  # read once, and let go
            times.append(group.times)
            found = set(group.kept_together.tolist())
            several.update(found)
            yield found

    folds = shared_folds(keys(), folds=options.folds, location=location)
    return Splits(folds, cuts_of_times(times), several.total() / max(1, len(several)))


def chunks_of(products: Sequence[str]) -> list[list[str]]:
    """The chunks in which the products of a location are summed."""
    size = -(-len(products) // CHUNKS)
    return [list(products[start : start + size]) for start in range(0, len(products), max(1, size))]


def sum_location(
    prepared: PreparedLocation, options: TrainingOptions, *, shared: Splits, chunks: Sequence[Sequence[str]]
) -> list[list[PooledSums]]:
    """What the products of a location tell each other, chunk by chunk.

    Args:
        prepared: The location, or a part of it.
        options: How to train.
        shared: How batches are split in all products alike.
        chunks: The products of each chunk; those of the part.
    """
    if not _borrows(prepared):
        return [[] for _ in chunks]
    return _sum_chunks(_problems(prepared, options, shared), options, chunks)


def _sum_chunks(
    found: Iterable[Problem | Untrained],
    options: TrainingOptions,
    chunks: Sequence[Sequence[str]],
    designs: LocationDesign | None = None,
) -> list[list[PooledSums]]:
    problems = [item for item in found if isinstance(item, Problem) and item.own]
    with _workers(options) as executor:
        sums = list(executor.map(partial(_sum_some, folds=options.folds, designs=designs), _some(problems)))
    by_product: dict[str, list[PooledSums]] = {}
    for problem, one in zip(problems, (one for part in sums for one in part), strict=True):
        by_product.setdefault(problem.product_id, []).append(one)
    return [add_up([one for product in chunk for one in by_product.get(product, [])]) for chunk in chunks]


def fit_location(
    prepared: PreparedLocation,
    options: TrainingOptions,
    *,
    product_id: str | None = None,
    pool: LocationPool | None = None,
    shared: Splits | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> list[GroupFit]:
    """Fit every target of every product of a location, or of one product.

    Args:
        prepared: The prepared data of the location, of all products: they borrow strength from each other.
        options: How to train.
        product_id: Fit this product only.
        pool: What all products of the location say, where `prepared` holds a part of them.
        shared: How batches are split in all products alike, where `prepared` holds a part of them.
        done: Called with numbers of problems that are done; they add up to about the number of groups.

    Returns:
        The fits in the order of the prepared groups.
    """
    groups = prepared.groups
    if shared is None:
        shared = location_splits(groups, prepared.location, options)
    problems = list(_problems(prepared, options, shared))
    if pool is None:
        pool = _pool_of_all(prepared, problems, options, shared.sharing)
    found: dict[tuple[str, str], tuple[TargetFit | str, int]] = {}
    wanted: list[Problem] = []
    for item in problems:
        if isinstance(item, Untrained):
            found[item.product_id, item.target] = (item.reason, item.batches)
        elif product_id in (None, item.product_id):
            wanted.append(item)
    given = pool if pool.sums else None

    def fit_some(problems: Sequence[Problem]) -> list[ProblemFit]:
        fits = fit_problems(problems, given)
        done(len(problems))
        return fits

    with _workers(options) as executor:
        fits = [fit for part in executor.map(fit_some, _some(wanted)) for fit in part]
    for problem, fit in zip(wanted, fits, strict=True):
        for place, name in enumerate(problem.targets):
            fitted = TargetFit(problem, fit, place, *fit.curves_and_pairs(place))
            reason = _why_not(fitted, options)
            found[problem.product_id, name] = (reason or fitted, problem.batches)
    names = [target.name for target in prepared.targets]
    return [
        GroupFit(
            product_id=group.product_id,
            batches=len(set(group.batch_ids.tolist())),
            last_batch=str(group.batch_ids[-1]) if len(group.batch_ids) else "",
            targets={name: found[group.product_id, name][0] for name in names},
            measured={name: found[group.product_id, name][1] for name in names},
        )
        for group in groups
        if product_id in (None, group.product_id)
    ]


def _pool_of_all(
    prepared: PreparedLocation, found: Sequence[Problem | Untrained], options: TrainingOptions, sharing: float
) -> LocationPool:
    """What all products of a location say; nothing where there is only one."""
    if len(prepared.groups) < 2 or not _borrows(prepared):
        return LocationPool([])
    problems = [item for item in found if isinstance(item, Problem)]
    linear = _terms(prepared, options) is Terms.LINEAR
    designs = None if linear else LocationDesign.of(problems, options.folds)
    chunks = chunks_of([group.product_id for group in prepared.groups])
    return LocationPool.of(_sum_chunks(problems, options, chunks, designs), designs, sharing=sharing)


def _problems(prepared: PreparedLocation, options: TrainingOptions, shared: Splits) -> Iterable[Problem | Untrained]:
    return find_problems(
        prepared, folds=options.folds, min_batches=options.min_batches, shared=shared, terms=_terms(prepared, options)
    )


def _terms(prepared: PreparedLocation, options: TrainingOptions) -> Terms:
    return Terms(prepared.terms) if prepared.terms else options.terms


def _borrows(prepared: PreparedLocation) -> bool:
    return 0 < len(prepared.feature_names) <= MOST_FEATURES


def _some(problems: Sequence[Problem]) -> list[Sequence[Problem]]:
    return [problems[start : start + FEW] for start in range(0, len(problems), FEW)]


def _sum_some(problems: Sequence[Problem], *, folds: int, designs: LocationDesign | None) -> list[PooledSums]:
    return [sums_of_problem(problem, folds, designs) for problem in problems]


def _why_not(fitted: TargetFit, options: TrainingOptions) -> str:
    """Why a fit is not a model; empty where it is one."""
    problem = fitted.problem
    if not fitted.is_finite:
        return "the numbers are too large or too small to compute with: a coefficient or prediction is not finite"
    if not problem.own and not fitted.borrows:
        return (
            f"{problem.batches} measured batches, at least {options.min_batches} are needed for a model of its own, "
            "and no other product has one to take"
        )
    return ""


@contextmanager
def _workers(options: TrainingOptions) -> Iterator[ThreadPoolExecutor]:
    """Threads for problems. Each uses one thread of linear algebra: more could change last bits."""
    from threadpoolctl import threadpool_limits

    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(max(1, options.threads)) as executor,
    ):
        yield executor

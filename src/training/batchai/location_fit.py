"""The fits of a location: every target of every product, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.fits import ProblemFit
from src.training.batchai.grouped_ridge import GroupedRidge
from src.training.batchai.problems import Problem, find_problems

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


@dataclass(frozen=True)
class TargetFit:
    """The fit of one target of one product, and how wrong it is.

    Attributes:
        intercept: In the unit of the target.
        coefficients: Shape (features,), in original units.
        problem: The problem that it is part of.
        fit: The fit of the problem.
        place: The target's place in the problem.
        rmse: Cross-validated and nested: everything chosen was chosen without the batches it is judged on.
        rmse_mean: The error of predicting the training mean in the same folds.
        rmse_forward: The error when the later half of the batches are predicted from earlier ones only.
        rmse_mean_forward: The error of predicting the mean of the earlier ones.
        residuals: Shape (rows,): measured minus predicted, out of fold.
    """

    problem: Problem
    fit: ProblemFit
    place: int
    rmse: float
    rmse_mean: float
    rmse_forward: float
    rmse_mean_forward: float
    residuals: NDArray[np.float64]

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
        spread: float = self.problem.values[:, self.place].std()
        return self.coefficients * self.fit.spread / spread

    @property
    def forward_residuals(self) -> NDArray[np.float64]:
        """Shape (later rows,): measured minus predicted from earlier batches only."""
        measured: NDArray[np.float64] = self.problem.values[self.fit.forward.rows, self.place]
        return measured - self.fit.forward.predicted[:, self.place]

    @property
    def skill(self) -> float:
        """The share of the mean's error that the model takes away: 1 − rmse / rmse_mean."""
        return 1 - self.rmse / self.rmse_mean


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


def fit_location(
    prepared: PreparedLocation,
    options: TrainingOptions,
    *,
    product_id: str | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> list[GroupFit]:
    """Fit every target of every product of a location, or of one product.

    Args:
        prepared: The prepared data of the location, of all products: they borrow strength from each other.
        options: How to train.
        product_id: Fit this product only.
        done: Called with numbers of problems that are done; they add up to about the number of groups.

    Returns:
        The fits in the order of the prepared groups.
    """
    problems, untrained = find_problems(prepared, folds=options.folds, min_batches=options.min_batches)
    wanted = [number for number, problem in enumerate(problems) if product_id in (None, problem.product_id)]
    fits = GroupedRidge(threads=options.threads).fit(problems, only=wanted, done=done)
    found: dict[tuple[str, str], TargetFit | str] = {}
    for item in untrained:
        found[item.product_id, item.target] = item.reason
    measured = {(item.product_id, item.target): item.batches for item in untrained}
    for problem, fit in zip((problems[number] for number in wanted), fits, strict=True):
        for place, name in enumerate(problem.targets):
            found[problem.product_id, name] = _target_fit(problem, fit, place)
            measured[problem.product_id, name] = problem.batches
    names = [target.name for target in prepared.targets]
    return [
        GroupFit(
            product_id=group.product_id,
            batches=len(set(group.batch_ids)),
            last_batch=str(group.batch_ids[-1]) if len(group.batch_ids) else "",
            targets={name: found[group.product_id, name] for name in names},
            measured={name: measured[group.product_id, name] for name in names},
        )
        for group in prepared.groups
        if product_id in (None, group.product_id)
    ]


def _target_fit(problem: Problem, fit: ProblemFit, place: int) -> TargetFit:
    values = problem.values[:, place]
    later = values[fit.forward.rows]
    residuals = values - fit.predicted[:, place]
    return TargetFit(
        problem=problem,
        fit=fit,
        place=place,
        rmse=_rms(residuals),
        rmse_mean=_rms(values - fit.mean[:, place]),
        rmse_forward=_rms(later - fit.forward.predicted[:, place]),
        rmse_mean_forward=_rms(later - fit.forward.mean[:, place]),
        residuals=residuals,
    )


def _rms(errors: NDArray[np.float64]) -> float:
    """The root of the mean square; NaN where there is nothing."""
    import numpy as np

    return float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan")

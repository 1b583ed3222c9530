"""Ridge regression of one group by singular values and explicit residuals: slower than cross-products, always exact.

Ridge (Hoerl & Kennard, Technometrics 12 (1970) 55-67) on standardised features, shrunk toward a prior ``β₀`` that may
be zero: ``min ‖y − Xβ‖² + α‖β − β₀‖²``, so ``β = β₀ + (XᵀX + αI)⁻¹Xᵀ(y − Xβ₀)``. Everything that is learnt from data
is learnt from the training rows alone: what fills gaps, the range that is believed, mean, scale, coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.credible_range import believe, keep_in_reach
from src.training.batchai.ridge.candidates import PENALTIES, Priors, choose
from src.training.batchai.ridge.fits import Forward
from src.training.batchai.ridge.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONSTANT = 1e-12
"""A feature whose variance is less than this share of its variance in the whole group counts as constant."""


@dataclass(frozen=True)
class Paths:
    """The fits of all candidates on the same rows.

    Attributes:
        intercepts: Shape (candidates, targets).
        coefficients: Shape (candidates, features, targets), in original units.
        minimum: Shape (features,): the smallest value among the rows.
        maximum: Shape (features,): the largest.
        fill: Shape (features,): the mean, which stands for a missing value.
    """

    intercepts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    fill: NDArray[np.float64]

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict rows of shape (rows, features) with every candidate. Shape (candidates, rows, targets)."""
        believed = believe(features, self.minimum, self.maximum, self.fill)
        predicted: NDArray[np.float64] = believed @ self.coefficients + self.intercepts[:, None, :]
        return predicted


def fit_paths(
    features: NDArray[np.float64],
    targets: NDArray[np.float64],
    priors: Priors,
    *,
    spread: NDArray[np.float64],
) -> Paths:
    """Fit every candidate.

    Args:
        features: Shape (rows, features), NaN where missing.
        targets: Shape (rows, targets), without NaN.
        priors: What to shrink toward.
        spread: Shape (features,): the standard deviations in the whole group, against which a feature is constant.
    """
    import numpy as np

    present = ~np.isnan(features)
    fill = np.where(present, features, 0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    # a second pass takes out what rounding left in the mean of numbers far from zero
    fill += np.where(present, features - fill, 0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    centred = np.where(present, features - fill, 0)
    scale = np.sqrt((centred**2).mean(axis=0))
    varies = scale > np.sqrt(CONSTANT) * spread
    per_scale = np.divide(1, scale, where=varies, out=np.zeros_like(scale))
    mean = targets.mean(axis=0)
    measured = targets - mean
    standardised = centred * per_scale
    toward = priors.coefficients * np.where(varies, scale, 0)[:, None] * measured.std(axis=0)
    coefficients = _shrunk(standardised, measured, toward) * per_scale[:, None]
    limits = np.where(present, features, np.nan)
    empty = ~present.any(axis=0)
    limits[:, empty] = 0
    return Paths(
        intercepts=mean - (coefficients * fill[:, None]).sum(axis=1),
        coefficients=coefficients,
        minimum=np.nanmin(limits, axis=0),
        maximum=np.nanmax(limits, axis=0),
        fill=fill,
    )


def _shrunk(
    standardised: NDArray[np.float64], measured: NDArray[np.float64], toward: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coefficients of standardised features for every candidate. Shape (candidates, features, targets)."""
    import numpy as np

    u, s, vt = np.linalg.svd(standardised, full_matrices=False)
    penalties = np.asarray(PENALTIES)
    finite = np.isfinite(penalties)
    shrinkage = np.zeros((len(penalties), len(s)))
    shrinkage[finite] = s / (s**2 + penalties[finite, None])
    left = u.T @ (measured - standardised @ toward)  # (priors, singular values, targets)
    moved = vt.T @ (shrinkage[None, :, :, None] * left[:, None])  # (priors, penalties, features, targets)
    shrunk: NDArray[np.float64] = (toward[:, None] + moved).reshape(-1, *toward.shape[1:])
    return shrunk


@dataclass(frozen=True)
class ExactFit:
    """What was chosen for each target, and its fit on all rows.

    Attributes:
        paths: The fits of all candidates on all rows.
        chosen: Shape (targets,): the chosen candidate.
        predicted: Shape (rows, targets): out of fold, with what was chosen without the row's fold.
        without: Shape (folds, features, targets): the coefficients that were chosen and fitted without each fold.
    """

    paths: Paths
    chosen: NDArray[np.int64]
    predicted: NDArray[np.float64]
    without: NDArray[np.float64]


def fit_exactly(
    features: NDArray[np.float64], targets: NDArray[np.float64], folds: NDArray[np.int64], priors: Priors
) -> ExactFit:
    """Fit a group and predict it out of fold, by nested cross-validation.

    The inner folds of an outer training set are the outer folds that are left (nested, Varma & Simon, BMC
    Bioinformatics 7 (2006) 91).

    Args:
        features: Shape (rows, features), NaN where missing.
        targets: Shape (rows, targets), without NaN.
        folds: Shape (rows,): the fold of each row, from 0.
        priors: What to shrink toward; none of them may know these rows.
    """
    import numpy as np

    spread = spread_of(features)
    names = np.unique(folds).tolist()
    predicted = np.empty_like(targets)
    alone = []
    without = []
    for outer in names:
        test = folds == outer
        within = []
        for inner in names:
            if inner != outer:
                train, held = ~np.isin(folds, (outer, inner)), folds == inner
                paths = fit_paths(features[train], targets[train], priors, spread=spread)
                within.append(_squared_errors(targets[held], paths.predict(features[held])))
        paths = fit_paths(features[~test], targets[~test], priors, spread=spread)
        candidates, chosen = paths.predict(features[test]), choose(np.stack(within))
        alone.append(_squared_errors(targets[test], candidates))
        predicted[test] = _predicted(candidates, chosen, targets[~test])
        without.append(paths.coefficients[chosen, :, np.arange(len(chosen))].T)
    return ExactFit(
        fit_paths(features, targets, priors, spread=spread), choose(np.stack(alone)), predicted, np.stack(without)
    )


def _predicted(
    candidates: NDArray[np.float64], chosen: NDArray[np.int64], trained: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What the chosen candidates predict, kept in reach of the targets they were trained on. Shape (rows, targets)."""
    import numpy as np

    predicted = np.take_along_axis(candidates, chosen[None, None, :], axis=0)[0]
    return keep_in_reach(predicted, trained.min(axis=0), trained.max(axis=0))


def _squared_errors(targets: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of squared errors. Shape (priors, penalties, targets)."""
    errors: NDArray[np.float64] = ((targets - predicted) ** 2).sum(axis=1)
    return errors.reshape(-1, len(PENALTIES), targets.shape[1])


def spread_of(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard deviation of each feature of shape (rows, features), NaN where missing. Shape (features,)."""
    import numpy as np

    present = ~np.isnan(features)
    some = np.nan_to_num(features[present.argmax(axis=0), np.arange(features.shape[1])])
    away = np.where(present, features - some, 0)  # from a value of its own, so that numbers far from zero lose nothing
    count = np.maximum(present.sum(axis=0), 1)
    away -= np.where(present, away.sum(axis=0) / count, 0)
    spread: NDArray[np.float64] = np.sqrt(np.where(present, away**2, 0).sum(axis=0) / count)
    return spread


def predict_forward(problem: Problem, *, first_tried: int, first_judged: int) -> Forward:
    """Predict each block of batches from the blocks before it.

    The penalty for a block is the one that has predicted the blocks before it best, each from the blocks before that.
    Nothing is borrowed from other products: their rows hold later batches.

    Args:
        problem: What to predict.
        first_tried: The first block that is predicted, to choose a penalty for the next ones.
        first_judged: The first block whose predictions are returned; after `first_tried`.
    """
    import numpy as np

    features, targets, blocks = problem.features, problem.values, problem.blocks
    spread = spread_of(features)
    priors = Priors.none(features=features.shape[1], targets=targets.shape[1])
    errors: list[NDArray[np.float64]] = []
    predicted, mean = np.full_like(targets, np.nan), np.full_like(targets, np.nan)
    for block in range(first_tried, int(blocks.max()) + 1):
        earlier, now = blocks < block, blocks == block
        candidates = fit_paths(features[earlier], targets[earlier], priors, spread=spread).predict(features[now])
        if block >= first_judged:
            predicted[now] = _predicted(candidates, choose(np.stack(errors)), targets[earlier])
            mean[now] = targets[earlier].mean(axis=0)
        if now.any():
            errors.append(_squared_errors(targets[now], candidates))
    rows = np.flatnonzero(blocks >= first_judged)
    return Forward(rows, predicted[rows], mean[rows])

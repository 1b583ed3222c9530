"""How wrong the fit of a problem is, on batches that it did not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.fits import ProblemFit
from src.training.batchai.intervals import Radius, fit_radii, forward_coverage
from src.training.batchai.model import QUANTILES
from src.training.batchai.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """The errors of a problem's targets.

    Attributes:
        rmse: Shape (targets,): of the out-of-fold predictions.
        rmse_mean: Shape (targets,): of the mean of the other folds.
        rmse_forward: Shape (targets,): of the later batches, each predicted from earlier ones; NaN where none are.
        rmse_mean_forward: Shape (targets,): of the mean of the earlier ones.
        quantiles: Shape (quantiles, targets): quantiles of the out-of-fold residuals, at `QUANTILES`.
        lowest: Shape (targets,): the lowest value that was measured.
        highest: Shape (targets,): the highest.
        spread: Shape (targets,): the standard deviation of what was measured.
        radii: Half the widths of the intervals of predictions, of each target.
        forward_coverage: Shape (targets,): the share of the later batches that these would have held.
    """

    rmse: NDArray[np.float64]
    rmse_mean: NDArray[np.float64]
    rmse_forward: NDArray[np.float64]
    rmse_mean_forward: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    spread: NDArray[np.float64]
    radii: Sequence[Radius]
    forward_coverage: NDArray[np.float64]


def score(problem: Problem, fit: ProblemFit) -> Scores:
    """Compare what was predicted with what was measured."""
    import numpy as np

    residuals = problem.values - fit.predicted
    later = problem.values[fit.forward.rows]
    later_residuals = later - fit.forward.predicted
    lowest, highest = problem.values.min(axis=0), problem.values.max(axis=0)
    radii = fit_radii(residuals, fit.predicted, lowest=lowest, highest=highest, batches=problem.batches)
    held = [
        radius.at(column, lowest=low, highest=high)
        for radius, column, low, high in zip(
            radii, fit.forward.predicted.T, lowest.tolist(), highest.tolist(), strict=True
        )
    ]
    return Scores(
        rmse=_rms(residuals),
        rmse_mean=_rms(problem.values - fit.mean),
        rmse_forward=_rms(later_residuals),
        rmse_mean_forward=_rms(later - fit.forward.mean),
        quantiles=_quantiles(residuals),
        lowest=lowest,
        highest=highest,
        spread=problem.values.std(axis=0),
        radii=radii,
        forward_coverage=forward_coverage(later_residuals, np.stack(held, axis=1)),
    )


def _rms(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The root of the mean square of each column; NaN where there are no rows."""
    import numpy as np

    if not len(errors):
        return np.full(errors.shape[1], np.nan)
    squares: NDArray[np.float64] = np.square(errors).mean(axis=0)
    return np.sqrt(squares)


def _quantiles(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `numpy.quantile` (linear), which takes ten times as long for so few. Shape (quantiles, targets)."""
    import numpy as np

    ordered = np.sort(residuals, axis=0)
    place = np.asarray(QUANTILES) * (len(ordered) - 1)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    share = (place - below)[:, None]
    quantiles: NDArray[np.float64] = ordered[below] + (ordered[above] - ordered[below]) * share
    return quantiles

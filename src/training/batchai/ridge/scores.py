"""How wrong fits are, on batches that they did not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.intervals import QUANTILES, Predicted, Radius, fit_radii, forward_coverage
from src.training.batchai.ridge.problems import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.training.batchai.ridge.fits import Forward


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
        radii: Shape (2, targets): half the widths of the intervals at the lowest and at the highest value.
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
    radii: NDArray[np.float64]
    forward_coverage: NDArray[np.float64]

    def radius(self, target: int) -> Radius:
        """Half the width of the intervals of a target's predictions."""
        at_lowest, at_highest = self.radii[:, target].tolist()
        return Radius(at_lowest, at_highest)


@dataclass(frozen=True)
class Judged:
    """Predictions of some problems beside those of the mean.

    Attributes:
        predictions: The predictions.
        mean: Shape (problems, targets, rows): the mean of what the prediction was learnt from.
    """

    predictions: Predicted
    mean: NDArray[np.float64]

    def rmse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The errors of the predictions and of the mean, each (problems, targets); NaN where there is no row."""
        import numpy as np

        count = self.predictions.counts[:, None]
        of_mean = np.where(self.predictions.taken[:, None] > 0, self.predictions.measured - self.mean, 0)
        squares = (np.square(errors).sum(axis=2) for errors in (self.predictions.residuals, of_mean))
        own, mean = (np.where(count > 0, np.sqrt(part / np.maximum(count, 1)), np.nan) for part in squares)
        return own, mean


def score(
    out_of_fold: Judged,
    forward: Judged,
    *,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    spread: NDArray[np.float64],
    batches: NDArray[np.int64],
) -> list[Scores]:
    """Compare what was predicted with what was measured.

    Args:
        out_of_fold: All rows, each predicted without its fold.
        forward: The later rows, each predicted from earlier batches.
        lowest: Shape (problems, targets): the lowest value that was measured.
        highest: Shape (problems, targets): the highest.
        spread: Shape (problems, targets): the standard deviation of what was measured.
        batches: Shape (problems,): how many batches there are.

    Returns:
        The scores of each problem.
    """
    import numpy as np

    rmse, forward_rmse = out_of_fold.rmse(), forward.rmse()
    quantiles = _quantiles(out_of_fold.predictions)
    radii = fit_radii(out_of_fold.predictions, lowest=lowest, highest=highest, batches=batches)
    coverage = forward_coverage(forward.predictions, radii, lowest=lowest, highest=highest)
    both = np.stack(radii, axis=1)
    columns = (*rmse, *forward_rmse, quantiles, lowest, highest, spread, both, coverage)
    return [Scores(*(column[number] for column in columns)) for number in range(len(batches))]


def score_rows(problem: Problem, predicted: NDArray[np.float64], mean: NDArray[np.float64], later: Forward) -> Scores:
    """How wrong the predictions of a problem are.

    Args:
        problem: The problem.
        predicted: Shape (rows, targets): out of fold.
        mean: Shape (rows, targets): the mean of the other folds.
        later: Predictions from earlier batches.
    """
    import numpy as np

    def judged(measured: NDArray[np.float64], predicted: NDArray[np.float64], mean: NDArray[np.float64]) -> Judged:
        return Judged(Predicted(measured.T[None], predicted.T[None], np.ones((1, len(measured)))), mean.T[None])

    (scores,) = score(
        judged(problem.values, predicted, mean),
        judged(problem.values[later.rows], later.predicted, later.mean),
        lowest=problem.values.min(axis=0)[None],
        highest=problem.values.max(axis=0)[None],
        spread=problem.values.std(axis=0)[None],
        batches=np.asarray([problem.batches]),
    )
    return scores


def _quantiles(rows: Predicted) -> NDArray[np.float64]:
    """As `numpy.quantile` (linear) of each problem's residuals. Shape (problems, quantiles, targets)."""
    import numpy as np

    residuals = np.where(rows.taken[:, None] > 0, rows.residuals, np.inf)
    ordered = np.sort(residuals, axis=2)
    last = rows.counts[:, None] - 1
    place = np.asarray(QUANTILES) * last
    below = place.astype(np.int64)
    share = (place - below)[:, None]
    low, high = (
        np.take_along_axis(ordered, index[:, None], axis=2)
        for index in (below, np.minimum(below + 1, last.astype(np.int64)))
    )
    quantiles: NDArray[np.float64] = (low + (high - low) * share).swapaxes(1, 2)
    return quantiles

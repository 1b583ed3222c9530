"""How wrong a problem's predictions are, on batches that the fits did not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.intervals import QUANTILES, Predicted, Radius, fit_radii, forward_coverage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HeldOut:
    """Rows that were predicted by fits which did not know them.

    Attributes:
        rows: Shape (rows,): which rows of the problem.
        measured: Shape (rows, targets).
        predicted: Shape (rows, targets).
        mean: Shape (rows, targets): the mean of what the fit knew.
    """

    rows: NDArray[np.int64]
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]

    def rmse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The errors of the predictions and of the mean, each of shape (targets,); NaN where there is no row."""
        import numpy as np

        count = len(self.rows)
        if not count:
            nothing = np.full(self.measured.shape[1], np.nan)
            return nothing, nothing
        own, mean = (
            np.sqrt(np.square(self.measured - part).sum(axis=0) / count) for part in (self.predicted, self.mean)
        )
        return own, mean

    def by_target(self) -> Predicted:
        """As the intervals take it."""
        import numpy as np

        return Predicted(self.measured.T[None], self.predicted.T[None], np.ones((1, len(self.rows))))


@dataclass(frozen=True)
class Scores:
    """The errors of a problem's targets.

    Attributes:
        rmse: Shape (targets,): of the out-of-fold predictions.
        rmse_mean: Shape (targets,): of the mean of the other folds.
        rmse_forward: Shape (targets,): of the later batches, each predicted from earlier ones; NaN where none are.
        rmse_mean_forward: Shape (targets,): of the mean of the earlier ones.
        quantiles: Shape (quantiles, targets): quantiles of the out-of-fold residuals, at `QUANTILES`.
        radii: Shape (2, targets): half the widths of the intervals at the lowest and at the highest value.
        forward_coverage: Shape (targets,): the share of the later batches that these would have held.
    """

    rmse: NDArray[np.float64]
    rmse_mean: NDArray[np.float64]
    rmse_forward: NDArray[np.float64]
    rmse_mean_forward: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    radii: NDArray[np.float64]
    forward_coverage: NDArray[np.float64]

    def radius(self, target: int) -> Radius:
        """Half the width of the intervals of a target's predictions."""
        at_lowest, at_highest = self.radii[:, target].tolist()
        return Radius(at_lowest, at_highest)


def score(out_of_fold: HeldOut, forward: HeldOut, *, batches: int) -> Scores:
    """Compare what was predicted with what was measured.

    Args:
        out_of_fold: All rows, each predicted without its fold.
        forward: The later rows, each predicted from earlier batches.
        batches: How many batches there are.
    """
    import numpy as np

    lowest, highest = out_of_fold.measured.min(axis=0)[None], out_of_fold.measured.max(axis=0)[None]
    rows = out_of_fold.by_target()
    radii = fit_radii(rows, lowest=lowest, highest=highest, batches=np.asarray([batches]))
    coverage = forward_coverage(forward.by_target(), radii, lowest=lowest, highest=highest)
    return Scores(
        *out_of_fold.rmse(),
        *forward.rmse(),
        quantiles=np.quantile(out_of_fold.measured - out_of_fold.predicted, QUANTILES, axis=0),
        radii=np.concatenate(radii),
        forward_coverage=coverage[0],
    )

"""Training sets that leave some of the rows out, and how well what is learnt from them predicts these rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from src.training.batchai.credible_range import MARGIN, believe, keep_in_reach, reach
from src.training.batchai.ridge.cross_products import Segments
from src.training.batchai.ridge.penalty_path import Decomposition, held_out_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingSets:
    """Training sets of the same kind for all problems: some segments are left out, and some of these are held out.

    Attributes:
        segments: The rows of the problems.
        outs: For each set the segments that it leaves out.
        held: For each set those of them that it is judged on; the same number for all sets.
        fitted: Shape (problems, sets): the sets, prepared.
    """

    segments: Segments
    outs: Sequence[tuple[int, ...]]
    held: Sequence[tuple[int, ...]]
    fitted: Decomposition

    @cached_property
    def ranges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The range of each column in training. Shapes (problems, sets, features + targets)."""
        import numpy as np

        count = self.segments.low.shape[1]
        kept = [[segment for segment in range(count) if segment not in out] for out in self.outs]
        low = np.stack([self.segments.low[:, keep].min(axis=1) for keep in kept], axis=1)
        return low, np.stack([self.segments.high[:, keep].max(axis=1) for keep in kept], axis=1)

    def errors(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """See `held_out_errors`; rows count as far as their values are believed."""
        import numpy as np

        held = np.asarray(self.held)
        products = self.segments.products[:, held]
        sets, parts = np.divmod(np.arange(held.size), held.shape[1])
        problem, place = np.nonzero(self._beyond(held).reshape(len(products), -1))
        if len(problem):
            segment = held[sets[place], parts[place]]
            columns = self.segments.columns[problem, :, segment]
            features = self.fitted.mean.shape[2]
            believed = self._believed(columns[:, 1 : 1 + features], problem, sets[place])
            columns[:, 1 : 1 + features] = believed * columns[:, :1]  # slots without a row stay zero
            products[problem, sets[place], parts[place]] = columns @ columns.transpose(0, 2, 1)
        return held_out_errors(self.fitted, products)

    def predict(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict the rows of the first segment that each set is judged on.

        Args:
            coefficients: Shape (problems, sets, features, targets).

        Returns:
            Shape (problems, sets, targets, padded rows), in standardised units.
        """
        import numpy as np

        features = coefficients.shape[2]
        held = np.asarray(self.held)[:, :1]
        turned = coefficients.swapaxes(2, 3)
        level = self.fitted.target_mean[..., None] - turned @ self.fitted.mean[..., None]
        predicted = turned @ self.segments.columns[:, 1 : 1 + features, held[:, 0]].transpose(0, 2, 1, 3)
        problem, place = np.nonzero(self._beyond(held)[:, :, 0])
        if len(problem):
            columns = self.segments.columns[problem, 1 : 1 + features, held[place, 0]]
            predicted[problem, place] = turned[problem, place] @ self._believed(columns, problem, place)
        predicted += level
        low, high = (limit[:, :, features:, None] for limit in self.ranges)
        return keep_in_reach(predicted, low, high)

    def _beyond(self, held: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Where a segment has values that don't count as they are. Shape (problems, sets, parts).

        Few have any: only these look at their rows again.
        """
        import numpy as np

        features = self.fitted.mean.shape[2]
        lower, upper = (limit[:, :, None] for limit in reach(*self._feature_ranges(), share=MARGIN))
        low, high = (part[:, held, :features] for part in (self.segments.low, self.segments.high))
        beyond: NDArray[np.bool_] = np.any((low < lower) | (high > upper), axis=3)
        return beyond

    def _believed(
        self, values: NDArray[np.float64], problem: NDArray[np.int64], place: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Values of shape (some, features, padded rows) as far as they are believed by their problem's training set."""
        low, high = (limit[problem, place, :, None] for limit in self._feature_ranges())
        return believe(values, low, high, self.fitted.mean[problem, place, :, None])

    def _feature_ranges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        features = self.fitted.mean.shape[2]
        low, high = self.ranges
        return low[:, :, :features], high[:, :, :features]

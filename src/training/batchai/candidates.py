"""Between what training chooses: how strongly coefficients are shrunk, and toward what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PENALTIES = (*(10 ** (step / 2) for step in range(-10, 11)), float("inf"))
"""Penalties on standardised features. The infinite one leaves nothing but what the coefficients are shrunk toward:
without a prior the mean alone, the last resort of a group in which nothing predicts."""


MEAN = len(PENALTIES) - 1
"""The candidate that predicts the mean: no prior, infinite penalty."""


@dataclass(frozen=True)
class Priors:
    """What coefficients may be shrunk toward.

    Attributes:
        names: What people call each; the first is ``none``: toward zero.
        coefficients: Shape (priors, features, targets): per original unit of the feature, for a target whose standard
            deviation is 1. The first is zero.
    """

    names: tuple[str, ...]
    coefficients: NDArray[np.float64]

    @classmethod
    def none(cls, *, features: int, targets: int, why: str = "none") -> Priors:
        """Nothing but zero, and why there is nothing else."""
        import numpy as np

        return cls((why,), np.zeros((1, features, targets)))


class FoldErrors:
    """Errors of all candidates, fold after fold, and the choice between them.

    A candidate has to beat the mean by more than one standard error of the difference over the folds (as the rule of
    Breiman, Friedman, Olshen & Stone, Classification and Regression Trees (1984), section 3.4.3): with few batches and
    many candidates the best one often is best by chance.
    """

    def __init__(self) -> None:
        import numpy as np

        self._folds = 0
        self._errors: NDArray[np.float64] = np.zeros(())
        self._squared_gains: NDArray[np.float64] = np.zeros(())

    def add(self, errors: NDArray[np.float64]) -> None:
        """Add a held-out fold.

        Args:
            errors: Shape (..., candidates, targets): sums of squared errors on the fold, the penalties of one prior
                after the other, each from small to large.
        """
        self._folds += 1
        self._errors = self._errors + errors
        self._squared_gains = self._squared_gains + (errors - errors[..., MEAN : MEAN + 1, :]) ** 2

    def best(self) -> NDArray[np.int64]:
        """Choose a candidate.

        Returns:
            Shape (..., targets): its position; of equal ones the largest penalty of the first prior.
        """
        import numpy as np

        gain = self._errors - self._errors[..., MEAN : MEAN + 1, :]
        variance = np.maximum(self._squared_gains - gain**2 / self._folds, 0) / max(1, self._folds - 1)
        return first_of_smallest(self._errors + np.sqrt(self._folds * variance))


def first_of_smallest(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The position of the smallest score of each target, of equal ones the largest penalty of the first prior.

    Args:
        scores: Shape (..., candidates, targets).
    """
    import numpy as np

    penalties = len(PENALTIES)
    *outer, candidates, targets = scores.shape
    by_prior = scores.reshape(*outer, candidates // penalties, penalties, targets)
    # from the largest penalty to the smallest: argmin takes the first of equal ones
    position = penalties - 1 - np.argmin(by_prior[..., ::-1, :], axis=-2)
    prior = np.argmin(by_prior.min(axis=-2), axis=-2)
    penalty = np.take_along_axis(position, prior[..., None, :], axis=-2)[..., 0, :]
    chosen: NDArray[np.int64] = prior * penalties + penalty
    return chosen

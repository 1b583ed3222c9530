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

CLEARLY = 1e-9
"""A candidate beats the mean only by more than this share of the mean's error."""


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


def choose(errors: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose a candidate, a prior and a penalty, for each target by its errors on held-out folds.

    A candidate has to beat the mean by more than one standard error of the difference over the folds (as the rule of
    Breiman, Friedman, Olshen & Stone, Classification and Regression Trees (1984), section 3.4.3): with few batches and
    many candidates the best one often is best by chance.

    Args:
        errors: Shape (..., folds, priors, penalties, targets): sums of squared errors on each fold.

    Returns:
        Shape (..., targets): ``prior · penalties + penalty``; of equal ones the largest penalty of the first prior.
    """
    import numpy as np

    folds = errors.shape[-4]
    total = errors.sum(axis=-4)
    gains = errors - errors[..., :1, -1:, :]  # no prior and an infinite penalty: the mean
    squared_gains = np.square(gains, out=gains).sum(axis=-4)
    gain = total - total[..., :1, -1:, :]
    variance = np.maximum(squared_gains - gain**2 / max(1, folds), 0) / max(1, folds - 1)
    scores = total + np.sqrt(folds * variance)
    mean = scores[..., :1, -1:, :]
    # where only one fold differs from the mean, the rule gives exactly the mean's score, and rounding must not decide
    scores = np.where(scores < mean - CLEARLY * total[..., :1, -1:, :], scores, np.inf)
    scores[..., :1, -1:, :] = mean
    return first_of_smallest(scores)


def first_of_smallest(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The position of the smallest score of each target, of equal ones the largest penalty of the first prior.

    Args:
        scores: Shape (..., priors, penalties, targets).
    """
    import numpy as np

    penalties = scores.shape[-2]
    # from the largest penalty to the smallest: argmin takes the first of equal ones
    position = penalties - 1 - np.argmin(scores[..., ::-1, :], axis=-2)
    prior = np.argmin(scores.min(axis=-2), axis=-2)
    penalty = np.take_along_axis(position, prior[..., None, :], axis=-2)[..., 0, :]
    chosen: NDArray[np.int64] = prior * penalties + penalty
    return chosen

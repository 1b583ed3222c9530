"""What fitting a problem gives, however it was solved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from src.training.batchai.ridge.candidates import PENALTIES
from src.training.batchai.ridge.scores import Scores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Solver(str, Enum):
    """How a problem was solved, and why not by cross-products."""

    CROSS_PRODUCTS = "cross-products"
    GAPS = "singular values: features have gaps"
    ILL_CONDITIONED = "singular values: ill-conditioned"
    CANCELLED = "singular values: errors cancel"


@dataclass(frozen=True)
class Forward:
    """Batches predicted from earlier ones.

    Attributes:
        rows: Shape (predicted rows,): which rows of the problem they are.
        predicted: Shape (predicted rows, targets).
        mean: Shape (predicted rows, targets): the mean of the earlier rows.
    """

    rows: NDArray[np.int64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]

    @classmethod
    def nothing(cls, targets: int) -> Forward:
        """No predictions."""
        import numpy as np

        return cls(np.empty(0, dtype=np.int64), np.empty((0, targets)), np.empty((0, targets)))


@dataclass(frozen=True)
class ProblemFit:
    """A problem's fit on all its rows, and its predictions of batches that a fit did not know.

    Attributes:
        chosen: Shape (targets,): the chosen candidate, a prior and a penalty.
        prior_names: What people call the priors.
        intercepts: Shape (targets,), in the units of the targets.
        coefficients: Shape (features, targets), in original units.
        errors: Shape (features, targets): standard errors of the coefficients, see `jackknife_errors`.
        spread: Shape (features,): the standard deviation of each feature; of no meaning for a constant one.
        minimum: Shape (features,): the smallest value seen.
        maximum: Shape (features,): the largest.
        fill: Shape (features,): the mean, which stands for a missing value.
        predicted: Shape (rows, targets): out of fold; all that was chosen was chosen without the row's fold.
        mean: Shape (rows, targets): the mean of the other folds.
        forward: Predictions from earlier batches only.
        scores: How wrong these predictions are.
        solver: How it was solved.
    """

    chosen: NDArray[np.int64]
    prior_names: tuple[str, ...]
    intercepts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    errors: NDArray[np.float64]
    spread: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    fill: NDArray[np.float64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]
    forward: Forward
    scores: Scores
    solver: Solver

    def penalty(self, target: int) -> float:
        """The chosen penalty of a target on standardised features; infinite: nothing but what it is shrunk toward."""
        return float(PENALTIES[int(self.chosen[target]) % len(PENALTIES)])

    def prior(self, target: int) -> str:
        """What the coefficients of a target were shrunk toward."""
        return self.prior_names[int(self.chosen[target]) // len(PENALTIES)]


def jackknife_errors(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors by the delete-a-group jackknife (Kott, Journal of Official Statistics 17 (2001) 521-526).

    Each training set of the outer cross-validation leaves one fold out, and chooses its penalty and prior anew: so the
    errors hold the uncertainty of that choice, too, which formulas for one given penalty leave out.

    Args:
        coefficients: Shape (folds, ...): as fitted without each fold.

    Returns:
        Shape (...).
    """
    import numpy as np

    folds = len(coefficients)
    errors: NDArray[np.float64] = np.sqrt((folds - 1) * coefficients.var(axis=0))
    return errors

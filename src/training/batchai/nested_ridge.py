"""Ridge regression of one target of one group, with an error that is honest.

Ridge (Hoerl & Kennard, Technometrics 12 (1970) 55-67) on standardised features: ``min ‖y − Xβ‖² + α‖β‖²``. Everything
that is learnt from data is learnt inside the training rows of a fold: the value that fills gaps, the range that values
are limited to, mean and scale, and the penalty, chosen by an inner cross-validation (nested, Varma & Simon, BMC
Bioinformatics 7 (2006) 91). The largest penalty is infinite: the mean alone, the last resort of a group in which
nothing predicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PENALTIES = (*(10 ** (step / 2) for step in range(-10, 11)), float("inf"))
MARGIN = 0.25
"""Values are limited to the range seen in training and this share of its width beyond either end. Real plants have
instruments that read 0 once, and a linear model follows them anywhere; but features that move together (the wavelengths
of a spectrum) must be let a little further together, or the limit distorts their differences."""


def limits(
    minimum: NDArray[np.float64], maximum: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lower and the upper limit of values, from the range seen in training."""
    room = MARGIN * (maximum - minimum)
    return minimum - room, maximum + room


@dataclass(frozen=True)
class RidgePath:
    """The fits of all penalties on the same rows.

    Attributes:
        intercepts: Shape (penalties,).
        coefficients: Shape (penalties, features), in original units.
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
        """Predict with every penalty. `features` has shape (rows, features); returns shape (penalties, rows)."""
        import numpy as np

        limited = np.clip(np.where(np.isnan(features), self.fill, features), *limits(self.minimum, self.maximum))
        predicted: NDArray[np.float64] = self.coefficients @ limited.T + self.intercepts[:, None]
        return predicted


def fit_path(features: NDArray[np.float64], target: NDArray[np.float64], penalties: NDArray[np.float64]) -> RidgePath:
    """Fit every penalty.

    Args:
        features: Shape (rows, features), NaN where missing.
        target: Shape (rows,), without NaN.
        penalties: Shape (penalties,); infinity gives the mean.
    """
    import numpy as np

    present = ~np.isnan(features)
    counts = np.maximum(present.sum(axis=0), 1)
    fill = np.where(present, features, 0).sum(axis=0) / counts
    filled = np.where(present, features, fill)
    scale = filled.std(axis=0)
    scale[scale <= 1e-12 * np.maximum(np.abs(fill), np.finfo(float).tiny)] = np.inf  # a constant feature counts nothing
    center = filled.mean(axis=0)
    mean = target.mean()
    u, s, vt = np.linalg.svd((filled - center) / scale, full_matrices=False)
    shrunk = np.divide(
        s, s**2 + penalties[:, None], where=np.isfinite(penalties)[:, None], out=np.zeros((len(penalties), len(s)))
    )
    coefficients = (shrunk * (u.T @ (target - mean))) @ vt / scale
    return RidgePath(mean - coefficients @ center, coefficients, filled.min(axis=0), filled.max(axis=0), fill)


@dataclass(frozen=True)
class NestedRidge:
    """A final fit and what cross-validation says of it.

    Attributes:
        path: The fits of all penalties on all rows.
        chosen: The position of the chosen penalty.
        residuals: Shape (rows,): measured minus predicted, out of fold.
        mean_residuals: The same for predicting the training mean.
    """

    path: RidgePath
    chosen: int
    residuals: NDArray[np.float64]
    mean_residuals: NDArray[np.float64]


def nested_ridge(features: NDArray[np.float64], target: NDArray[np.float64], folds: NDArray[np.int64]) -> NestedRidge:
    """Fit a target and estimate its error by nested cross-validation.

    The inner folds of an outer training set are the outer folds that are left.

    Args:
        features: Shape (rows, features), NaN where missing.
        target: Shape (rows,), without NaN.
        folds: Shape (rows,): the fold of each row, from 0.
    """
    import numpy as np

    penalties = np.asarray(PENALTIES)
    names = np.unique(folds)
    residuals, mean_residuals = np.empty(len(target)), np.empty(len(target))
    for outer in names:
        test = folds == outer
        errors = sum(
            _squared_errors(features, target, ~test & (folds != inner), folds == inner, penalties)
            for inner in names
            if inner != outer
        )
        chosen = _best(np.asarray(errors))
        path = fit_path(features[~test], target[~test], penalties)
        residuals[test] = target[test] - path.predict(features[test])[chosen]
        mean_residuals[test] = target[test] - target[~test].mean()
    errors = sum(_squared_errors(features, target, folds != outer, folds == outer, penalties) for outer in names)
    return NestedRidge(fit_path(features, target, penalties), _best(np.asarray(errors)), residuals, mean_residuals)


def _squared_errors(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    penalties: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The sum of squared errors of each penalty. Shape (penalties,)."""
    predicted = fit_path(features[train], target[train], penalties).predict(features[test])
    errors: NDArray[np.float64] = ((target[test] - predicted) ** 2).sum(axis=1)
    return errors


def _best(errors: NDArray[np.float64]) -> int:
    """The position of the smallest error; of equal ones the largest penalty."""
    import numpy as np

    return int(len(errors) - 1 - np.argmin(errors[::-1]))

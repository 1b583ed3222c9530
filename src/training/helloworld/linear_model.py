"""The model of helloworld: a linear model that tells its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MADE_BY = "python helloworld_training.py"


@dataclass(frozen=True)
class LinearModel:
    """``prediction = intercept + sum(coefficient * feature)``, in original units.

    Attributes:
        coefficients: Coefficient by feature, in the order of the columns trained on.
        intercept: The prediction where all features are 0.
        rmse: Root mean squared error on patients that were not trained on, by cross-validation.
        rmse_mean: The same error when the training patients' mean is predicted.
        residuals: The errors behind `rmse`, by patient.
        residuals_mean: Those behind `rmse_mean`.
    """

    coefficients: dict[str, float]
    intercept: float
    rmse: float
    rmse_mean: float
    residuals: tuple[float, ...] = ()
    residuals_mean: tuple[float, ...] = ()

    def predict(self, values: NDArray[np.float64], *, features: Sequence[str]) -> NDArray[np.float64]:
        """Predict for patients.

        Args:
            values: ``(patients, features)``.
            features: Name of each column of `values`.

        Returns:
            ``(patients,)``.

        Raises:
            DataError: A column that the model was trained on is missing.
        """
        if set(self.coefficients) - set(features):
            raise DataError(
                "features of the model are missing",
                found=some_of(features, most=20),
                expected=some_of(self.coefficients, most=20),
                hint=f"train again: {MADE_BY}",
            )
        places = [list(features).index(name) for name in self.coefficients]
        return values[:, places] @ list(self.coefficients.values()) + self.intercept

"""How the linear model of helloworld is fitted, and its error measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from src.training.helloworld.linear_model import LinearModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def train(
    values: NDArray[np.float64], target: NDArray[np.float64], *, features: Sequence[str], folds: int
) -> LinearModel:
    """Fit a ridge regression and measure its error.

    Its penalty is chosen inside each training fold, so that the error is one of patients that nothing was chosen by.

    Args:
        values: ``(patients, features)``.
        target: ``(patients,)``.
        features: Name of each column of `values`.
        folds: Folds of the cross-validation.
    """
    import numpy as np
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    splits = KFold(folds, shuffle=True, random_state=0)

    def residuals_of(estimator: Any) -> NDArray[np.float64]:
        residuals: NDArray[np.float64] = target - cross_val_predict(estimator, values, target, cv=splits)
        return residuals

    estimator = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 4, 25)))
    residuals, residuals_mean = residuals_of(estimator), residuals_of(DummyRegressor())
    scaler, ridge = (step for _, step in estimator.fit(values, target).steps)
    coefficients = ridge.coef_ / scaler.scale_
    return LinearModel(
        coefficients=dict(zip(features, coefficients.tolist(), strict=True)),
        intercept=float(ridge.intercept_ - coefficients @ scaler.mean_),
        rmse=float(np.sqrt(np.mean(residuals**2))),
        rmse_mean=float(np.sqrt(np.mean(residuals_mean**2))),
        residuals=tuple(residuals.tolist()),
        residuals_mean=tuple(residuals_mean.tolist()),
    )

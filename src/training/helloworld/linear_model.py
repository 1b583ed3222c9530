"""The model of helloworld: a linear model that tells its error, stored as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.committed_folder import read_manifest, replace_folder, verify_files
from src.common.errors import DataError, IntegrityError, some_of
from src.common.json_text import from_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "helloworld model"
MADE_BY = "python helloworld_training.py"
MODEL_FILE = "model.json"


@dataclass(frozen=True)
class LinearModel:
    """``prediction = intercept + sum(coefficient * feature)``, in original units.

    Attributes:
        coefficients: Coefficient by feature, in the order of the columns trained on.
        intercept: The prediction where all features are 0.
        rmse: Root mean squared error on patients that were not trained on, by cross-validation.
        rmse_mean: The same error when the training patients' mean is predicted.
    """

    coefficients: dict[str, float]
    intercept: float
    rmse: float
    rmse_mean: float

    def predict(self, values: NDArray[np.float64], *, features: Sequence[str]) -> NDArray[np.float64]:
        """Predict for patients.

        Args:
            values: ``(patients, features)``.
            features: Name of each column of `values`.

        Returns:
            ``(patients,)``.

        Raises:
            DataError: The columns are not those that the model was trained on.
        """
        if list(features) != list(self.coefficients):
            raise DataError(
                "these are not the features of the model",
                found=some_of(features, most=20),
                expected=some_of(self.coefficients, most=20),
                hint=f"train again: {MADE_BY}",
            )
        return values @ list(self.coefficients.values()) + self.intercept


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

    def rmse_of(estimator: Any) -> float:
        residuals = target - cross_val_predict(estimator, values, target, cv=splits)
        return float(np.sqrt(np.mean(residuals**2)))

    estimator = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 4, 25)))
    rmse, rmse_mean = rmse_of(estimator), rmse_of(DummyRegressor())
    scaler, ridge = (step for _, step in estimator.fit(values, target).steps)
    coefficients = ridge.coef_ / scaler.scale_
    return LinearModel(
        coefficients=dict(zip(features, coefficients.tolist(), strict=True)),
        intercept=float(ridge.intercept_ - coefficients @ scaler.mean_),
        rmse=rmse,
        rmse_mean=rmse_mean,
    )


def save_model(folder: Path, model: LinearModel) -> None:
    """Write a model; the old one stays whole until the new one is."""
    with replace_folder(folder, kind=KIND) as staged:
        staged.write_json(MODEL_FILE, asdict(model))


def load_model(folder: Path) -> LinearModel:
    """Read the model that `save_model` wrote.

    Raises:
        DataError: There is none.
        IntegrityError: It is not what was written.
    """
    verify_files(folder, read_manifest(folder, kind=KIND, made_by=MADE_BY))
    file = folder / MODEL_FILE
    try:
        return LinearModel(**from_json(file.read_bytes()))
    except TypeError as error:
        raise IntegrityError(
            "the model is of another version", where=file, found=error, hint=f"train again: {MADE_BY}"
        ) from error

"""What people fit instead to a few dozen batches, each with its usual settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LassoCV, LinearRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = NDArray[np.float64]
Folds = NDArray[np.int64]
MOST_COMPONENTS = 15


def _partial_least_squares(features: Array, folds: Folds) -> Any:
    fewest = min(int((folds != fold).sum()) for fold in np.unique(folds))
    components = range(1, min(MOST_COMPONENTS, features.shape[1], fewest - 1) + 1)
    return GridSearchCV(
        PLSRegression(), {"n_components": list(components)}, cv=PredefinedSplit(folds), scoring="neg_mean_squared_error"
    )


def _gaussian_process(_features: Array, _folds: Folds) -> Any:
    kernel = ConstantKernel() * RBF(10.0) + WhiteKernel()
    return make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, normalize_y=True, random_state=0))


def _explainable_boosting(_features: Array, _folds: Folds) -> Any:
    return import_module("interpret.glassbox").ExplainableBoostingRegressor(random_state=0, n_jobs=1)


PEERS: dict[str, Callable[[Array, Folds], Any]] = {
    "least squares": lambda _features, _folds: LinearRegression(),
    "RidgeCV": lambda _features, _folds: make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-5, 5, 21))),
    "LassoCV": lambda _features, folds: make_pipeline(StandardScaler(), LassoCV(cv=PredefinedSplit(folds))),
    "PLS": _partial_least_squares,
    "random forest": lambda _features, _folds: RandomForestRegressor(random_state=0),
    "boosting": lambda _features, _folds: GradientBoostingRegressor(random_state=0),
    "Gaussian process": _gaussian_process,
    **({"EBM": _explainable_boosting} if find_spec("interpret") else {}),
}
"""By name: what makes a model for training features of shape (rows, features) and their folds, of shape (rows,)."""
PRETRAINED = "ptLasso"
"""The pretrained lasso (Craig et al., *J. Royal Statistical Society B* (2025)), in its authors' package. It learns from
all products of a location at once."""
REASONS = {
    "EBM": "InterpretML's explainable boosting machine: pip install -r requirements/benchmarks.txt",
    PRETRAINED: "its solver, adelie, asks for numpy below 2, so it can't be pinned beside ours; it runs with numpy 2: "
    "pip install --no-deps ptlasso adelie, and pip install matplotlib ipython tqdm",
}
"""What may be missing: what it is, why, and how to get it."""


def missing_peers() -> list[str]:
    """The names of the peers that are not installed."""
    modules = {"EBM": ("interpret",), PRETRAINED: ("ptlasso", "adelie", "matplotlib", "IPython")}
    return [name for name, needed in modules.items() if not all(find_spec(module) for module in needed)]


def predict_out_of_fold(name: str, features: Array, values: Array, folds: Folds) -> Array:
    """Predict every fold with a peer that was trained on the others; gaps are filled with the training mean.

    Args:
        name: One of `PEERS`.
        features: Shape (rows, features), NaN where missing.
        values: Shape (rows,).
        folds: Shape (rows,). What a peer chooses by cross-validation, it chooses in the folds that are left.

    Returns:
        Shape (rows,).
    """
    predicted = np.empty_like(values)
    for fold in np.unique(folds):
        train, held = folds != fold, folds == fold
        filled = SimpleImputer(keep_empty_features=True).fit(features[train])
        known = filled.transform(features[train])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", UserWarning)  # PLS says so when the residual is constant before its end
            model = PEERS[name](known, folds[train]).fit(known, values[train])
        predicted[held] = np.ravel(model.predict(filled.transform(features[held])))
    return predicted


def predict_pretrained(products: Sequence[tuple[Array, Array, Folds]]) -> list[Array]:
    """Predict one target of all products of a location out of fold with the pretrained lasso.

    Args:
        products: Of each product features (rows, features), values (rows,) and folds (rows,). What is held out in one
            product is held out in all.

    Returns:
        Shape (rows,) of each product.
    """
    model_of = import_module("ptlasso").PretrainedLassoCV
    features, values, folds = (np.concatenate([product[place] for product in products]) for place in range(3))
    groups = np.repeat(np.arange(len(products)), [len(product[1]) for product in products])
    predicted = np.empty_like(values)
    for fold in np.unique(folds):
        train, held = folds != fold, folds == fold
        filled = np.empty_like(features)
        for group in np.unique(groups):
            mine = groups == group
            imputer = SimpleImputer(keep_empty_features=True).fit(features[mine & train])
            filled[mine] = imputer.transform(features[mine])
        np.random.seed(0)  # the package draws its folds from this generator
        model = model_of(verbose=False, n_threads=1).fit(filled[train], values[train], groups[train])
        predicted[held] = model.predict(filled[held], groups[held])
    return [predicted[groups == group] for group in range(len(products))]

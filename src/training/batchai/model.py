"""The trained model: a sum of lines, curves and products per target, product and location, and how it predicts.

How it lies on the disk: `src.training.batchai.model_files`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from src.common.errors import DataError, did_you_mean, some_of
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.data_preparation.batchai.target_description import LINEAR, LOG
from src.training.batchai.input_space import InputSpace
from src.training.batchai.intervals import COVERAGE, Radius
from src.training.batchai.plausible_range import DOUBT, MARGIN, TARGET_MARGIN, clip_and_impute, clip_prediction
from src.training.batchai.target_scale import logarithmic_mean, one_to_scale, one_to_unit
from src.training.batchai.terms import Curve, Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MADE_BY = "python src/training/batchai/batchai_training.py"
INTERCEPT = "(intercept)"


@dataclass(frozen=True)
class Limits:
    """How far beyond the ranges of training values and predictions may lie, as shares of their widths.

    Attributes:
        margin: A value counts as it is.
        doubt: A value counts as a measurement, and is clipped.
        target_margin: A prediction may go.
    """

    margin: float = MARGIN
    doubt: float = DOUBT
    target_margin: float = TARGET_MARGIN


@dataclass(frozen=True)
class TargetModel:
    """A model of one target of one product at one location: a sum of lines and, where there are, curves and products.

    ``prediction = intercept + Σ coefficient · value + Σ curve(value) + Σ coefficient · (value − mean)(value − mean)``
    (see `src.training.batchai.terms`), or the exponential of that where the target is fitted as its logarithm (see
    `src.training.batchai.target_scale`): a value beyond the range seen in training is clipped; one that is missing, or
    too far out, counts as the mean of training; and the prediction is clipped to the range that was measured, and a
    little beyond (see `plausible_range`).

    Attributes:
        intercept: In the unit of the target, or its logarithm.
        coefficients: Shape (features,), target unit per feature unit, or the change of its logarithm.
        minimum: Shape (features,): the smallest value seen in training.
        maximum: Shape (features,): the largest.
        fill: Shape (features,): what stands for a missing value, the mean of training.
        lowest: The smallest measured value of the target.
        highest: The largest.
        residuals: Shape (quantiles,): quantiles of measured minus predicted, out of fold, at `intervals.QUANTILES`.
        limits: How far beyond the ranges values and predictions may lie.
        radius: Half the width of a prediction's interval (see `intervals`), on the target's scale.
        coverage: The share of batches that the interval should hold.
        forward_coverage: The share of later batches, predicted from earlier ones, that the interval held; NaN: unknown.
        curves: What is added to the lines of single features.
        pairs: What is added for two features together.
        scale: How the target was fitted, one of `SCALES`. What the methods return is in its unit in any case.
    """

    intercept: float
    coefficients: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    fill: NDArray[np.float64]
    lowest: float
    highest: float
    residuals: NDArray[np.float64]
    limits: Limits
    radius: Radius = field(default_factory=Radius)
    coverage: float = COVERAGE
    forward_coverage: float = math.nan
    curves: tuple[Curve, ...] = ()
    pairs: tuple[Pair, ...] = ()
    scale: str = LINEAR

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict rows of features of shape (rows, features), NaN where not measured. Returns shape (rows,)."""
        fitted = clip_prediction(self._fitted(features), *self._ends, margin=self.limits.target_margin)
        return one_to_unit(fitted, self.scale)

    def predict_unlimited(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict without clipping the prediction. Shapes as in `predict`."""
        return one_to_unit(self._fitted(features), self.scale)

    def _fitted(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of terms on the target's scale. Shape (rows,)."""
        import numpy as np

        # row by row, so that a batch's prediction does not depend on its neighbours to the last bit
        values = self.clip_and_impute(features)
        predicted = self.intercept + np.ascontiguousarray(values * self.coefficients).sum(axis=1)
        for curve in self.curves:
            predicted += curve.at(values[:, curve.feature])
        for pair, product in self._products(values):
            predicted += pair.coefficient * product
        return np.asarray(predicted)

    def _products(self, values: NDArray[np.float64]) -> Iterator[tuple[Pair, NDArray[np.float64]]]:
        """Each pair, and the product of its values' distances from their means, of shape (rows,)."""
        distances = values - self.fill
        for pair in self.pairs:
            yield pair, distances[:, pair.first] * distances[:, pair.second]

    @property
    def _ends(self) -> tuple[float, float]:
        """The lowest and the highest measured value, on the target's scale."""
        import numpy as np

        lowest, highest = one_to_scale(np.array([self.lowest, self.highest]), self.scale).tolist()
        return lowest, highest

    def interval(self, predicted: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The ends of the intervals of predictions, of their shape; open at both where none can be promised."""
        import numpy as np

        lowest, highest = self._ends
        fitted = one_to_scale(predicted, self.scale)
        radii = self.radius.at(fitted, lowest=lowest, highest=highest)
        if not self.radius.known:
            return np.full(predicted.shape, -math.inf), np.full(predicted.shape, math.inf)
        if self.scale == LOG:
            return predicted * np.exp(-radii), predicted * np.exp(radii)
        return predicted - radii, predicted + radii

    def clip_and_impute(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Limit and fill values (see `plausible_range.clip_and_impute`). The shape of `features`."""
        return clip_and_impute(
            features, self.minimum, self.maximum, self.fill, margin=self.limits.margin, doubt=self.limits.doubt
        )

    @property
    def mean_prediction(self) -> float:
        """The prediction of a batch whose every feature is the mean of training."""
        curved = sum(float(curve.at(self.fill[[curve.feature]])[0]) for curve in self.curves)
        fitted = float(self.intercept + (self.fill * self.coefficients).sum() + curved)
        return math.exp(fitted) if self.scale == LOG else fitted

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much each feature moves the prediction away from `mean_prediction`. Shape (rows, features).

        Line and curve of a feature against the mean of training, and half of each product that it is part of. For a
        linear model these are its Shapley values when features are taken as independent (Lundberg & Lee, NeurIPS 30
        (2017), section 4), and a product is shared evenly as Shapley values share it. What that adds to the logarithm
        of a target counts `logarithmic_mean` times, so that it adds up in the unit of the target, too.
        """
        values = self.clip_and_impute(features)
        parts: NDArray[np.float64] = (values - self.fill) * self.coefficients
        for curve in self.curves:
            parts[:, curve.feature] += curve.at(values[:, curve.feature]) - curve.at(self.fill[[curve.feature]])
        for pair, product in self._products(values):
            parts[:, [pair.first, pair.second]] += (pair.coefficient / 2 * product)[:, None]
        if self.scale != LOG:
            return parts
        predicted = self.predict_unlimited(features)
        return parts * logarithmic_mean(predicted, self.mean_prediction + 0 * predicted)[:, None]

    def outside(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values lie outside the range seen in training. Shape (rows, features)."""
        outside: NDArray[np.bool_] = (features < self.minimum) | (features > self.maximum)
        return outside


@dataclass(frozen=True)
class GroupModel:
    """The models of one product.

    Attributes:
        product_id: The product.
        targets: The model of each target that was trained.
        untrained: Why the others were not, by target.
        batches: How many measured batches there were.
        last_batch: The newest batch that it was trained on.
        space: How the features of its batches move together; None where there are too few, or none that varies.
    """

    product_id: str
    targets: Mapping[str, TargetModel]
    untrained: Mapping[str, str]
    batches: int
    last_batch: str
    space: InputSpace | None = None


@dataclass(frozen=True)
class LocationModel:
    """The models of all products of a location: the same features and targets, and the same can be changed in them.

    Attributes:
        location: The location.
        feature_names: The features, in the order of coefficients.
        targets: The targets.
        groups: The models, by product.
        recipe: What can be changed in a batch, and which features are indicators of categories.
        derived: The expressions of the features that are derived, by name; all others were measured or are categories.
    """

    location: str
    feature_names: tuple[str, ...]
    targets: tuple[PreparedTarget, ...]
    groups: Mapping[str, GroupModel]
    recipe: Recipe = field(default_factory=Recipe)
    derived: Mapping[str, str] = field(default_factory=dict)

    def group(self, product_id: str) -> GroupModel:
        """The model of a product.

        Raises:
            DataError: The model does not know it.
        """
        if product_id not in self.groups:
            raise DataError(
                f"the model knows no product_id {product_id!r} at {self.location}"
                f"{did_you_mean(product_id, self.groups)}",
                found=some_of(self.groups, most=12),
                hint=f"train it first: {MADE_BY}; ids are text, so 7 and 007 are two products",
            )
        return self.groups[product_id]


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes:
        locations: By name.
        data_version: The version of the prepared data that it was trained on.
        training: How it was trained: options and library versions.
        limits: How far beyond the ranges of training values and predictions may lie.
        version: What names exactly this model: twelve hexadecimal digits of its content.
        registered_as: Its name and version in the registry, such as ``batchai 3``; empty where it is not registered.
    """

    locations: Mapping[str, LocationModel]
    data_version: str
    training: Mapping[str, Any]
    limits: Limits = field(default_factory=Limits)
    version: str = ""
    registered_as: str = ""

    @property
    def title(self) -> str:
        """The model, for a person."""
        return f"{self.registered_as} (model {self.version})" if self.registered_as else f"model {self.version}"

    def location(self, name: str) -> LocationModel:
        """The model of a location.

        Raises:
            DataError: The model does not know it.
        """
        if name not in self.locations:
            raise DataError(
                f"the model knows no location {name!r}{did_you_mean(name, self.locations)}",
                found=some_of(self.locations, most=12),
                hint=f"train it first: {MADE_BY}",
            )
        return self.locations[name]

    def trained(self) -> Iterator[tuple[LocationModel, GroupModel, str, TargetModel]]:
        """Every trained target, in the order of the files."""
        for location in self.locations.values():
            for group in location.groups.values():
                for name, target in group.targets.items():
                    yield location, group, name, target

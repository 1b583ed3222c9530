"""A batch that may be off target, and what each of its targets has to reach."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.data_preparation.batchai.target_description import LOG
from src.inference.batchai.prediction import Estimate, estimate_rows
from src.training.batchai.model import LocationModel, TargetModel
from src.training.batchai.target_scale import one_to_scale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """A batch to be adjusted.

    Attributes:
        product_id: Its product.
        batch_id: Its id.
        row: Its row among those of its group, from 1.
        features: Shape (features,), NaN where not measured.
        measured: What was measured of it so far, by target.
    """

    product_id: str
    batch_id: str
    row: int
    features: NDArray[np.float64]
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Goal:
    """A target that has to be inside its limits.

    Attributes:
        name: The target.
        unit: Its unit.
        model: Its model.
        lower: What it has to reach; minus infinity where open.
        upper: What it must not exceed.
        shift: What is added to every prediction: how far the batch as it is was measured from its prediction.
        confident: Whether the whole interval has to be inside.
    """

    name: str
    unit: str
    model: TargetModel
    lower: float
    upper: float
    shift: float
    confident: bool = False

    @property
    def scale(self) -> float:
        """The width of the target's range in training."""
        return (self.model.highest - self.model.lowest) or 1.0

    def estimate(self, location: LocationModel, features: NDArray[np.float64]) -> Estimate:
        """What the batch will probably measure with such features, of shape (features,)."""
        found = estimate_rows(location, self.model, features.reshape(1, -1))[0]
        ends = (found.value + self.shift, found.lower + self.shift, found.upper + self.shift)
        return Estimate(*ends, limited=found.limited, outside=found.outside)

    def ends(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What has to be at least `lower`, and what at most `upper`, for features of shape (rows, features)."""
        predicted = self.model.predict_unlimited(features)
        least, most = self.model.interval(predicted) if self.confident else (predicted, predicted)
        return least + self.shift, most + self.shift

    def holds(self, estimate: Estimate) -> bool:
        """Whether an estimate is inside the limits."""
        if self.confident:
            return self.lower <= estimate.lower and estimate.upper <= self.upper
        return self.lower <= estimate.value <= self.upper


def find_goals(location: LocationModel, batch: Batch, *, confident: bool) -> tuple[Goal, ...]:
    """The targets of a batch that have a model and specification limits.

    Raises:
        DataError: There is none, or with `confident` an interval is wider than the limits.
    """
    import numpy as np

    group = location.group(batch.product_id)
    goals = []
    for target in location.targets:
        lower, upper = target.specification
        if (lower is None and upper is None) or target.name not in group.targets:
            continue
        model = group.targets[target.name]
        predicted = float(model.predict(batch.features.reshape(1, -1))[0])
        goal = Goal(
            target.name,
            target.unit,
            model,
            lower=-math.inf if lower is None else lower,
            upper=math.inf if upper is None else upper,
            shift=batch.measured.get(target.name, predicted) - predicted,
            confident=confident,
        )
        narrowest = min(model.radius.at_lowest, model.radius.at_highest)
        ends = one_to_scale(np.maximum([goal.lower, goal.upper], 0 if model.scale == LOG else -math.inf), model.scale)
        if confident and 2 * narrowest >= ends[1] - ends[0]:
            factor = f"a factor of {math.exp(narrowest):.4g}"
            sure = factor if model.scale == LOG else f"± {narrowest:.4g} {target.unit}"
            raise DataError(
                f"the interval of {target.name} can't be inside its limits",
                where=f"{location.location}, {batch.product_id}",
                found=f"a prediction is certain to {sure} at best",
                expected=f"its square less than {upper} / {lower}"
                if model.scale == LOG
                else f"less than half of {lower} to {upper}",
                hint="leave out --confident",
            )
        goals.append(goal)
    if not goals:
        raise DataError(
            f"no trained target of {location.location} has specification limits",
            where=f"{location.location}, {batch.product_id}",
            found=some_of(target.name for target in location.targets),
            hint="give it a specification in location.yml, then prepare and train again",
        )
    return tuple(goals)

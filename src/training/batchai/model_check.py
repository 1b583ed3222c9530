"""The numbers of a model: every one that a prediction is made of is finite, and in order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from src.common.errors import IntegrityError, some_of
from src.training.batchai.intervals import QUANTILES
from src.training.batchai.model import MADE_BY, Model, TargetModel

UNKNOWN = -1
"""The place of a feature that the model does not know."""


def check_numbers(model: Model, *, where: Path) -> None:
    """Check that a model can predict.

    Raises:
        IntegrityError: A number is missing, not finite, or out of order; the products are named.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is named
        wrong = [
            f"{location.location}/{group.product_id}, {name}: {problem}"
            for location, group, name, target in model.trained()
            for problem in _problems(target, features=len(location.feature_names))
        ]
    if wrong:
        raise IntegrityError(
            "the model holds numbers that it can't predict with",
            where=where,
            found=some_of(wrong, most=3),
            expected="finite numbers for every feature, and ranges and intervals in order",
            hint=f"look for extreme values in the data of these products, and train again: {MADE_BY}",
        )


def _problems(target: TargetModel, *, features: int) -> Iterator[str]:
    """What is wrong with a model; the first thing only."""
    import numpy as np

    columns = {
        "coefficients": target.coefficients,
        "minimum": target.minimum,
        "maximum": target.maximum,
        "fill": target.fill,
        "range": target.maximum - target.minimum,
    }
    for name, values in columns.items():
        if values.shape != (features,):
            yield f"{len(values)} values of {name} for {features} features"
            return
        if not np.isfinite(values).all():
            yield f"{name} is not finite"
            return
    if bent := _bent_problem(target, features=features):
        yield bent
        return
    numbers = {
        "intercept": target.intercept,
        "lowest": target.lowest,
        "highest": target.highest,
        "range of the target": target.highest - target.lowest,
        "prediction of the mean batch": target.mean_prediction,
        "residuals": float(target.residuals.sum()),
    }
    infinite = [name for name, value in numbers.items() if not math.isfinite(value)]
    radii = (target.radius.at_lowest, target.radius.at_highest)
    share = target.forward_coverage
    if infinite or len(target.residuals) != len(QUANTILES):
        yield f"{some_of(infinite) or 'residuals'} not finite or incomplete"
    elif (target.minimum > target.maximum).any() or target.lowest > target.highest:
        yield "a range whose lower end is above the upper one"
    elif target.radius.known and not all(0 <= radius < math.inf for radius in radii):
        yield f"an interval of ± {radii[0]:g} to ± {radii[1]:g}"
    elif not (math.isnan(share) or 0 <= share <= 1):
        yield f"a coverage of {share:g}"


def _bent_problem(target: TargetModel, *, features: int) -> str:
    """What is wrong with the curves and pairs of a model; empty where nothing is."""
    import numpy as np

    places = [curve.feature for curve in target.curves]
    places += [place for pair in target.pairs for place in (pair.first, pair.second)]
    if any(not 0 <= place < features for place in places):
        return "a curve or pair of an unknown feature"
    for curve in target.curves:
        if len(curve.knots) < 2 or not (np.diff(curve.knots) > 0).all():
            return "a curve whose knots do not rise"
        if not np.isfinite([curve.knots, curve.values]).all():
            return "a curve is not finite"
    finite = all(math.isfinite(pair.coefficient) for pair in target.pairs)
    return "" if finite else "a pair is not finite"

"""A report of one model whose curves, pairs and categories are known: made by hand from formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.category_description import Category
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.reporting.batchai import batchai_report
from test.support.report_inputs import MadeGroup, MadeTarget, ReportInputs, write_report_inputs

KEY = ("plant", "P", "strength")
FEATURES = ("age", "water", "heat", "supplier=B", "supplier=C")
SLOPES = (0.1, -0.2, 0.0)
MEANS = (45.0, 180.0, 50.0)
RANGES = ((1.0, 90.0), (150.0, 210.0), (20.0, 80.0))
KNOTS = {
    "age": np.array([1.0, 10.0, 28.0, 60.0, 90.0]),
    "water": np.array([150.0, 170.0, 190.0, 210.0]),
    "heat": np.array([20.0, 35.0, 50.0, 65.0, 80.0]),
}
VALUES = {
    "age": 4 * np.log(KNOTS["age"]) - 12,
    "water": np.array([0.1, -0.05, -0.05, 0.1]),
    "heat": -((KNOTS["heat"] - 50) ** 2) / 60 + 8,
}
ERRORS = {"age": 0.8, "water": 0.4, "heat": 1.0}
PAIR, PAIR_ERROR = 0.02, 0.005


def write_curved_report(root: Path, *, scale: str = "linear", size: float = 1.0) -> ReportInputs:
    """Write a report: strength rises with age less and less, and rises up to heat 50 and then falls.

    Water has a curve that is nearly straight; age and water act together; supplier is a category.

    Args:
        root: The folder to write in.
        scale: How the target is fitted.
        size: What all effects are multiplied with.
    """
    chance = np.random.default_rng(7)
    rows = 80
    numbers = [chance.uniform(*ends, rows) for ends in RANGES]
    numbers[0] = 1 + 89 * chance.beta(1, 3, rows)
    levels = chance.integers(0, 3, rows)
    features = np.column_stack([*numbers, levels == 1, levels == 2]).astype(np.float64)
    ids = np.array([f"B{row:05}" for row in range(rows)], dtype=object)
    group = PreparedGroup("P", ids, features, np.ones((rows, 1)), FeatureRows(ids[:0], features[:0]))
    recipe = Recipe(categories=(Category("supplier", "A", ("B", "C")),))
    ends = zip(FEATURES, RANGES, MEANS, strict=False)
    inputs = write_report_inputs(
        root,
        [MadeGroup("plant", "P", [MadeTarget("strength", "MPa")], batches=rows)],
        features=FEATURES,
        slopes=[size * slope for slope in SLOPES],
        terms=[*_curves(size), _pair(size)],
        ranges=[(*KEY, name, *limits, mean) for name, limits, mean in ends],
        prepared=PreparedLocation(
            "plant", FEATURES, (PreparedTarget("strength", "MPa", scale=scale),), (group,), recipe
        ),
    )
    assert batchai_report.main(inputs.arguments) == 0
    return inputs


def _curves(size: float) -> list[tuple[object, ...]]:
    return [
        (*KEY, name, value, error, None, value - 2 * error, value + 2 * error, "curve", "", knot)
        for name, knots in KNOTS.items()
        for error in [size * ERRORS[name]]
        for knot, value in zip(knots.tolist(), (size * VALUES[name]).tolist(), strict=True)
    ]


def _pair(size: float) -> tuple[object, ...]:
    value, error = size * PAIR, size * PAIR_ERROR
    ends = (value - 2 * error, value + 2 * error)
    return (*KEY, "age", value, error, None, *ends, "pair", "water", None)

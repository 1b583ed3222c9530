"""Ingredients that only some products have."""

from __future__ import annotations

import csv
import io

import numpy as np

from src.training.batchai.coefficient_csv import COEFFICIENT_HEADER, coefficient_rows
from src.training.batchai.location_fit import TrainingOptions, fit_location
from test.support.problems import as_location


def test_a_product_has_no_coefficient_of_an_ingredient_that_it_does_not_have() -> None:
    chance = np.random.default_rng(3)
    features = chance.normal(size=(80, 3))
    targets = features @ [[1.0], [2.0], [3.0]] + 0.1 * chance.normal(size=(80, 1))
    without = features[:40] * [1, 0, 1]  # no second ingredient
    without_targets = targets[:40] - 2 * features[:40, 1:2]
    prepared = as_location({"plain": (without, without_targets), "slag": (features[40:], targets[40:])})
    rows = coefficient_rows(prepared, fit_location(prepared, TrainingOptions()))
    table = [dict(zip(COEFFICIENT_HEADER, row, strict=True)) for row in csv.reader(io.StringIO(rows.decode()))]
    found = {(row["product_id"], row["feature"]): row for row in table}
    assert list(found) == [
        *(("plain", name) for name in ("(intercept)", "x0", "x2")),
        *(("slag", name) for name in ("(intercept)", "x0", "x1", "x2")),
    ]
    for key, row in found.items():
        if key[1] != "(intercept)":
            assert abs(float(row["coefficient"]) - int(key[1][1]) - 1) < 0.2, key
            assert float(row["error"]) > 0

"""Adjustments by models with curves and products: neither a fine grid nor another optimizer finds a better one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import differential_evolution

from src.data_preparation.batchai.adjustable_description import Adjustable
from src.inference.batchai.adjustment import Outcome, adjust
from src.inference.batchai.recipe import apply, changing_features
from src.training.batchai.model import LocationModel, TargetModel
from src.training.batchai.terms import Curve, Pair
from test.inference.batchai.adjustment_test import CEMENT, FEATURES, RECIPE, WATER, batch, grid_best, location, target

STONE = Adjustable("stone", "kg", max_addition=50, max_removal=30, cost=0.1, volume_per_unit=0.0004)


UNPAYABLE = 400
"""More than all changes cost together: where a price is higher, a limit is broken."""


def bent(model: TargetModel, chance: np.random.Generator) -> TargetModel:
    """The model with a wavy curve of two features, and with water and cement acting together."""
    curves = []
    for place in chance.choice(4, size=2, replace=False).tolist():
        knots = np.linspace(model.minimum[place], model.maximum[place], 5)
        curves.append(Curve(place, knots, chance.normal(0, 6, 5), np.zeros(5)))
    return replace(model, curves=tuple(curves), pairs=(Pair(0, 1, chance.normal(0, 0.004), 0.0),))


def plant(seed: int, *more: Adjustable) -> LocationModel:
    """Two targets that have to move; their limits are made so that about two of three plants have a solution."""
    chance = np.random.default_rng(seed)
    models = {
        "strength": bent(target(90, *chance.normal(0, 0.05, 3), -chance.uniform(50, 120)), chance),
        "slump": bent(target(0, chance.uniform(0.5, 1.5), -chance.uniform(0, 0.4), 0, 0), chance),
    }
    items = (
        replace(WATER, max_removal=float(chance.choice([0, 20])), cost=chance.uniform(0.1, 2)),
        replace(CEMENT, cost=chance.uniform(0.1, 2)),
        *more,
    )
    before = {name: float(model.predict(batch().features[None])[0]) for name, model in models.items()}
    strength = (before["strength"] + chance.uniform(-3, 8), None)
    slump = (before["slump"] + chance.uniform(-8, 4), before["slump"] + chance.uniform(5, 15))
    return location(strength, slump, recipe=replace(RECIPE, adjustable=items), models=models)


@pytest.mark.parametrize("seed", range(16))
def test_no_point_of_a_fine_grid_is_better(seed: int) -> None:
    place = plant(seed)
    found = adjust(place, batch())
    cheapest, _ = grid_best(place, batch())
    if found.outcome is Outcome.NO_SOLUTION:
        assert cheapest == math.inf
    else:
        assert found.cost <= cheapest + 1e-3


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_evolution_finds_nothing_cheaper(seed: int) -> None:
    """Three adjustables, against `scipy.optimize.differential_evolution` with a penalty for what is broken."""
    place = plant(seed, STONE)
    items = place.recipe.adjustable
    models = place.groups["P"].targets
    moving = [FEATURES.index(name) for name in changing_features(place.recipe, FEATURES)]

    def price(changes: NDArray[np.float64]) -> NDArray[np.float64]:
        features = apply(place.recipe, FEATURES, batch().features, changes.T)
        broken = np.zeros(len(features))
        for item in place.targets:
            model, (lower, upper) = models[item.name], item.specification
            moved, low, high = features[:, moving], model.minimum[moving], model.maximum[moving]
            broken += (np.maximum(0, low - moved) + np.maximum(0, moved - high)).sum(axis=1)
            predicted = model.predict_unlimited(features)
            broken += np.maximum(0, (-math.inf if lower is None else lower) - predicted)
            broken += np.maximum(0, predicted - (math.inf if upper is None else upper))
        return np.asarray(np.abs(changes.T) @ [item.cost for item in items] + 1e4 * broken)

    bounds = [(-item.max_removal, item.max_addition) for item in items]
    evolved = differential_evolution(price, bounds, rng=np.random.default_rng(0), vectorized=True, updating="deferred")
    found = adjust(place, batch())
    assert (found.outcome is Outcome.NO_SOLUTION) == (evolved.fun > UNPAYABLE)
    if found.outcome is Outcome.ADJUSTED:
        assert found.cost <= evolved.fun + 1e-3


def test_a_hill_is_left_on_its_cheaper_side() -> None:
    """Strength is 10 at 160 kg of water, and 0 at 120 and at 200: to come down to 5 by less water is cheaper here."""
    hill = Curve(0, np.array([120.0, 160.0, 200.0]), np.array([0.0, 10.0, 0.0]), np.zeros(3))
    models = {"strength": replace(target(0, 0, 0, 0, 0), curves=(hill,))}
    water = replace(WATER, max_removal=40, max_addition=40, cost=1.0, volume_per_unit=0.0)
    for start, sign in ((158.0, -1), (162.0, 1)):
        place = location((None, 5.0), recipe=replace(RECIPE, adjustable=(water,)), models=models)
        found = adjust(place, batch((start, 300.0, 1000.0, start / 300)))
        assert found.outcome is Outcome.ADJUSTED
        assert math.copysign(1, found.changes[0]) == sign
        assert float(hill.at(found.features[:1])[0]) == pytest.approx(5, abs=1e-3)

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.common.errors import DataError
from src.data_preparation.batchai.adjustable_description import Adjustable, Recipe
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.inference.batchai.adjustment import Adjustment, Outcome, adjust
from src.inference.batchai.adjustment_report import HEADER, adjustment_rows, describe
from src.inference.batchai.goals import Batch
from src.inference.batchai.recipe import apply, changing_features
from src.training.batchai.intervals import Radius
from src.training.batchai.model import GroupModel, Limits, LocationModel, TargetModel

FEATURES = ("water", "cement", "stone", "ratio")
WATER = Adjustable("water", "kg", max_addition=30, cost=0.2, volume_per_unit=0.001)
CEMENT = Adjustable("cement", "kg", max_addition=60, cost=1.0, volume_per_unit=0.0003)
RECIPE = Recipe((WATER, CEMENT), ("water", "cement", "stone"), {"ratio": "water / cement"})
BASE = (160.0, 300.0, 1000.0, 160 / 300)
LIMITS = Limits()


def target(intercept: float, *coefficients: float, radius: float = 2.0) -> TargetModel:
    return TargetModel(
        intercept=intercept,
        coefficients=np.array(coefficients),
        minimum=np.array([120.0, 200.0, 900.0, 0.3]),
        maximum=np.array([220.0, 400.0, 1100.0, 0.9]),
        fill=np.array([170.0, 300.0, 1000.0, 0.5]),
        lowest=-300.0,
        highest=300.0,
        residuals=np.zeros(5),
        limits=LIMITS,
        radius=Radius(radius, radius),
    )


def location(
    strength: tuple[float | None, float | None] = (40.0, None),
    slump: tuple[float | None, float | None] = (None, None),
    *,
    recipe: Recipe = RECIPE,
    models: Mapping[str, TargetModel] | None = None,
) -> LocationModel:
    """Strength = 90 - 100 · water / cement, that is 36.7 for the base; slump = water - 0.2 · cement, 100."""
    models = {"strength": target(90, 0, 0, 0, -100), "slump": target(0, 1, -0.2, 0, 0), **(models or {})}
    targets = (PreparedTarget("strength", "MPa", strength), PreparedTarget("slump", "mm", slump))
    group = GroupModel("P", models, {}, batches=30, last_batch="B30")
    return LocationModel("plant", FEATURES, targets, {"P": group}, recipe)


def batch(features: tuple[float, ...] = BASE, **measured: float) -> Batch:
    return Batch("P", "N1", 1, np.array(features), measured)


def after(found: Adjustment, place: LocationModel) -> dict[str, float]:
    return {goal.name: goal.estimate(place, found.features).value for goal in found.goals}


def test_the_smallest_addition_is_found_and_checked_with_derived_features() -> None:
    place = location()
    found = adjust(place, batch())
    assert found.outcome is Outcome.ADJUSTED
    # 90 - 100 · 160 / (300 + cement) = 40, and the volume cancels out of the ratio
    assert found.changes.tolist() == pytest.approx([0, 20], abs=1e-2)
    assert after(found, place)["strength"] == pytest.approx(40, abs=1e-2)
    assert after(found, place)["strength"] >= 40
    assert found.cost == pytest.approx(20, abs=1e-2)
    assert found.binding == ("strength at least 40 MPa",)
    # what is added dilutes what is there
    assert found.features[2] == pytest.approx(1000 / (1 + 0.0003 * 20), rel=1e-4)
    assert found.features[3] == pytest.approx(160 / 320, rel=1e-4)


def test_two_targets_are_brought_inside_together() -> None:
    place = location((40, None), (98, 120))
    found = adjust(place, batch())
    assert found.outcome is Outcome.ADJUSTED
    values = after(found, place)
    assert values["strength"] >= 40
    assert 98 <= values["slump"] <= 120
    assert all(found.changes > 1)


def grid_best(place: LocationModel, start: Batch, steps: int = 241) -> tuple[float, float]:
    """The cheapest of many changes that keep everything, and the smallest violation of limits inside the ranges."""
    ends = [np.linspace(-item.max_removal, item.max_addition, steps) for item in place.recipe.adjustable]
    changes = np.stack([axis.ravel() for axis in np.meshgrid(*ends)], axis=1)
    features = apply(place.recipe, FEATURES, start.features, changes)
    models = place.groups["P"].targets
    allowed = np.ones(len(changes), dtype=bool)
    broken = np.zeros(len(changes))
    for item in place.targets:
        model = models[item.name]
        moving = [FEATURES.index(name) for name in changing_features(place.recipe, FEATURES)]
        allowed &= ~model.outside(features)[:, moving].any(axis=1)
        lower, upper = item.specification
        predicted = model.predict(features)
        broken += np.maximum(0, (lower if lower is not None else -math.inf) - predicted)
        broken += np.maximum(0, predicted - (upper if upper is not None else math.inf))
    costs = np.abs(changes) @ [item.cost for item in place.recipe.adjustable]
    good = allowed & (broken == 0)
    return (
        float(costs[good].min()) if good.any() else math.inf,
        float(broken[allowed].min()) if allowed.any() else math.inf,
    )


@pytest.mark.parametrize("seed", range(24))
def test_no_point_of_a_fine_grid_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    models = {
        "strength": target(90, *rng.normal(0, 0.05, 3), -rng.uniform(50, 120)),
        "slump": target(rng.normal(0, 5), rng.uniform(0.5, 1.5), -rng.uniform(0, 0.4), *rng.normal(0, 0.02, 2)),
    }
    items = (
        replace(WATER, max_removal=float(rng.choice([0, 20])), cost=rng.uniform(0.1, 2)),
        replace(CEMENT, cost=rng.uniform(0.1, 2)),
    )
    start = batch()
    before = {name: float(model.predict(start.features.reshape(1, -1))[0]) for name, model in models.items()}
    strength = (before["strength"] + rng.uniform(-3, 8), None)
    slump = (before["slump"] + rng.uniform(-8, 4), before["slump"] + rng.uniform(5, 15))
    place = location(strength, slump, recipe=replace(RECIPE, adjustable=items), models=models)
    found = adjust(place, start)
    cheapest, nearest = grid_best(place, start)
    if found.outcome is Outcome.NO_SOLUTION:
        assert cheapest == math.inf
        limits = {item.name: item.specification for item in place.targets}
        broken = sum(
            max(0, (limits[name][0] or -math.inf) - value, value - (limits[name][1] or math.inf))
            for name, value in after(found, place).items()
        )
        assert broken <= nearest + 1e-3
    else:
        step = float(np.sum([(i.max_addition + i.max_removal) * i.cost / 240 for i in items]))
        assert found.cost <= cheapest + 1e-3
        assert found.cost >= min(cheapest, 1e9) - 2 * step or cheapest == math.inf


def test_without_a_solution_it_says_what_stops_it_and_how_near_one_gets() -> None:
    place = location((60, None))
    found = adjust(place, batch())
    assert found.outcome is Outcome.NO_SOLUTION
    assert found.changes.tolist() == pytest.approx([0, 60], abs=1e-6)
    assert after(found, place)["strength"] == pytest.approx(90 - 100 * 160 / 360, abs=1e-6)
    assert found.binding == (
        "strength at least 60 MPa",
        "cement: at most 60 kg to add",
        "water can't be taken out",
    )


def test_the_range_of_training_stops_it_before_the_bounds_do() -> None:
    wide = replace(RECIPE, adjustable=(WATER, replace(CEMENT, max_addition=300)))
    place = location((65, None), recipe=wide)
    found = adjust(place, batch())
    assert found.outcome is Outcome.NO_SOLUTION
    assert found.features[1] == pytest.approx(400, abs=1e-3)
    assert "cement at most 400, as in training" in found.binding


def test_a_limit_beyond_all_that_was_measured_is_not_reached() -> None:
    narrow = replace(target(90, 0, 0, 0, -100), lowest=20.0, highest=40.0)  # so it predicts at most 42
    place = location((45, None), models={"strength": narrow})
    found = adjust(place, batch())
    assert found.outcome is Outcome.NO_SOLUTION
    assert found.binding == ("a prediction goes only a little way beyond what was measured in training",)
    assert after(found, place)["strength"] == pytest.approx(42)


def test_a_feature_that_can_not_come_into_its_range_stops_it() -> None:
    place = location((None, 50))
    found = adjust(place, batch((80.0, 300.0, 1000.0, 80 / 300)))
    assert found.outcome is Outcome.NO_SOLUTION
    assert "water at least 120, as in training" in found.binding
    assert "water: at most 30 kg to add" in found.binding


def test_a_feature_that_starts_outside_has_to_come_in() -> None:
    place = location((None, 50))
    found = adjust(place, batch((100.0, 300.0, 1000.0, 1 / 3)))
    assert found.outcome is Outcome.ADJUSTED
    assert found.features[0] >= 120 - 1e-3


def test_a_batch_on_target_needs_nothing() -> None:
    found = adjust(location((30, None)), batch())
    assert (found.outcome, found.cost, found.binding) == (Outcome.ON_TARGET, 0, ())
    assert found.changes.tolist() == [0, 0]


def test_a_measured_value_shifts_the_prediction() -> None:
    place = location((30, None))
    found = adjust(place, batch(strength=27.0))  # predicted 36.7: its own residual is -9.7
    assert found.outcome is Outcome.ADJUSTED
    assert after(found, place)["strength"] == pytest.approx(30, abs=1e-2)
    # 90 - 100 · 160 / (300 + cement) has to gain 3
    assert found.changes[1] == pytest.approx(160 / (160 / 300 - 0.03) - 300, abs=1e-2)


def test_confident_brings_the_whole_interval_inside() -> None:
    place = location((40, None))
    found = adjust(place, batch(), confident=True)
    (goal,) = found.goals
    assert goal.estimate(place, found.features).lower >= 40
    assert after(found, place)["strength"] == pytest.approx(42, abs=1e-2)


def test_confident_follows_an_interval_that_grows_with_the_prediction() -> None:
    wider = replace(target(90, 0, 0, 0, -100), radius=Radius(1.0, 13.0))  # 7 + 0.02 · prediction
    place = location((34, None), models={"strength": wider})
    found = adjust(place, batch(), confident=True)
    assert found.outcome is Outcome.ADJUSTED
    assert found.binding == ("strength at least 34 MPa, with its interval",)
    assert found.goals[0].estimate(place, found.features).lower == pytest.approx(34, abs=1e-2)
    assert after(found, place)["strength"] == pytest.approx((34 + 7) / 0.98, abs=1e-2)


def test_confident_is_refused_where_the_interval_is_wider_than_the_limits() -> None:
    with pytest.raises(DataError, match="the interval of strength can't be inside its limits"):
        adjust(location((40, 43)), batch(), confident=True)
    unknown = location((40, None), models={"strength": target(90, 0, 0, 0, -100, radius=math.inf)})
    with pytest.raises(DataError, match="can't be inside"):
        adjust(unknown, batch(), confident=True)


@pytest.mark.parametrize(
    ("place", "start", "message"),
    [
        (location(recipe=Recipe()), batch(), "nothing is adjustable at plant"),
        (location((None, None)), batch(), "no trained target of plant has specification limits"),
        (location(), batch((160.0, math.nan, 1000.0, math.nan)), "cement, ratio is not known"),
    ],
)
def test_what_can_not_be_adjusted_says_why(place: LocationModel, start: Batch, message: str) -> None:
    with pytest.raises(DataError, match=message):
        adjust(place, start)


@settings(max_examples=40, deadline=None)
@given(
    features=st.tuples(st.floats(100, 240), st.floats(150, 450), st.floats(850, 1150)),
    slopes=st.tuples(*[st.floats(-1, 1)] * 3, st.floats(-150, 150)),
    lower=st.floats(-200, 200),
    width=st.floats(0, 100),
    removal=st.sampled_from([0.0, 15.0]),
)
def test_it_never_leaves_the_ranges_nor_the_bounds(
    features: tuple[float, float, float],
    slopes: tuple[float, ...],
    lower: float,
    width: float,
    removal: float,
) -> None:
    items = (replace(WATER, max_removal=removal), CEMENT)
    model = target(10, *slopes)
    place = location((lower, lower + width), recipe=replace(RECIPE, adjustable=items), models={"strength": model})
    start = batch((*features, features[0] / features[1]))
    found = adjust(place, start)
    for item, change in zip(items, found.changes, strict=True):
        assert -item.max_removal - 1e-9 <= change <= item.max_addition + 1e-9
    # what the features are said to be is what follows from the changes
    again = apply(place.recipe, FEATURES, start.features, found.changes.reshape(1, -1))[0]
    np.testing.assert_array_equal(again, found.features)
    if found.outcome is Outcome.ADJUSTED:
        room = 1e-6 * (model.maximum - model.minimum)
        assert bool(np.all(found.features >= model.minimum - room))
        assert bool(np.all(found.features <= model.maximum + room))
        assert lower <= after(found, place)["strength"] <= lower + width
    if found.outcome is Outcome.NO_SOLUTION and not model.outside(start.features.reshape(1, -1)).any():
        room = 1e-6 * (model.maximum - model.minimum)
        assert bool(np.all((found.features >= model.minimum - room) & (found.features <= model.maximum + room)))


def test_the_report_has_a_row_per_change_feature_and_target() -> None:
    place = location((40, None), (98, 120))
    found = adjust(place, batch(slump=101.0))
    rows = [dict(zip(HEADER, row, strict=True)) for row in adjustment_rows(place, found)]
    kinds = [str(row["kind"]) for row in rows]
    assert kinds == ["adjustable"] * 2 + ["feature"] * 4 + ["target"] * 2
    assert all(first <= second for first, second in pairwise(kinds))
    assert {row["outcome"] for row in rows} == {"adjusted"}
    slump = rows[-1]
    assert (slump["name"], slump["before"], slump["lowest"], slump["highest"]) == ("slump", 101.0, 98.0, 120.0)
    text = describe(place, found)
    assert text.startswith("batch N1 (row 1) of P: adjusted")
    assert "kg cement" in text
    assert "what decides: " in text


def test_the_report_of_no_solution_says_how_near_one_gets() -> None:
    text = describe(location((60, None)), adjust(location((60, None)), batch()))
    assert "as near as one gets: add 60 kg cement (cost 60)" in text
    assert "what stops it: strength at least 60 MPa; cement: at most 60 kg to add; water can't be taken out" in text

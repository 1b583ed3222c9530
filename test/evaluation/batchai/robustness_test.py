"""What must not decide: a group with a tiny error of the mean, and a last batch that is gone unnoticed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from src.common.model_registry import RegisteredModel
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.evaluation.batchai.product_comparisons import Contender, compare
from src.evaluation.comparison import LOWEST_SKILL, ComparedOn, Comparison
from src.evaluation.gate import Rule, decide
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location
from src.training.batchai.model import LocationModel, Model
from src.training.batchai.out_of_fold import OutOfFold

OPTIONS = TrainingOptions(folds=3, min_batches=10)
CHAMPION = RegisteredModel("batchai", 7)


@cache
def plant(rows: int) -> PreparedLocation:
    """A location with two products of so many batches, one row each."""
    none = FeatureRows(np.empty(0, dtype=object), np.empty((0, 2)))
    groups = []
    for seed, product in enumerate(("A", "B")):
        chance = np.random.default_rng(seed)
        features = chance.normal(size=(60, 2))
        values = (features @ [2.0, -1.0] + chance.normal(size=60))[:, None]
        ids = np.array([f"{product}{row}" for row in range(60)], dtype=object)
        groups.append(PreparedGroup(product, ids[:rows], features[:rows], values[:rows], none))
    return PreparedLocation("plant", ("a", "b"), (PreparedTarget("y"),), tuple(groups))


def refit(location: PreparedLocation) -> LocationModel:
    return location_model(location, fit_location(location, OPTIONS))


@cache
def trained(rows: int) -> Contender:
    """What training makes of the first rows of each product."""
    location = plant(rows)
    fits = fit_location(location, OPTIONS)
    found = {}
    for group, fit in zip(location.groups, fits, strict=True):
        target = fit.targets["y"]
        assert isinstance(target, TargetFit)
        predicted, mean = (part[:, 0] for part in (target.fit.out_of_fold.predicted, target.fit.out_of_fold.mean))
        found["plant", group.product_id, "y"] = OutOfFold(group.batch_ids, target.problem.values[:, 0], predicted, mean)
    return Contender(Model({"plant": location_model(location, fits)}, "0123456789ab", {}), found)


def without_last_batch_of_champion(location: PreparedLocation, rows: int) -> PreparedLocation:
    """The batch of product A that was the last of so many is gone."""
    first, *others = location.groups
    keep = np.arange(len(first.batch_ids)) != rows - 1
    cut = replace(first, batch_ids=first.batch_ids[keep], features=first.features[keep], targets=first.targets[keep])
    return replace(location, groups=(cut, *others))


def test_a_last_batch_that_is_gone_is_named_and_the_product_cross_validated() -> None:
    data = without_last_batch_of_champion(plant(60), 40)
    parts = compare(trained(60), trained(40), [data], refit)
    assert [(part.key[1], part.compared_on, part.last_batch_lost) for part in parts] == [
        ("A", ComparedOn.CROSS_VALIDATED, True),
        ("B", ComparedOn.NEWER, False),
    ]
    reason = decide(parts, CHAMPION, rule=Rule(min_improvement=0)).reason
    assert "its last batch is gone from the data of plant/A" in reason


def test_nothing_is_said_where_every_last_batch_is_there() -> None:
    parts = compare(trained(60), trained(40), [plant(60)], refit)
    assert {part.compared_on for part in parts} == {ComparedOn.NEWER}
    assert "is gone" not in decide(parts, CHAMPION, rule=Rule(min_improvement=0)).reason


def test_a_product_that_was_not_trained_again_is_lost_though_the_refit_knows_it() -> None:
    whole = trained(60)
    alone = replace(whole, out_of_fold={key: part for key, part in whole.out_of_fold.items() if key[1] == "A"})
    parts = compare(alone, trained(40), [plant(60)], refit)
    assert [(part.key[1], part.compared_on) for part in parts] == [
        ("A", ComparedOn.NEWER),
        ("B", ComparedOn.ONLY_CHAMPION),
    ]


@pytest.mark.parametrize(
    ("rmse", "rmse_mean", "skill"),
    [(0.5, 1.0, 0.5), (1.5, 1.0, -0.5), (2.0, 1.0, -1.0), (5.0, 1.0, -1.0), (1.0, 1e-9, -1.0), (1.0, 0.0, -1.0)],
)
def test_a_skill_counts_so_much_at_the_least(rmse: float, rmse_mean: float, skill: float) -> None:
    part = Comparison(("plant", "A", "y"), ComparedOn.NEWER, 1, rmse, rmse, rmse_mean)
    assert (part.skill_champion, part.skill_challenger) == (skill, skill)


def test_one_batch_beside_the_mean_does_not_outweigh_a_hundred_others() -> None:
    beside = Comparison(("plant", "A", "y"), ComparedOn.NEWER, 1, 1.0, 1.1, 1e-6)
    clear = Comparison(("plant", "B", "y"), ComparedOn.NEWER, 100, 0.6, 0.5, 1.0)
    decision = decide([beside, clear], CHAMPION, rule=Rule(min_improvement=0))
    assert decision.better
    assert decision.champion_skill == pytest.approx((LOWEST_SKILL + 100 * 0.4) / 101)
    assert decision.challenger_skill == pytest.approx((LOWEST_SKILL + 100 * 0.5) / 101)

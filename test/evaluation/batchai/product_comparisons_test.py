from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import root_mean_squared_error

from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation
from src.evaluation.batchai.product_comparisons import Contender, compare
from src.evaluation.comparison import LOWEST_SKILL, ComparedOn, Comparison, Key
from src.training.batchai.fitted_model import location_model as trained_model
from src.training.batchai.location_fit import TrainingOptions, fit_location
from src.training.batchai.model import LocationModel
from test.support.contenders import LeastSquares, contender, fitted, judged, linear, location_model, prepared

A, B = ("plant", "A", "y"), ("plant", "B", "y")


def no_refit(location: PreparedLocation) -> LocationModel:
    raise AssertionError(f"{location.location} was refitted, though it has no newer batches")


def rms(errors: NDArray[np.float64]) -> float:
    return float(root_mean_squared_error(errors, np.zeros(len(errors))))


def champion_of(last_batch: str, *products: str) -> Contender:
    """One that predicts 1 + 2a - b for each product, and ends with a batch."""
    groups = {product: {"y": linear(1.0, 2.0, -1.0)} for product in products}
    return contender(
        {("plant", product, "y"): judged([0.5] * 20) for product in products}, location_model(groups, last_batch)
    )


def first_rows(group: PreparedGroup, rows: int) -> PreparedGroup:
    return replace(
        group, batch_ids=group.batch_ids[:rows], features=group.features[:rows], targets=group.targets[:rows]
    )


def by_key(comparisons: list[Comparison]) -> dict[Key, Comparison]:
    assert [part.key for part in comparisons] == sorted(part.key for part in comparisons)
    found = {part.key: part for part in comparisons}
    assert len(found) == len(comparisons)
    return found


def challenger_of(data: PreparedLocation) -> Contender:
    """A challenger that knows every product and target of the data."""
    keys = [(data.location, group.product_id, target.name) for group in data.groups for target in data.targets]
    return contender({key: judged([0.25] * 20) for key in keys})


def test_a_first_model_is_compared_with_nothing() -> None:
    challenger = contender({B: judged([1.0, 2.0]), A: judged([0.0, 0.5], ids=["1", "1"])})
    one, two = compare(challenger, None, [prepared({"A": 20})], no_refit)
    assert (one.key, one.compared_on, one.batches) == (A, ComparedOn.FIRST, 1)
    assert (two.key, two.batches) == (B, 2)
    assert one.rmse_challenger == pytest.approx(math.sqrt(0.125))
    assert two.skill_challenger == pytest.approx(1 - math.sqrt(2.5))
    assert math.isnan(one.rmse_champion)


def test_newer_batches_are_predicted_by_the_champion_and_by_a_challenger_that_never_saw_them() -> None:
    data = prepared({"A": 30})
    refit = LeastSquares()
    (part,) = compare(challenger_of(data), champion_of("B19", "A"), [data], refit, rounds=1)
    (got,) = refit.got
    (group,) = data.groups
    assert got.groups[0].batch_ids.tolist() == [f"B{row}" for row in range(20)]
    np.testing.assert_array_equal(got.groups[0].features, group.features[:20])
    np.testing.assert_array_equal(got.groups[0].targets, group.targets[:20])
    assert replace(got, groups=data.groups) == data
    features, measured = group.features[20:], group.targets[20:, 0]
    assert (part.key, part.compared_on, part.batches) == (A, ComparedOn.NEWER, 10)
    assert part.rmse_champion == pytest.approx(rms(measured - (1 + 2 * features[:, 0] - features[:, 1])))
    theirs = fitted(group.features[:20], group.targets[:20, 0]).predict(features)
    assert part.rmse_challenger == pytest.approx(rms(measured - theirs))
    assert part.rmse_mean == pytest.approx(rms(measured - group.targets[:20, 0].mean()))
    assert part.skill_challenger == pytest.approx(1 - part.rmse_challenger / part.rmse_mean)
    assert part.skill_champion == LOWEST_SKILL > 1 - part.rmse_champion / part.rmse_mean


def test_the_real_training_without_the_newer_batches() -> None:
    data = prepared({"A": 60, "B": 40}, seed=9)
    options = TrainingOptions(folds=3, min_batches=10)

    def train(location: PreparedLocation) -> LocationModel:
        return trained_model(location, fit_location(location, options))

    found = by_key(compare(challenger_of(data), champion_of("B29", "A", "B"), [data], train, rounds=1))
    model = train(replace(data, groups=tuple(first_rows(group, 30) for group in data.groups)))
    for key, group in zip((A, B), data.groups, strict=True):
        predicted = model.groups[group.product_id].targets["y"].predict(group.features[30:])
        assert found[key].rmse_challenger == pytest.approx(rms(group.targets[30:, 0] - predicted), rel=1e-12)
        assert found[key].batches == len(group.batch_ids) - 30


def test_products_without_newer_batches_stay_whole_in_the_refit_and_are_cross_validated() -> None:
    data = prepared({"A": 30, "B": 20, "C": 25})
    refit = LeastSquares()
    found = by_key(compare(challenger_of(data), champion_of("B19", "A", "B"), [data], refit))
    assert [len(group.batch_ids) for group in refit.got[0].groups] == [20, 20, 25]
    assert {key[1]: part.compared_on for key, part in found.items()} == {
        "A": ComparedOn.NEWER,
        "B": ComparedOn.CROSS_VALIDATED,
        "C": ComparedOn.ONLY_CHALLENGER,
    }


def test_nothing_newer_means_no_refit() -> None:
    data = prepared({"A": 20})
    (part,) = compare(challenger_of(data), champion_of("B19", "A"), [data], no_refit)
    assert (part.compared_on, part.batches) == (ComparedOn.CROSS_VALIDATED, 20)
    assert (part.rmse_champion, part.rmse_challenger, part.rmse_mean) == pytest.approx((0.5, 0.25, 1.0))


def test_a_champion_with_other_columns_gets_its_own_and_what_is_gone_counts_as_not_measured() -> None:
    data = prepared({"A": 30}, features=("a", "b", "new"))
    target = linear(1.0, 10.0, 100.0, 2.0, fill=0.5)
    groups = location_model({"A": {"y": target}}, "B19", features=("b", "gone", "a"))
    (part,) = compare(challenger_of(data), contender({A: judged([1.0])}, groups), [data], LeastSquares())
    features, measured = data.groups[0].features[20:], data.groups[0].targets[20:, 0]
    expected = 1 + 10 * features[:, 1] + 100 * 0.5 + 2 * features[:, 0]
    assert part.rmse_champion == pytest.approx(rms(measured - expected))
    assert part.compared_on is ComparedOn.NEWER


def test_a_last_batch_that_is_gone_means_cross_validation_on_what_both_have() -> None:
    data = prepared({"A": 30})
    champion = contender(
        {A: judged([0.1, 0.2, 0.3, 9.0], ids=["x", "y", "z", "gone"])},
        location_model({"A": {"y": linear(0.0, 0.0, 0.0)}}, "gone"),
    )
    challenger = contender({A: judged([7.0, 0.6, 0.5, 0.4], ids=["new", "z", "y", "x"], mean_error=2.0)})
    (part,) = compare(challenger, champion, [data], no_refit)
    assert (part.compared_on, part.batches) == (ComparedOn.CROSS_VALIDATED, 3)
    assert part.rmse_champion == pytest.approx(rms(np.array([0.1, 0.2, 0.3])))
    assert part.rmse_challenger == pytest.approx(rms(np.array([0.6, 0.5, 0.4])))
    assert part.rmse_mean == pytest.approx(2.0)


def test_without_a_common_batch_each_is_judged_on_its_own() -> None:
    champion = contender({A: judged([0.1, 0.3], ids=["x", "y"])})
    challenger = contender({A: judged([0.2, 0.4, 0.6], ids=["1", "2", "3"], mean_error=2.0)})
    (part,) = compare(challenger, champion, [], no_refit)
    assert (part.compared_on, part.batches) == (ComparedOn.CROSS_VALIDATED, 3)
    assert part.skill_champion == pytest.approx(1 - rms(np.array([0.1, 0.3])))  # of its own batches' mean
    assert part.rmse_challenger == pytest.approx(rms(np.array([0.2, 0.4, 0.6])))


@pytest.mark.parametrize("rows_per_batch", [2, 3])
def test_the_rows_of_a_batch_stay_together_and_it_counts_once(rows_per_batch: int) -> None:
    data = prepared({"A": 60}, rows_per_batch=rows_per_batch)
    refit = LeastSquares()
    (part,) = compare(challenger_of(data), champion_of("B9", "A"), [data], refit)
    rows = 10 * rows_per_batch
    assert len(refit.got[0].groups[0].batch_ids) == rows
    assert part.batches == (60 - rows) // rows_per_batch
    features, measured = data.groups[0].features[rows:], data.groups[0].targets[rows:, 0]
    assert part.rmse_champion == pytest.approx(rms(measured - (1 + 2 * features[:, 0] - features[:, 1])))


def test_rows_of_common_batches_are_weighed_alike() -> None:
    champion = contender({A: judged([1.0, 3.0, 5.0, 9.0], ids=["x", "x", "y", "gone"])})
    challenger = contender({A: judged([2.0, 2.0, 8.0], ids=["y", "x", "new"])})
    (part,) = compare(challenger, champion, [], no_refit)
    assert part.batches == 2
    assert part.rmse_champion == pytest.approx(rms(np.array([1.0, 3.0, 5.0])))
    assert part.rmse_challenger == pytest.approx(2.0)


def test_only_newer_batches_that_measured_the_target_count() -> None:
    data = prepared({"A": 30}, targets=("y", "z"))
    data.groups[0].targets[20:, 1] = np.nan
    data.groups[0].targets[[3, 22, 25], 0] = np.nan
    both = {"A": {"y": linear(1.0, 2.0, -1.0), "z": linear(0.0, 0.0, 0.0)}}
    champion = contender({A: judged([1.0]), ("plant", "A", "z"): judged([1.0])}, location_model(both, "B19"))
    found = by_key(compare(challenger_of(data), champion, [data], LeastSquares(), rounds=1))
    assert found["plant", "A", "z"].compared_on is ComparedOn.CROSS_VALIDATED
    assert (found[A].compared_on, found[A].batches) == (ComparedOn.NEWER, 8)
    there = np.flatnonzero(~np.isnan(data.groups[0].targets[:, 0]))
    new, old = there[there >= 20], there[there < 20]
    features, measured = data.groups[0].features, data.groups[0].targets[:, 0]
    assert found[A].rmse_challenger == pytest.approx(
        rms(measured[new] - fitted(features[old], measured[old]).predict(features[new]))
    )
    assert found[A].rmse_mean == pytest.approx(rms(measured[new] - measured[old].mean()))


def test_what_the_challenger_was_not_trained_on_is_lost_however_new_its_batches_are() -> None:
    """A model trained on one product alone must not be judged by the others of the refit."""
    data = prepared({"A": 30, "B": 30})
    challenger = contender({A: judged([0.25] * 30)})
    found = by_key(compare(challenger, champion_of("B19", "A", "B"), [data], LeastSquares()))
    assert found[A].compared_on is ComparedOn.NEWER
    assert found[B].compared_on is ComparedOn.ONLY_CHAMPION
    assert (found[B].skill_champion, found[B].skill_challenger) == (0.5, 0.0)


@pytest.mark.parametrize(("error", "skill"), [(0.25, 0.75), (1.0, 0.0), (3.0, 0.0)])
def test_what_only_one_knows_counts_as_far_as_it_beats_the_mean(error: float, skill: float) -> None:
    one, other = contender({A: judged([error] * 4)}), contender({})
    (new,) = compare(one, other, [], no_refit)
    assert (new.compared_on, new.batches) == (ComparedOn.ONLY_CHALLENGER, 4)
    assert (new.skill_challenger, new.skill_champion) == pytest.approx((skill, 0.0))
    (lost,) = compare(other, one, [], no_refit)
    assert (lost.compared_on, lost.batches) == (ComparedOn.ONLY_CHAMPION, 4)
    assert (lost.skill_challenger, lost.skill_champion) == pytest.approx((0.0, skill))


def test_the_same_product_at_another_location_is_another_one() -> None:
    data = prepared({"A": 30}, location="north")
    found = by_key(compare(challenger_of(data), champion_of("B19", "A"), [data], no_refit))
    assert {key[0]: part.compared_on for key, part in found.items()} == {
        "north": ComparedOn.ONLY_CHALLENGER,
        "plant": ComparedOn.ONLY_CHAMPION,
    }


@pytest.mark.parametrize(("rmse", "skill"), [(0.0, 0.0), (0.1, -1.0), (float("nan"), -1.0)])
def test_where_the_mean_is_exact_only_the_mean_is_no_worse(rmse: float, skill: float) -> None:
    part = Comparison(A, ComparedOn.NEWER, 3, rmse_champion=rmse, rmse_challenger=rmse, rmse_mean=0.0)
    assert (part.skill_champion, part.skill_challenger) == (skill, skill)

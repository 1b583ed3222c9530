"""Newer batches, part by part: who was allowed to know what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.evaluation.batchai.newer_batches import ROUNDS, predict_newer
from src.training.batchai.model import LocationModel
from test.support.contenders import LeastSquares, fitted, linear, location_model, prepared


def champion_until(last_batch: str, *products: str) -> LocationModel:
    return location_model({product: {"y": linear(1.0, 2.0, -1.0)} for product in products}, last_batch)


def drifted(data: PreparedLocation, start: int) -> PreparedLocation:
    """From a row on, the target moves by 5: a new supplier."""
    (group,) = data.groups
    targets = group.targets.copy()
    targets[start:] += 5
    return replace(data, groups=(replace(group, targets=targets),))


def test_each_part_is_predicted_by_a_refit_on_all_that_came_before_it() -> None:
    data = prepared({"A": 40})
    (group,) = data.groups
    refit = LeastSquares()
    (found,) = predict_newer(data, champion_until("B19", "A"), refit)
    assert [len(part.groups[0].batch_ids) for part in refit.got] == [20, 25, 30, 35]
    expected = [
        fitted(group.features[:end], group.targets[:end, 0]).predict(group.features[end : end + 5])
        for end in (20, 25, 30, 35)
    ]
    np.testing.assert_allclose(found.challenger, np.concatenate(expected), rtol=1e-9)
    assert found.batch_ids.tolist() == [f"B{row}" for row in range(20, 40)]
    assert found.mean == pytest.approx(group.targets[:20].mean())


@given(newer=st.integers(1, 30), rows_per_batch=st.integers(1, 3), rounds=st.integers(1, 6))
def test_no_batch_is_predicted_by_a_refit_that_knew_it_or_a_later_one(
    newer: int, rows_per_batch: int, rounds: int
) -> None:
    data = prepared({"A": (20 + newer) * rows_per_batch}, rows_per_batch=rows_per_batch)
    seen: list[list[str]] = []
    predicted: list[tuple[int, str]] = []

    def refit(location: PreparedLocation) -> LocationModel:
        seen.append(location.groups[0].batch_ids.tolist())
        return champion_until("", "A")

    (found,) = predict_newer(data, champion_until("B19", "A"), refit, rounds=rounds)
    order = [f"B{number}" for number in range(20 + newer)]
    assert len(seen) == min(newer, rounds)
    assert found.batch_ids.tolist() == [name for name in order[20:] for _ in range(rows_per_batch)]
    for number, known in enumerate(seen):
        following = seen[number + 1] if number + 1 < len(seen) else [n for n in order for _ in range(rows_per_batch)]
        predicted += [(number, name) for name in set(following) - set(known)]
        assert known == [name for name in order[: len(known) // rows_per_batch] for _ in range(rows_per_batch)]
    assert sorted(name for _, name in predicted) == sorted(order[20:])


def test_one_newer_batch_is_predicted_by_what_the_champion_knew() -> None:
    data = prepared({"A": 21})
    refit = LeastSquares()
    (found,) = predict_newer(data, champion_until("B19", "A"), refit)
    assert [len(part.groups[0].batch_ids) for part in refit.got] == [20]
    assert len(found.challenger) == 1


def test_training_on_newer_batches_counts_for_the_challenger_where_the_process_has_moved() -> None:
    data = drifted(prepared({"A": 60}), 30)
    (group,) = data.groups
    known = replace(group, batch_ids=group.batch_ids[:30], features=group.features[:30], targets=group.targets[:30])
    champion = LeastSquares()(replace(data, groups=(known,)))
    registered = replace(champion, groups={"A": replace(champion.groups["A"], last_batch="B29")})
    (found,) = predict_newer(data, registered, LeastSquares())
    theirs, ours = (np.sqrt(np.mean((found.measured - part) ** 2)) for part in (found.champion, found.challenger))
    assert ours < 0.9 * theirs
    (alone,) = predict_newer(data, registered, LeastSquares(), rounds=1)
    np.testing.assert_allclose(alone.challenger, alone.champion, rtol=1e-9)


def test_a_product_that_is_not_newer_is_not_predicted() -> None:
    data = prepared({"A": 30, "B": 20})
    found = list(predict_newer(data, champion_until("B19", "A", "B"), LeastSquares()))
    assert [part.key for part in found] == [("plant", "A", "y")]
    assert ROUNDS > 1

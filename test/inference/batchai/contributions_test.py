from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.inference.batchai.contributions import LIMIT, MEAN, contributions_of_group
from src.inference.batchai.prediction import estimate_rows
from src.training.batchai.model import GroupModel, Limits, LocationModel, TargetModel
from src.training.batchai.terms import Curve, Pair
from test.support.models import category_model, small_model

NUMBERS = st.floats(-1e3, 1e3)
VALUES = NUMBERS | st.just(float("nan"))


def rows(*features: Sequence[float]) -> FeatureRows:
    ids = np.array([f"N{number}" for number in range(1, len(features) + 1)], dtype=object)
    return FeatureRows(ids, np.array(features))


def test_a_prediction_is_the_mean_batch_and_what_each_feature_adds() -> None:
    parts = list(contributions_of_group(small_model().location("plant"), "007", rows((10, 9))))
    key = ("plant", "007", "N1", 1, "purity")
    assert parts == [
        (*key, MEAN, None, 93.0, ""),
        (*key, "temperature", 10.0, -1.0, ""),
        (*key, "pressure", 9.0, 0.0, "above 3"),  # implausible: it counts as the mean
    ]


def test_a_missing_value_adds_nothing() -> None:
    parts = list(contributions_of_group(small_model().location("plant"), "007", rows((float("nan"), 1.0))))
    assert np.isnan(float(parts[1][6] or 0))
    assert [part[7] for part in parts] == [93.0, 0.0, 1.0]


def test_the_indicators_of_a_category_are_one_feature() -> None:
    """By hand: B instead of the mean batch is 3 · (1 − 0.25) − 1 · (0 − 0.25) = 2.5."""
    location = category_model().location("plant")
    parts = list(contributions_of_group(location, "P", rows((5, 1, 0), (5, 0, 1), (5, 0, 0), (5, np.nan, np.nan))))
    assert [part[5] for part in parts[:3]] == [MEAN, "temperature", "supplier"]
    assert [(part[6], part[7], part[8]) for part in parts[2::3]] == [
        ("B", 2.5, ""),
        ("(other)", -1.5, ""),
        ("A", -0.5, ""),
        ("", 0.0, ""),
    ]


def test_a_level_that_the_product_has_not_seen_is_said_so() -> None:
    location = category_model().location("plant")
    parts = list(contributions_of_group(location, "Q", rows((11, 1, 0))))
    assert [part[5:] for part in parts[1:]] == [
        ("temperature", 11.0, 12.0, "above 10"),
        ("supplier", "B", 0.0, "B not seen"),
    ]
    (estimate,) = estimate_rows(location, location.group("Q").targets["yield"], np.array([[11.0, 1, 0]]))
    assert estimate.outside == ("temperature above 10", "supplier B not seen")


def test_what_the_limit_takes_is_a_row_of_its_own() -> None:
    parts = list(contributions_of_group(small_model().location("plant"), "007", rows((27.5, 0))))
    assert parts[-1][5] == LIMIT
    assert parts[-1][7] == pytest.approx(102 - 103.75)


KNOTS = st.lists(st.integers(-100, 100).map(float), min_size=3, max_size=3, unique=True)


@st.composite
def models(draw: st.DrawFn) -> tuple[LocationModel, FeatureRows]:
    count = draw(st.integers(1, 6))
    numbers = st.lists(NUMBERS, min_size=count, max_size=count)
    ends = np.sort(np.array([draw(numbers), draw(numbers), draw(numbers)]), axis=0)
    lowest, highest = sorted((draw(NUMBERS), draw(NUMBERS)))
    target = TargetModel(
        intercept=draw(NUMBERS),
        coefficients=np.array(draw(numbers)),
        minimum=ends[0],
        fill=ends[1],
        maximum=ends[2],
        lowest=lowest,
        highest=highest,
        residuals=np.zeros(5),
        limits=Limits(),
        curves=tuple(
            Curve(
                place,
                np.sort(np.array(draw(KNOTS))),
                np.array(draw(st.lists(NUMBERS, min_size=3, max_size=3))),
                np.zeros(3),
            )
            for place in draw(st.sets(st.integers(0, count - 1), max_size=2))
        ),
        pairs=(Pair(0, 1, draw(NUMBERS), 0.0),) if count > 1 and draw(st.booleans()) else (),
    )
    names = tuple(f"f{place}" for place in range(count))
    group = GroupModel("p", {"y": target}, {}, batches=20, last_batch="B20")
    location = LocationModel("plant", names, (PreparedTarget("y"),), {"p": group})
    values = draw(st.lists(st.lists(VALUES, min_size=count, max_size=count), min_size=1, max_size=4))
    return location, rows(*values)


@given(models())
def test_contributions_add_up_to_the_prediction(case: tuple[LocationModel, FeatureRows]) -> None:
    location, batches = case
    target = location.group("p").targets["y"]
    predicted = target.predict(batches.features)
    unlimited = target.predict_unlimited(batches.features)
    parts = list(contributions_of_group(location, "p", batches))
    for row, batch_id in enumerate(batches.batch_ids):
        mine = [part for part in parts if part[2] == batch_id]
        # sums of numbers up to 1e6: the last bits of the largest are all that may be lost
        assert sum(part[7] for part in mine) == pytest.approx(predicted[row], rel=1e-9, abs=1e-6)
        assert (mine[-1][5] == LIMIT) == (predicted[row] != unlimited[row])

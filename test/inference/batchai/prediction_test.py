from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.common.errors import DataError
from src.data_preparation.batchai.group_tables import FeatureRows
from src.inference.batchai.batch_file import read_batch_file
from src.inference.batchai.contributions import contributions_of_group
from src.inference.batchai.prediction import Estimate, predict_group
from src.training.batchai.input_space import fit_input_space
from src.training.batchai.intervals import Radius
from test.faults.promises import NAMED_INPUT, NO_BAD_NUMBER
from test.support.models import changed_model, small_model

GOOD = "batch_id,product_id,location,pressure,temperature\nN1,007,plant,1,10\nN2,NA,plant,0.5,\nN1,007,plant,9,2\n"


def rows(*features: tuple[float, float]) -> FeatureRows:
    ids = np.array([f"N{number}" for number in range(1, len(features) + 1)], dtype=object)
    return FeatureRows(ids, np.array(features))


def test_each_target_of_each_row_is_predicted_or_says_why_not() -> None:
    first, second = predict_group(small_model().location("plant"), "007", rows((10, 1)))
    assert (first.batch_id, first.row, first.target, first.unit, first.note) == ("N1", 1, "purity", "%", "")
    assert first.estimate == Estimate(93.0, 91.5, 94.5, limited=False, outside=())
    assert second.estimate is None
    assert second.note == "not trained: constant"
    assert second.cells()[6:] == (*[None] * 8, "not trained: constant")


def test_features_outside_the_range_of_training_are_named() -> None:
    predictions = list(predict_group(small_model().location("plant"), "007", rows((2, 9), (10, np.nan))))
    assert predictions[0].cells()[9:] == ("no", "yes", None, "", "temperature below 5; pressure above 3", "")
    assert predictions[2].cells()[9:] == ("no", "no", None, "", "", "filled with the mean of training: pressure")


def test_a_prediction_beyond_what_was_measured_is_limited_and_says_so() -> None:
    (limited, *_) = predict_group(small_model().location("plant"), "007", rows((27.5, 0)))
    assert limited.cells()[6:11] == (pytest.approx(102), pytest.approx(100.5), pytest.approx(103.5), "yes", "yes")


def test_an_impossible_combination_is_outside_training_though_each_value_is_in_its_range() -> None:
    """Pressure follows temperature in training: their product moment correlation is 0.99."""
    model = small_model().location("plant")
    temperature = np.random.default_rng(1).uniform(5, 20, 60)
    known = np.column_stack([temperature, 0.2 * temperature - 1 + 0.1 * np.random.default_rng(2).standard_normal(60)])
    group = replace(model.groups["007"], space=fit_input_space(known))
    model = replace(model, groups={**model.groups, "007": group})
    like, _, unlike, _ = predict_group(model, "007", rows((12, 1.4), (18, 0.5)))
    assert like.likeness is not None
    assert unlike.likeness is not None
    assert not like.outside_training
    assert like.likeness.chance > 0.05
    assert unlike.outside_training
    assert unlike.estimate is not None
    assert unlike.estimate.outside == ()
    assert unlike.likeness.chance < 1e-6
    assert {text.split()[0] for text in unlike.likeness.features} == {"temperature", "pressure"}
    assert unlike.cells()[9:13] == ("no", "yes", unlike.likeness.chance, "; ".join(unlike.likeness.features))


def test_where_no_interval_can_be_promised_its_ends_are_empty() -> None:
    model = small_model().location("plant")
    (prediction, *_) = predict_group(model, "NA", rows((0.5, 0.5)))
    assert prediction.cells()[7:9] == (None, None)


def test_a_file_is_read_by_column_name_and_product(tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text(GOOD)
    location, products = read_batch_file(file, small_model(), location=None, product_id=None)
    assert location.location == "plant"
    assert products["007"].batch_ids.tolist() == ["N1", "N1"]
    np.testing.assert_array_equal(products["007"].features, [[10, 1], [2, 9]])
    np.testing.assert_array_equal(products["NA"].features, [[np.nan, 0.5]])


def test_arguments_stand_for_columns(tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("batch_id,temperature,pressure\nN1,10,1\n")
    _, products = read_batch_file(file, small_model(), location="plant", product_id="007")
    assert list(products) == ["007"]


@pytest.mark.fault(NAMED_INPUT)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD.replace("pressure", "presure"), "unknown: presure, did you mean 'pressure'"),
        (GOOD.replace("location", "site"), "the column 'location' is missing"),
        (GOOD.replace("batch_id", "batch"), "missing: batch_id"),
        (GOOD.replace("plant", "plan"), "knows no location 'plan', did you mean 'plant'"),
        (GOOD.replace(",007,plant,9", ",007,lab,9"), "batches of several locations"),
        (GOOD.replace(",NA,", ",na,"), "knows no product_id 'na' at plant, did you mean 'NA'"),
        (GOOD.replace(",10\n", ",hot\n"), "row 2: 'hot'"),
        ("", "the file is empty"),
    ],
)
def test_a_file_that_does_not_fit_the_model_is_refused(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text(content)
    with pytest.raises(DataError) as caught:
        read_batch_file(file, small_model(), location=None, product_id=None)
    assert message in str(caught.value)


EXTREME = [1e155, -1e155, 1e200, 1e300, 1e308, -1.7e308, 1e-320, -1e-320, -0.0, math.inf, -math.inf]


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize("value", EXTREME)
def test_an_extreme_value_is_named_and_its_prediction_is_a_number_in_its_interval(value: float) -> None:
    found = next(predict_group(small_model().location("plant"), "007", rows((value, 1.0))))
    assert found.estimate is not None
    assert math.isfinite(found.estimate.value)
    assert found.estimate.lower <= found.estimate.value <= found.estimate.upper
    assert found.estimate.outside == (f"temperature {'above 20' if value > 20 else 'below 5'}",)


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize(
    "changes",
    [
        {"coefficients": np.array([math.nan, 1.0])},
        {"coefficients": np.array([1e308, 1e308])},
        {"intercept": math.inf},
        {"radius": Radius(-1.0, -1.0)},
        {"radius": Radius(1.0, math.nan)},
    ],
)
def test_no_prediction_is_made_of_a_number_that_is_not_finite(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="row 1 can't be predicted"):
        list(predict_group(changed_model(**changes).location("plant"), "007", rows((11.0, 1.0), (20.0, 2.0))))


def test_nothing_shows_a_minus_zero() -> None:
    model = changed_model(intercept=-0.0, coefficients=np.array([-0.0, 0.0]), lowest=-1.0, highest=1.0)
    location, batch = model.location("plant"), rows((5.0, -0.0))
    found = next(predict_group(location, "007", batch))
    assert found.estimate is not None
    assert math.copysign(1, found.estimate.value) == 1
    assert all(math.copysign(1, part[7]) == 1 for part in contributions_of_group(location, "007", batch))

"""Batches that a person excludes, and changes of the process that a person names."""

from dataclasses import replace

import numpy as np
import pytest

from src.common.errors import DataError
from src.data_preparation.batchai.order_description import OrderDescription
from src.data_preparation.batchai.regime_description import Regime, read_regimes
from src.data_preparation.batchai.yaml_section import Section
from test.data_preparation.batchai.preparation_test import DESCRIPTION, only, run

EXPORT = """
batch product day x1 x2 purity
B1    b       1   1  5  90
B3    b       3   3  4  92
B2    b       2   2  7  91
B4    b       4   5  6  93
B5    b       5   4  8  -
"""
ORDERED = replace(DESCRIPTION, order_by=OrderDescription("day", "number"), never_features=("day",))


def test_an_excluded_batch_is_left_out_and_listed_with_its_reason() -> None:
    result = run(EXPORT, replace(ORDERED, exclude={"B3": "wrong sample"}))
    assert only(result).batch_ids.tolist() == ["B1", "B2", "B4"]
    assert [(one.batch_id, one.row, one.reason) for one in result.rejections] == [("B3", 3, "excluded: wrong sample")]


def test_a_regime_trains_on_what_came_since_in_the_order_of_time() -> None:
    result = run(EXPORT, replace(ORDERED, regimes=(Regime("B3", "new supplier"),)))
    assert only(result).batch_ids.tolist() == ["B3", "B4"]
    assert only(result).pending.batch_ids.tolist() == ["B5"]
    assert {one.reason for one in result.rejections} == {"made before 'new supplier', which began with batch B3"}


def test_a_shift_keeps_all_batches_and_says_which_came_after_it() -> None:
    result = run(EXPORT, replace(ORDERED, regimes=(Regime("B3", "line 2", train_on="shift"),)))
    assert result.prepared.feature_names == ("x1", "x2", "since line 2")
    np.testing.assert_array_equal(only(result).features[:, 2], [0, 0, 1, 1])
    np.testing.assert_array_equal(only(result).pending.features[:, 2], [1])
    assert result.rejections == ()


@pytest.mark.parametrize("changes", [{"exclude": {"B7": ""}}, {"regimes": (Regime("B7", "new"),)}])
def test_a_batch_that_is_not_there_is_named(changes: dict[str, object]) -> None:
    with pytest.raises(DataError, match="names the batch 'B7', which the export does not have"):
        run(EXPORT, replace(ORDERED, **changes))  # type: ignore[arg-type]


def test_regimes_are_checked() -> None:
    section = Section(
        {"regimes": [{"since": "B1", "name": "a", "train_on": "curent"}, {"since": "B1", "name": "a", "because": "x"}]}
    )
    read_regimes(section)
    problems = " ".join(section.problems)
    for text in ("did you mean 'current'", "because is not known", "same name twice: 'a'", "same since twice: 'B1'"):
        assert text in problems, problems

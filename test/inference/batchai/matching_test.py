"""Columns of today against those of a model: by name, in any order, with what is missing imputed and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from src.common.errors import DataError
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.category_description import OTHER, Category
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.inference.batchai.matching import match_features
from src.training.batchai.model import LocationModel
from test.support.models import small_model

NAN = float("nan")


def model_of(*names: str, category: Category | None = None) -> LocationModel:
    plant = small_model().locations["plant"]
    return replace(plant, feature_names=names, recipe=Recipe(categories=(category,) if category else ()))


def today(*names: str, category: Category | None = None) -> PreparedLocation:
    return PreparedLocation("plant", names, (), (), Recipe(categories=(category,) if category else ()))


def test_columns_are_matched_by_name_in_any_order() -> None:
    matching = match_features(model_of("a", "b", "c"), today("c", "x", "a"))
    assert (matching.missing, matching.unknown) == (("b",), ("x",))
    np.testing.assert_array_equal(matching.apply(np.array([[3.0, 9.0, 1.0]])), [[1, NAN, 3]])
    imputed, unused = matching.sentences()
    assert "has no b" in imputed
    assert unused.endswith("not used: x")
    assert list(match_features(model_of("a", "b"), today("b", "a")).sentences()) == []


def test_data_without_any_feature_of_the_model_is_refused() -> None:
    with pytest.raises(DataError, match="has no feature of the model"):
        match_features(model_of("a", "b"), today("x", "y"))


def encoded(category: Category, *texts: str) -> NDArray[np.float64]:
    return np.column_stack(list(category.encode(list(texts)).values()))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Category("s", "A", ("B", "C")), Category("s", "B", ("A", "C"))),
        (Category("s", "A", ("B", "C")), Category("s", "A", ("B", "C", "D"))),
        (Category("s", "A", ("B",), ("C",)), Category("s", "C", ("A", "B"))),
        (Category("s", "A", ("B",), ("C",)), Category("s", "A", ("B",), ("C", "D"))),
    ],
)
def test_levels_that_stand_for_others_today_are_what_their_texts_are(ours: Category, theirs: Category) -> None:
    """The truth is what the model's own category makes of the texts."""
    texts = ("A", "B", "C", "A")
    matching = match_features(model_of(*ours.indicators, category=ours), today(*theirs.indicators, category=theirs))
    assert (matching.missing, matching.unknown) == ((), ())
    np.testing.assert_array_equal(matching.apply(encoded(theirs, *texts)), encoded(ours, *texts))


def test_a_level_that_the_model_has_not_seen_counts_as_it_does_in_its_own_data() -> None:
    ours, theirs = Category("s", "A", ("B",)), Category("s", "D", ("A", "B"))
    matching = match_features(model_of(*ours.indicators, category=ours), today(*theirs.indicators, category=theirs))
    np.testing.assert_array_equal(matching.apply(encoded(theirs, "A", "D", "B")), [[0], [NAN], [1]])
    np.testing.assert_array_equal(encoded(ours, "A", "D", "B"), [[0], [NAN], [1]])


def test_what_is_pooled_today_can_not_be_told_apart() -> None:
    ours, theirs = Category("s", "A", ("B",)), Category("s", "A", ("C",), ("B", "D"))
    assert theirs.indicators[-1] == f"s={OTHER}"
    matching = match_features(model_of(*ours.indicators, category=ours), today(*theirs.indicators, category=theirs))
    np.testing.assert_array_equal(matching.apply(encoded(theirs, "A", "B")), [[0], [NAN]])

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common.errors import SettingsError
from src.data_preparation.batchai.adjustable_description import Adjustable, Recipe, make_recipe, read_adjustable
from src.data_preparation.batchai.expressions import parse_expression
from src.data_preparation.batchai.yaml_section import Section
from src.inference.batchai.recipe import apply, changing_features

WATER = Adjustable("water", "kg", max_addition=10, volume_per_unit=0.001)
HEAT = Adjustable("heat", "K", max_addition=5, max_removal=5)
DERIVED = {
    name: parse_expression(text)
    for name, text in {
        "age_log": "log(age)",
        "ratio": "water / cement",
        "inverse": "1 / ratio",
        "both": "age_log * inverse",
        "unused": "water + hidden",
    }.items()
}
FEATURES = ("water", "cement", "heat", "age_log", "inverse", "ratio", "both")


def recipe(*items: Adjustable, features: tuple[str, ...] = FEATURES, divisors: tuple[str, ...] = ()) -> Recipe:
    contents = {"water", "cement", "sand"}
    return make_recipe(items, per_volume=contents, derived=DERIVED, features=features, divisors=divisors, where="plant")


def test_what_follows_from_a_change_is_computed_and_nothing_else() -> None:
    found = recipe(WATER, HEAT)
    assert found.per_volume == ("water", "cement")
    assert list(found.derived) == ["ratio", "inverse", "both"]
    assert changing_features(found, FEATURES) == ("water", "cement", "heat", "inverse", "ratio", "both")
    features = np.array([100.0, 200.0, 20.0, 2.0, 2.0, 0.5, 4.0])
    changed = apply(found, FEATURES, features, np.array([[0.0, 0.0], [10.0, -3.0]]))
    assert changed[0].tolist() == features.tolist()
    diluted = [110 / 1.01, 200 / 1.01, 17.0, 2.0, 200 / 110, 110 / 200, 2 * 200 / 110]
    assert changed[1].tolist() == pytest.approx(diluted)


def test_without_volumes_nothing_is_diluted() -> None:
    assert recipe(HEAT) == Recipe((HEAT,), (), {})
    assert not Recipe()


def test_a_derived_feature_without_a_value_is_none() -> None:
    found = Recipe((WATER,), (), {"ratio": "1 / water"})
    assert np.isnan(apply(found, ("water", "ratio"), np.array([0.0, 1.0]), np.array([[0.0]]))[0, 1])


@pytest.mark.parametrize(
    ("items", "features", "divisors", "message"),
    [
        ((Adjustable("watr", max_addition=1),), FEATURES, (), "watr is no feature of the data, did you mean 'water'"),
        ((Adjustable("ratio", max_addition=1),), FEATURES, (), "ratio is derived; name what it is computed from"),
        ((WATER,), FEATURES, ("water",), "water is what others are divided by"),
        ((WATER,), ("water", "inverse"), (), "inverse changes, but reads ratio, which is no feature"),
        ((WATER,), (*FEATURES, "unused"), (), "unused changes, but reads hidden, which is no feature"),
    ],
)
def test_what_can_not_be_computed_again_is_refused(
    items: tuple[Adjustable, ...], features: tuple[str, ...], divisors: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        recipe(*items, features=features, divisors=divisors)
    assert message in str(caught.value)


AMOUNTS = st.floats(0, 1e6)


@given(st.lists(st.tuples(st.text(min_size=1), st.text(), AMOUNTS, AMOUNTS), max_size=4, unique_by=lambda x: x[0]))
def test_facts_read_back(items: list[tuple[str, str, float, float]]) -> None:
    adjustable = tuple(Adjustable(name, unit, added, removed) for name, unit, added, removed in items)
    written = Recipe(adjustable, ("a",), {"b": "a + 1"})
    assert Recipe.from_facts(json.loads(json.dumps(written.facts()))) == written
    assert Recipe.from_facts(None) == Recipe()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda part: st.lists(part, max_size=2)
)
KEYS = st.sampled_from(["unit", "max_addition", "max_removal", "cost", "volume_per_unit"]) | st.text(max_size=12)


@given(st.dictionaries(st.text(max_size=5), st.dictionaries(KEYS, JSON, max_size=5) | JSON, max_size=3))
def test_any_document_is_read_or_its_problems_are_named(document: dict[str, object]) -> None:
    section = Section({"adjustable": document})
    items = read_adjustable(section)
    section.finish()
    if not section.problems:
        assert [item.name for item in items] == list(document)
        for item in items:
            assert item.max_addition >= 0
            assert item.max_removal >= 0
            assert item.max_addition + item.max_removal > 0
            assert item.cost > 0

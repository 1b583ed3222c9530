"""Categories against pandas.get_dummies, and the cases that need a decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.common.errors import BatchAIError
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.category_description import Category
from src.data_preparation.batchai.location_runs import prepare_locations
from src.data_preparation.batchai.preparation import Preparation
from src.data_preparation.batchai.prepared_data import PreparedFolder

YML = """\
tables: [{{file: batches.csv, missing: [n/a]}}]
batch_id: batch
product_id: product
features: [x]
categories: {categories}
targets: {{purity: {{}}}}
"""
LEVELS = [*"AABBBCCCCDE", "", "n/a"]


def prepared(folder: Path, levels: list[str], categories: str, pending: str = "") -> Preparation:
    plant = folder / "plant"
    plant.mkdir()
    rows = [f"B{number},P,{number},{level},{90 + number % 7}" for number, level in enumerate(levels)]
    (plant / "batches.csv").write_text("\n".join(["batch,product,x,supplier,purity", *rows]) + f"\n{pending}")
    (plant / "location.yml").write_text(YML.format(categories=categories))
    run = prepare_locations({"plant": plant}, folder / "prepared", min_batches=2)
    for errors in run.failed.values():
        raise errors[0]
    return run.done[0]


def test_indicators_are_those_of_pandas(tmp_path: Path) -> None:
    found = prepared(tmp_path, LEVELS, "{supplier: {rare: 1}}").prepared
    expected = pd.get_dummies(pd.Series(LEVELS), dtype=float)[["A", "B", "D", "E"]].to_numpy()
    expected[-2:] = np.nan
    assert found.feature_names == ("x", "supplier=A", "supplier=B", "supplier=D", "supplier=E")
    np.testing.assert_array_equal(found.groups[0].features[:, 1:], expected)
    assert found.recipe.categories == (Category("supplier", "C", ("A", "B", "D", "E")),)


def test_rare_levels_are_pooled_and_the_base_may_be_declared(tmp_path: Path) -> None:
    found = prepared(tmp_path, LEVELS, "{supplier: {rare: 2, base: A}}").prepared
    assert found.feature_names == ("x", "supplier=B", "supplier=C", "supplier=(other)")
    assert found.groups[0].features[:, 3].tolist()[:11] == [0] * 9 + [1, 1]
    again = PreparedFolder.open(tmp_path / "prepared").read("plant")
    assert again.recipe == Recipe(categories=(Category("supplier", "A", ("B", "C"), ("D", "E")),))


@pytest.mark.parametrize(
    ("rare", "value", "as_what"), [(2, [0.0, 0.0, 1.0], "(other)"), (1, [np.nan] * 4, "not known")]
)
def test_a_level_of_a_pending_batch_alone_is_named(tmp_path: Path, rare: int, value: list[float], as_what: str) -> None:
    found = prepared(tmp_path, LEVELS, f"{{supplier: {{rare: {rare}}}}}", "B99,P,1,Q,\n")
    np.testing.assert_array_equal(found.prepared.groups[0].pending.features[0, 1:], value)
    (rejection,) = found.rejections
    assert (rejection.row, rejection.batch_id, rejection.value) == (15, "B99", "Q")
    assert rejection.reason == f"no measured batch has this level; it counts as {as_what}"


@pytest.mark.parametrize(
    ("levels", "categories", "message"),
    [
        (LEVELS, "{suplier: {}}", "columns are missing: suplier, did you mean 'supplier'"),
        (LEVELS, "{supplier: {base: Q}}", "base: 'Q' is no level with 5 or more measured batches"),
        (LEVELS, "{supplier: {}}", "no level stands in 5 or more measured batches"),
        (LEVELS, "{supplier: {rare: 0}}", "rare is '0', expected a number from 1"),
        ([*LEVELS, "a"], "{supplier: {rare: 1}}", "two levels differ only in case"),
        (["A B", "A\u00a0B"], "{supplier: {rare: 1}}", "two levels look the same"),
    ],
)
def test_what_is_no_category_is_named(tmp_path: Path, levels: list[str], categories: str, message: str) -> None:
    with pytest.raises(BatchAIError) as caught:
        prepared(tmp_path, levels, categories)
    assert message in str(caught.value)


def test_a_category_with_one_level_says_nothing(tmp_path: Path) -> None:
    assert prepared(tmp_path, ["A"] * 6, "{supplier: {}}").prepared.feature_names == ("x",)


def test_the_facts_of_a_recipe_read_back() -> None:
    recipe = Recipe(categories=(Category("s", "A", ("B",), ("C",)),))
    assert Recipe.from_facts(recipe.facts()) == recipe
    assert recipe
    assert not replace(recipe, categories=())

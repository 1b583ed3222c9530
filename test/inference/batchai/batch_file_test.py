from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import DataError
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.category_description import Category
from src.inference.batchai.batch_file import read_batch_file
from src.training.batchai.model import Model
from test.support.models import small_model

HEADER = "location,product_id,batch_id,temperature,pressure\n"


def with_supplier(pooled: tuple[str, ...]) -> Model:
    """The small model, whose pressure is an indicator of a supplier."""
    model = small_model()
    plant = model.locations["plant"]
    recipe = Recipe(categories=(Category("supplier", "A", ("B",), pooled),))
    return replace(
        model, locations={"plant": replace(plant, feature_names=("temperature", "supplier=B"), recipe=recipe)}
    )


def test_a_category_may_be_given_as_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new.csv"
    file.write_text(
        "location,product_id,batch_id,temperature,supplier\nplant,007,B1,10,A\nplant,007,B2,10,B\nplant,007,B3,1,C\n"
    )
    _, batches = read_batch_file(file, with_supplier(()), location=None, product_id=None)
    np.testing.assert_array_equal(batches["007"].features[:, 1], [0, 1, np.nan])
    assert "row 4: 'C'" in capsys.readouterr().err
    _, batches = read_batch_file(file, with_supplier(("D",)), location=None, product_id=None)
    np.testing.assert_array_equal(batches["007"].features[:, 1], [0, 1, 0])


def read(folder: Path, rows: str) -> dict[str, list[str]]:
    file = folder / "new.csv"
    file.write_text(HEADER + rows)
    _, batches = read_batch_file(file, small_model(), location=None, product_id=None)
    return {product: found.batch_ids.tolist() for product, found in batches.items()}


def test_a_batch_may_have_several_rows_that_differ_and_stand_in_two_products(tmp_path: Path) -> None:
    rows = "plant,007,B1,10,1\nplant,007,B1,11,1\nplant,NA,B1,10,1\n"
    assert read(tmp_path, rows) == {"007": ["B1", "B1"], "NA": ["B1"]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "plant,007,B1,10,1\nplant,007,B1,10,1\n",
            r"batches stand twice, with the same features(.|\n)*B1 \(rows 2 and 3",
        ),
        ("plant,007,,10,1\n", r"no batch_id or product_id(.|\n)*row 2"),
        ("plant,007,B1,10,1\nplant,,B2,10,1\n", r"no batch_id or product_id(.|\n)*row 3"),
        ("plant,007,B 1,10,1\nplant,007,B\u00a01,11,1\n", r"two batch ids look the same"),
        ("plant,007,B1,1e200,1\n", r"1 cells of 'temperature' are no numbers(.|\n)*row 2: '1e200'"),
        ("plant,007,B1,inf,1\n", r"1 cells of 'temperature' are no numbers(.|\n)*row 2: 'inf'"),
        ("plant,007,B1,nan,1\n", r"1 cells of 'temperature' are no numbers(.|\n)*row 2: 'nan'"),
    ],
)
def test_a_row_that_can_not_be_predicted_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, rows)

from __future__ import annotations

from pathlib import Path

import pytest

from src.common.errors import DataError
from src.inference.batchai.batch_file import read_batch_file
from test.support.models import small_model

HEADER = "location,product_id,batch_id,temperature,pressure\n"


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

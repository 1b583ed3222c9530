"""Exports of several files of one kind, files without a header, and descriptions that plants share."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from src.common.errors import BatchAIError
from src.data_preparation.batchai.location_runs import prepare_locations
from src.data_preparation.batchai.preparation import Preparation

YML = """\
tables:
  - file: "lab_*.csv"
  - file: lots.csv
    join_on: batch
    columns: [batch, kg]
batch_id: batch
product_id: product
features: [x, kg]
targets: {purity: {plausible: [0, 100]}}
"""
FILES = {
    "lab_2.csv": "batch,product,x,purity\nB3,P,3,900\nB4,P,4,93\n",
    "lab_1.csv": "batch,product,x,purity\nB1,P,1,90\nB2,P,2,91\n",
    "lots.csv": "B1,10\nB2,20\nB3,15\nB4,12\n",
    "location.yml": YML,
}


def prepared(root: Path, files: dict[str, str]) -> Preparation:
    plant = root / "plant"
    plant.mkdir(exist_ok=True)
    for name, text in files.items():
        (plant / name).write_text(text, encoding="utf-8")
    run = prepare_locations({"plant": plant}, root / "prepared", min_batches=2)
    for errors in run.failed.values():
        raise errors[0]
    return run.done[0]


def test_files_of_one_kind_are_one_table_and_rows_keep_their_file(tmp_path: Path) -> None:
    found = prepared(tmp_path, FILES)
    (group,) = found.prepared.groups
    assert group.batch_ids.tolist() == ["B1", "B2", "B4"]
    assert group.features.tolist() == [[1, 10], [2, 20], [4, 12]]
    (rejection,) = found.rejections
    assert (rejection.file, rejection.row, rejection.value) == ("lab_2.csv", 2, "900")


def test_a_table_may_be_a_sheet_of_a_workbook(tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    lots = pd.DataFrame({"batch": ["B1", "B2", "B4", "B4"], "kg": [10, 20, 12, "x"]})
    with pd.ExcelWriter(tmp_path / "plant" / "lots.xlsx") as book:
        lots[:3].to_excel(book, sheet_name="good", index=False)
        lots[1:].to_excel(book, sheet_name="bad", index=False)
    text = YML.replace("lots.csv", "lots.xlsx").replace("columns: [batch, kg]", "sheet: good")
    (group,) = prepared(tmp_path, {**FILES, "location.yml": text}).prepared.groups
    assert group.features.tolist() == [[1, 10], [2, 20], [4, 12]]
    bad = text.replace("sheet: good", "sheet: bad\n    aggregate: {kg: sum}")
    with pytest.raises(BatchAIError, match="row 4, kg: 'x'"):
        prepared(tmp_path, {**FILES, "location.yml": bad})
    with pytest.raises(BatchAIError, match="sheet is for workbooks"):
        prepared(tmp_path, {**FILES, "location.yml": text.replace("lots.xlsx", "lots.csv")})


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ({"lab_1.csv": "batch,product,y,purity\nB1,P,1,90\n"}, ("files of one kind", "missing: y; more: x")),
        ({"lab_1.csv": FILES["lab_2.csv"]}, ("duplicate batch ids", "B3 (rows 2 of lab_1.csv and 2 of lab_2.csv)")),
        ({"lab_2.csv": FILES["lab_2.csv"].replace(",3,", ",x,")}, ("lab_2.csv row 2, x: 'x'",)),
        ({"location.yml": YML.replace("lab_*", "labor_*")}, ("no file fits 'labor_*.csv'", "lab_1.csv, lab_2.csv")),
        ({"lots.csv": "B1,10,3\n"}, ("1 rows have another number of cells", "2 cells in every row")),
        ({"lots.csv": ""}, ("lots.csv", "no rows")),
        ({"location.yml": YML.replace("[batch, kg]", "[batch, batch]")}, ("columns names 'batch' twice",)),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, str], fragments: tuple[str, ...]) -> None:
    with pytest.raises(BatchAIError) as caught:
        prepared(tmp_path, {**FILES, **change})
    assert all(fragment in str(caught.value) for fragment in fragments), str(caught.value)


def test_plants_with_the_same_system_share_a_description(tmp_path: Path) -> None:
    (tmp_path / "mes.yml").write_text(YML)
    found = prepared(tmp_path, {**FILES, "location.yml": "extends: mes.yml\nfeatures: [x]\n"})
    assert found.prepared.feature_names == ("x",)


@pytest.mark.parametrize(
    ("own", "shared", "fragment"),
    [
        ("extends: mse.yml\n", YML, "extends: 'mse.yml' is no description, did you mean 'mes.yml'"),
        ("extends: ../mes.yml\n", YML, "is no description"),
        ("extends: [a]\n", YML, "is no description"),
        ("extends: mes.yml\n", "extends: mes.yml\n", "extends none"),
        ("extends: mes.yml\n", "[]\n", "extends none"),
        ("extends: mes.yml\nbatchid: b\n", YML, "batchid is not known"),
    ],
)
def test_a_description_that_extends_no_good_one_is_refused(
    tmp_path: Path, own: str, shared: str, fragment: str
) -> None:
    (tmp_path / "mes.yml").write_text(shared)
    with pytest.raises(BatchAIError) as caught:
        prepared(tmp_path, {**FILES, "location.yml": own})
    assert fragment in str(caught.value)

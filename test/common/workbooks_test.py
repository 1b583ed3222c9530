"""Workbooks that openpyxl and pandas write are read as what was put in."""

from __future__ import annotations

import datetime
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pandas as pd
import pytest

from src.common.errors import DataError
from src.common.workbooks import read_workbook


def write(folder: Path, rows: list[list[object]], *, sheets: tuple[str, ...] = ("Lab",)) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(folder / "lab.xlsx")
    return folder / "lab.xlsx"


def test_cells_are_what_excel_keeps(tmp_path: Path) -> None:
    when = datetime.datetime(2024, 5, 1, 12, 30)  # noqa: DTZ001 - a workbook knows no zones
    rows: list[list[object]] = [
        ["batch", "n", "value", "start", "ok", "text"],
        ["007", 7, 0.1, when, True, " µ "],
        [7.0, 12345678901, 1e-20, datetime.date(2024, 5, 1), False, None],
    ]
    table = read_workbook(write(tmp_path, rows), decimal=",")
    assert {name: cells.tolist() for name, cells in table.columns.items()} == {
        "batch": ["007", "7"],
        "n": ["7", "12345678901"],
        "value": ["0,1", "1e-20"],
        "start": ["2024-05-01 12:30:00", "2024-05-01 00:00:00"],
        "ok": ["TRUE", "FALSE"],
        "text": ["µ", ""],
    }


def test_a_table_that_pandas_writes_and_empty_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"batch": ["B1", "B2", None, "B4"], "value": [1.5, 2.25, None, -3]})
    frame.to_excel(tmp_path / "lab.xlsx", sheet_name="Data", index=False)
    table = read_workbook(tmp_path / "lab.xlsx", sheet="Data")
    assert table.columns["value"].tolist() == ["1.5", "2.25", "-3"]
    assert table.lines == [2, 3, 5]


def test_a_sheet_is_chosen_by_its_name(tmp_path: Path) -> None:
    file = write(tmp_path, [["a"], [1]], sheets=("Lab", "Log"))
    assert read_workbook(file, sheet="Log").rows == 1
    with pytest.raises(DataError, match=r"there is no sheet 'Lob', did you mean '(Log|Lab)'"):
        read_workbook(file, sheet="Lob")
    with pytest.raises(DataError, match=r"the workbook has 2 sheets(.|\n)*Lab, Log"):
        read_workbook(file)


def test_what_has_no_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"formulas have no value(.|\n)*B2"):
        read_workbook(write(tmp_path, [["a", "b"], [1, "=A2*2"]]))
    book = openpyxl.load_workbook(write(tmp_path, [["a", "b"], [1, 2], [None, 3]]))
    book["Lab"].merge_cells("A2:A3")
    book.save(tmp_path / "lab.xlsx")
    with pytest.raises(DataError, match=r"cells are merged(.|\n)*A2:A3"):
        read_workbook(tmp_path / "lab.xlsx")


@pytest.mark.parametrize("content", [b"", b"batch,value\n1,2\n", b"PK\x03\x04" + bytes(40)])
def test_a_file_that_is_no_workbook_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lab.xlsx").write_bytes(content)
    with pytest.raises(DataError, match="the workbook can't be read"):
        read_workbook(tmp_path / "lab.xlsx")


def test_an_archive_with_other_things_is_no_workbook(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "lab.xlsx", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(DataError, match="the workbook can't be read"):
        read_workbook(tmp_path / "lab.xlsx")


@pytest.mark.parametrize(("rows", "message"), [([], "the file is empty"), ([["a"]], "a header and no rows")])
def test_an_empty_sheet_is_named(tmp_path: Path, rows: list[list[object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_workbook(write(tmp_path, rows))

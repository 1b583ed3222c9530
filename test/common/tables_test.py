from __future__ import annotations

import math
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common.errors import DataError
from src.common.tables import MANY, TextTable, format_csv, has_control_characters, read_text_table, to_numbers

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff")).map(str.strip)


def read(folder: Path, content: bytes | str, *, delimiter: str = ",", encoding: str = "utf-8") -> TextTable:
    path = folder / "batches.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_text_table(path, delimiter=delimiter, encoding=encoding)


def cells(table: TextTable) -> dict[str, list[str]]:
    return {name: column.tolist() for name, column in table.columns.items()}


def test_ids_stay_text(tmp_path: Path) -> None:
    ids = ["007", "7", "NA", "null", "NaN", "1.0", "True", "1e5", "2024-01-01", "None", "-", "inf", "#N/A", ""]
    table = read(tmp_path, "batch,product\n" + "".join(f"B{i},{text}\n" for i, text in enumerate(ids)))
    assert table.column("product").tolist() == ids
    assert all(type(text) is str for text in table.column("product"))
    assert table.rows == len(ids)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "END"])
def test_line_ends_and_byte_order_marks(tmp_path: Path, mark: str, end: str, last: str) -> None:
    content = mark + end.join(["batch,value", "B1,1", "B2,2"]) + last.replace("END", end)
    table = read(tmp_path, content.encode())
    assert cells(table) == {"batch": ["B1", "B2"], "value": ["1", "2"]}
    assert list(table.lines) == [2, 3]


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "utf_8", "Utf-8"])
def test_the_byte_order_mark_goes_however_utf_8_is_written(tmp_path: Path, name: str) -> None:
    assert list(read(tmp_path, "\ufeffbatch,b\n1,2\n", encoding=name).columns) == ["batch", "b"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250", "utf-16", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path, "batch;Güte\nB1;süß\n".encode(encoding), delimiter=";", encoding=encoding)
    assert cells(table) == {"batch": ["B1"], "Güte": ["süß"]}


def test_the_line_of_excel_that_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    table = read(tmp_path, "sep=;\nbatch;value\nB1;1\n", delimiter=";")
    assert (cells(table), table.lines) == ({"batch": ["B1"], "value": ["1"]}, [3])


def test_quotes_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    table = read(tmp_path, 'batch,"a, ""b"""\nB1,"x,\ny"\nB2," z "\n')
    assert cells(table) == {"batch": ["B1", "B2"], 'a, "b"': ["x,\ny", "z"]}
    assert list(table.lines) == [3, 4]


def test_blank_lines_are_no_rows_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    table = read(tmp_path, "batch,value\n\nB1,1\n\n\nB2,2\n\n")
    assert cells(table) == {"batch": ["B1", "B2"], "value": ["1", "2"]}
    assert list(table.lines) == [3, 6]


def test_blank_lines_before_the_header(tmp_path: Path) -> None:
    table = read(tmp_path, "\n\nbatch,value\nB1,1\n")
    assert cells(table) == {"batch": ["B1"], "value": ["1"]}
    assert list(table.lines) == [4]


def test_white_space_around_cells_goes(tmp_path: Path) -> None:
    assert cells(read(tmp_path, " batch ,\tvalue\u00a0\n B1 ,\u00a01\u00a0\n")) == {"batch": ["B1"], "value": ["1"]}


def test_a_delimiter_at_the_end_of_every_line_makes_no_column(tmp_path: Path) -> None:
    assert cells(read(tmp_path, "batch;value;\nB1;1;\nB2;2; \n", delimiter=";")) == {
        "batch": ["B1", "B2"],
        "value": ["1", "2"],
    }


def test_the_order_of_columns_is_that_of_the_file(tmp_path: Path) -> None:
    assert list(read(tmp_path, "z,a,m\n1,2,3\n").columns) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        (b"", ("the file is empty",)),
        (b"\n \r\n\n", ("the file is empty",)),
        (b"\xef\xbb\xbf", ("the file is empty",)),
        (b"batch,value\n", ("a header and no rows",)),
        (b"batch,value\n\n\n", ("a header and no rows",)),
        (b"batch,value\nB1\nB2,2\nB3,3,4\n", ("2 rows", "row 2: 1 cells, row 4: 3 cells", "2 cells in every row")),
        (b"batch,value,value\nB1,1,2\n", ("column names appear twice: value", "row 1")),
        (b"batch,value, value \nB1,1,2\n", ("column names appear twice: value",)),
        (b"batch,,value\nB1,1,2\n", ("a column has no name", "row 1")),
        (b'batch,value\nB1,"1\nB2,2\n', ("a row can't be read", "check its quotes")),
        (b'batch,value\nB1,"1"x\n', ("a row can't be read", "row 2")),
        (b"batch,value\nB1,1\nB2,s\xfc\xdf\n", ("the file is not utf-8", "row 3", "byte 0xfc", "cp1252")),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, content: bytes, fragments: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    for fragment in (*fragments, "batches.csv"):
        assert fragment in str(caught.value)


def test_half_a_character_at_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file is not utf-16"):
        read(tmp_path, "batch\n1\n".encode("utf-16") + b"\x31", encoding="utf-16")


def test_an_encoding_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"utf-9(.|\n)*batches\.csv"):
        read(tmp_path, "batch\n1\n", encoding="utf-9")


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an empty folder"):
        read_text_table(tmp_path / "batches.csv")
    (tmp_path / "batchs.csv").touch()
    with pytest.raises(DataError, match=r"'batches\.csv' is missing, did you mean 'batchs\.csv'"):
        read_text_table(tmp_path / "batches.csv")
    with pytest.raises(DataError, match="no such folder"):
        read_text_table(tmp_path / "plant" / "batches.csv")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    table = read(tmp_path, "batch,presure\nB1,1\n")
    with pytest.raises(DataError, match="the column 'pressure' is missing, did you mean 'presure'") as caught:
        table.column("pressure")
    assert "found:    batch, presure" in str(caught.value)


def test_a_wrong_delimiter_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the delimiter of this file seems to be ';'"):
        read(tmp_path, "batch;value\nB1;1\n").column("batch")


def test_numbers_and_what_is_none() -> None:
    numbers, wrong = to_numbers(["1", "-2.5", "+.5", "5.", "1e3", "1E-3", "", "warm", "1,5", "1_0", "0x1", "٣", "1 2"])
    np.testing.assert_array_equal(numbers[:7], [1, -2.5, 0.5, 5, 1000, 0.001, math.nan])
    assert wrong == [7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    "text", ["inf", "-inf", "nan", "NaN", "Infinity", "1e999", "-1e999", ".", "e5", "--1", "1-", "1\n"]
)
def test_no_finite_number(text: str) -> None:
    assert to_numbers(["1", text])[1] == [1]


@pytest.mark.parametrize(
    ("text", "number"),
    [("21,5", 21.5), ("-,5", -0.5), ("1,5e3", 1500), ("7", 7), ("1.5", None), ("1.234,5", None), ("1,2,3", None)],
)
def test_a_decimal_comma(text: str, number: float | None) -> None:
    numbers, wrong = to_numbers([text], decimal=",")
    assert wrong == ([0] if number is None else [])
    if number is not None:
        assert numbers[0] == number


def test_texts_that_mean_missing_or_stand_for_numbers() -> None:
    numbers, wrong = to_numbers(
        ["n/a", "-", "yes", "no", "3", "Yes"], missing=["n/a", "-"], values={"yes": 1, "no": 0, "3": 30}
    )
    np.testing.assert_array_equal(numbers[:5], [math.nan, math.nan, 1, 0, 30])
    assert wrong == [5]


def test_no_cells_are_no_numbers() -> None:
    numbers, wrong = to_numbers([])
    assert numbers.shape == (0,)
    assert numbers.dtype == np.float64
    assert wrong == []


@given(st.lists(st.floats(allow_infinity=False), min_size=1))
def test_floats_make_an_exact_round_trip(values: list[float]) -> None:
    with TemporaryDirectory() as folder:
        table = read(Path(folder), format_csv(["batch", "value"], [("B", value) for value in values]))
    numbers, wrong = to_numbers(table.column("value"))
    assert wrong == []
    for before, after in zip(values, numbers, strict=True):
        assert math.isnan(before) == math.isnan(after)
        assert math.isnan(before) or struct.pack("d", before) == struct.pack("d", after)


@given(st.lists(st.floats(allow_infinity=False, allow_nan=False), min_size=1))
def test_numpy_numbers_are_written_as_python_s(values: list[float]) -> None:
    plain = format_csv(["v"], [[value] for value in values])
    assert format_csv(["v"], [[value] for value in np.asarray(values)]) == plain


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1))
def test_any_text_makes_an_exact_round_trip(rows: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        table = read(Path(folder), format_csv(["batch", "value"], rows))
    assert list(zip(*cells(table).values(), strict=True)) == rows


@given(st.lists(CELLS.filter(bool), min_size=2, unique=True))
def test_any_column_names_make_an_exact_round_trip(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        table = read(Path(folder), format_csv(names, [["1"] * len(names)]))
    assert list(table.columns) == names


def test_what_is_not_measured_becomes_an_empty_cell() -> None:
    rows = [["B1", math.nan, None], ["B2", np.float64("nan"), 3], ["B3", 2.0, -0.0]]
    assert format_csv(["batch", "a", "b"], rows) == "batch,a,b\nB1,,\nB2,,3\nB3,2,-0\n"


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\x00", "a\x1bb", "\x7f", "\x85", "\u2028", "\u2029"])
def test_control_characters_are_seen(text: str) -> None:
    assert has_control_characters(text)


@pytest.mark.parametrize("text", ["", "B 01", "süß", "7/8", "\u00a0"])
def test_ordinary_text_has_no_control_characters(text: str) -> None:
    assert not has_control_characters(text)


@given(
    st.lists(
        st.sampled_from(["1", "-2.5", "+.5", "5.", "1e3", "1E-3", "", "n/a", "yes", "1,5", "1_0", "0x1", "\u0663"]),
        min_size=1,
    )
)
@pytest.mark.parametrize("decimal", [".", ","])
def test_many_cells_are_read_as_few_are(decimal: str, texts: list[str]) -> None:
    many = np.array(texts * MANY, dtype=object)
    numbers, wrong = to_numbers(many, decimal=decimal, missing=["n/a"], values={"yes": 1})
    few, few_wrong = to_numbers(many.tolist(), decimal=decimal, missing=["n/a"], values={"yes": 1})
    np.testing.assert_array_equal(numbers, few)
    assert wrong == few_wrong


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_many_floats_are_read_exactly(floats: list[float]) -> None:
    many = np.array([repr(number) for number in floats] * MANY, dtype=object)
    numbers, wrong = to_numbers(many)
    assert [number for number in floats * MANY if math.isfinite(number)] == numbers[np.isfinite(numbers)].tolist()
    assert len(wrong) == sum(map(math.isinf, floats)) * MANY

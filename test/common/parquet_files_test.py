"""Parquet files, written by pandas and pyarrow, as tables of text."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from src.common.errors import DataError
from src.common.parquet_files import parquet_memory, read_parquet
from src.common.tables import to_numbers
from src.data_preparation.batchai.batchai_datapreparation import main

MOMENT = datetime.datetime(2024, 5, 1, 12, 0, 0)  # noqa: DTZ001 - as a local clock writes it


def write(folder: Path, columns: dict[str, pa.Array]) -> Path:
    path = folder / "a.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array(["007", " NA ", None, "1.0"]), ["007", "NA", "", "1.0"]),
        (pa.array([1, -2, None], pa.int64()), ["1", "-2", ""]),
        (pa.array([7.0, 0.1, None, 1e-7, float("inf")]), ["7", "0.1", "", "1e-7", "inf"]),
        (pa.array([0.1], pa.float32()), ["0.1"]),
        (pa.array([True, False, None]), ["TRUE", "FALSE", ""]),
        (pa.array([MOMENT, None], pa.timestamp("us")), ["2024-05-01 12:00:00", ""]),
        (pa.array([MOMENT.replace(microsecond=5)], pa.timestamp("us")), ["2024-05-01 12:00:00.000005"]),
        (
            pa.array([MOMENT.replace(tzinfo=ZoneInfo("Europe/Berlin"))], pa.timestamp("us", "Europe/Berlin")),
            ["2024-05-01 10:00:00Z"],
        ),
        (pa.array([datetime.date(2024, 5, 1)]), ["2024-05-01"]),
        (pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)), ["1.50", ""]),
        (pa.array(["a", "b", "a", None]).dictionary_encode(), ["a", "b", "a", ""]),
        (pa.nulls(2), ["", ""]),
    ],
)
def test_cells_are_texts(tmp_path: Path, values: pa.Array, texts: list[str]) -> None:
    table = read_parquet(write(tmp_path, {"x": values}))
    assert table.columns["x"].tolist() == texts
    assert list(table.lines) == list(range(1, len(texts) + 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    folder = tmp_path_factory.mktemp("numbers")
    for decimal in (".", ","):
        texts = read_parquet(write(folder, {"x": pa.array(numbers)}), decimal=decimal).columns["x"]
        assert to_numbers(texts.tolist(), decimal=decimal)[0].tolist() == numbers


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": pa.array([[1], [2]])}, "columns hold no single values(.|\n)*x \\(list<"),
        ({"x": pa.array([b"a"])}, "x \\(binary\\)"),
        ({"x": pa.array([], pa.int64())}, "the file has no rows"),
        ({" x": pa.array([1]), "x": pa.array([1])}, "appear twice"),
        ({"": pa.array([1])}, "column names are empty"),
        ({"µ": pa.array([1]), "μ": pa.array([1])}, "two column names look the same"),
    ],
)
def test_what_can_not_be_a_table_is_named(tmp_path: Path, columns: dict[str, pa.Array], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_parquet(write(tmp_path, columns))


@pytest.mark.parametrize("content", [b"", b"PAR1" + bytes(50), b"a,b\n1,2\n"])
def test_what_is_no_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert parquet_memory(path) == 0
    with pytest.raises(DataError, match="the file is no Parquet"):
        read_parquet(path)


def test_an_export_in_parquet_is_prepared_as_one_in_csv(tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "resources" / "plants" / "pharma-batches"
    description = (source / "location.yml").read_text()
    for kind in ("csv", "parquet"):
        plant = tmp_path / kind / "plant"
        plant.mkdir(parents=True)
        for name in ("batches", "lots"):
            table = pd.read_csv(source / f"{name}.csv")
            if kind == "csv":
                table.to_csv(plant / f"{name}.csv", index=False)
            else:
                table.to_parquet(plant / f"{name}.parquet", index=False)
        (plant / "location.yml").write_text(description.replace(".csv", f".{kind}"))
        folders = ["--inputs_folder", str(tmp_path / f"{kind} in"), "--prepared_folder", str(tmp_path / f"{kind} out")]
        assert main(["--input_url", str(tmp_path / kind), *folders]) == 0
    csv, typed = (
        {path.name: path.read_bytes() for path in (tmp_path / f"{kind} out").rglob("*.csv")}
        for kind in ("csv", "parquet")
    )
    assert csv.pop("rejected.csv") == typed.pop("rejected.csv").replace(b"parquet,45", b"csv,46")
    assert csv == typed

"""Several rows per batch. Expected values are worked out by hand from the rows, or by `statistics`."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from src.common.errors import BatchAIError, DataError
from src.data_preparation.batchai.export_files import read_export
from src.data_preparation.batchai.location_description import read_description
from src.data_preparation.batchai.location_runs import prepare_locations
from src.data_preparation.batchai.preparation import prepare
from src.data_preparation.batchai.prepared_data import PreparedFolder

BATCHES = "batch,product,purity\nB1,P,90\nB2,P,91\nB3,P,92\nB4,P,93\n"
YML = """\
tables:
  - file: batches.csv
  - file: side.csv
    join_on: batch
{table}
batch_id: batch
product_id: product
features: [{features}]
max_missing: 0.9
targets: {{purity: {{}}}}
"""


def prepared(folder: Path, side: str, table: str, features: str) -> dict[str, tuple[str, ...]]:
    """Prepare a plant with a side table. Returns the cells of ``data.csv`` by column."""
    plant = folder / "plant"
    plant.mkdir()
    (plant / "batches.csv").write_text(BATCHES)
    (plant / "side.csv").write_text(side)
    (plant / "location.yml").write_text(YML.format(table=table, features=features))
    run = prepare_locations({"plant": plant}, folder / "prepared", min_batches=2)
    for errors in run.failed.values():
        raise errors[0]
    PreparedFolder.open(folder / "prepared").read("plant")
    header, *rows = (folder / "prepared" / "location=plant" / "product_id=P" / "data.csv").read_text().splitlines()
    return dict(zip(header.split(","), zip(*(row.split(",") for row in rows), strict=True), strict=True))


LOTS = """\
batch,kg,moisture,supplier
B1,1,2.5,A
B2,2,3,B
B1,3,4.5,C
B3,0,1,A
B3,0,2,A
B4,,7,
B4,1,,B
B9,1,1,A
B9,1,1,A
"""
AGGREGATE = """\
    aggregate:
      kg: sum
      moisture: {rule: mean, weight: kg}
      plain: {rule: mean, column: moisture}
      low: {rule: min, column: moisture}
      high: {rule: max, column: moisture}
      spread: {rule: std, column: moisture}
      lots: {rule: count, column: batch}
      made: {rule: first, column: supplier}
      last: {rule: last, column: supplier}
values: {made: {A: 1, B: 2, C: 3}, last: {A: 1, B: 2, C: 3}}"""


def test_lots_are_aggregated_by_rule(tmp_path: Path) -> None:
    columns = prepared(tmp_path, LOTS, AGGREGATE, "kg, moisture, plain, low, high, spread, lots, made, last")
    assert columns["batch_id"] == ("B1", "B2", "B3", "B4")
    assert columns["kg"] == ("4", "2", "0", "")  # a lot of B4 has no quantity: the sum is not known
    assert columns["moisture"] == ("4", "3", "", "")  # (1·2.5 + 3·4.5) / 4; B3 has no mass; B4's is not known
    assert columns["plain"] == ("3.5", "3", "1.5", "7")
    assert columns["low"] == ("2.5", "3", "1", "7")
    assert columns["high"] == ("4.5", "3", "2", "7")
    assert columns["spread"] == (repr(statistics.stdev([2.5, 4.5])), "", repr(statistics.stdev([1, 2])), "")
    assert columns["lots"] == ("2", "1", "2", "2")
    assert columns["made"] == ("1", "2", "1", "2")
    assert columns["last"] == ("3", "2", "1", "2")
    rejected = (tmp_path / "prepared" / "rejected.csv").read_text().splitlines()[1:]
    assert rejected == [f"plant,,B9,side.csv,{row},,,no row in batches.csv" for row in (9, 10)]


RESULTS = """\
batch,test,result,unit
B1,ph,7.1,
B1,fat [%],3.5,%
B2,ph,6.9,
B3,ph,7.3,
B4,ph,7.25,
B2,fat [%],3.25,%
B3,fat [%],,%
"""
PIVOT = "    pivot: {name: test, value: result, unit: unit, units: {'fat [%]': '%'}}"


def test_a_long_table_becomes_wide(tmp_path: Path) -> None:
    columns = prepared(tmp_path, RESULTS, PIVOT, '"ph", "fat [*"')
    assert columns == {
        "batch_id": ("B1", "B2", "B3", "B4"),
        "ph": ("7.1", "6.9", "7.3", "7.25"),
        "fat [%]": ("3.5", "3.25", "", ""),
    }


def test_a_cell_of_a_long_table_is_named_with_its_own_row(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, RESULTS.replace("3.25", "fatty"), PIVOT, '"ph", "fat [*"')
    assert "side.csv row 7, fat [%]: 'fatty'" in str(caught.value)


def test_results_that_were_repeated_are_combined_by_rule(tmp_path: Path) -> None:
    table = "    pivot: {name: test, value: result, rule: mean}"
    columns = prepared(tmp_path, RESULTS + "B1,ph,7.3,\nB4,fat [%],5,%\n", table, '"ph", "fat [*"')
    assert columns["ph"] == ("7.199999999999999", "6.9", "7.3", "7.25")
    assert columns["fat [%]"] == ("3.5", "3.25", "", "5")


@pytest.mark.parametrize(
    ("side", "table", "fragments"),
    [
        (RESULTS + "B1,ph,7.3,\n", PIVOT, ("a batch has several results of 'ph'", "rows 2 and 9", "rule: mean")),
        (RESULTS + "B4,fat [%],35,g/l\n", PIVOT, ("fat [%]: % (row 3) and g/l (row 9)", "fat [%]: %")),
        (RESULTS + "B4,,35,g/l\n", PIVOT, ("no name of a test", "row 9: ''")),
        (RESULTS + "B4,batch,35,g/l\n", PIVOT, ("one that is a key's", "row 9: 'batch'")),
        (RESULTS, PIVOT.replace("'fat [%]'", "fett"), ("no test fett",)),
        (RESULTS, PIVOT.replace("test,", "tset,"), ("the column 'tset' is missing, did you mean 'test'",)),
        (LOTS, AGGREGATE.replace("sum", "total"), ("aggregate: kg: rule is 'total', expected one of mean, sum",)),
        (LOTS, AGGREGATE.replace("rule: min", "rule: min, weight: kg"), ("weight is for mean, not for min",)),
        (LOTS.replace("B3,0,1", "B3,-1,1"), AGGREGATE, ("quantities are below zero: 'kg'", "row 5, kg: '-1'")),
        (LOTS.replace("B3,0,1", "B3,x,1"), AGGREGATE, ("no numbers that can be aggregated", "row 5, kg: 'x'")),
        (LOTS, "", ("two rows have the same key", "rows 2 and 4", "how several rows become one (aggregate)")),
    ],
)
def test_what_can_not_be_reshaped_is_named(tmp_path: Path, side: str, table: str, fragments: tuple[str, ...]) -> None:
    with pytest.raises(BatchAIError) as caught:
        prepared(tmp_path, side, table, "kg, moisture, ph")
    assert all(fragment in str(caught.value) for fragment in fragments), str(caught.value)


def test_exact_copies_among_lots_are_named(tmp_path: Path) -> None:
    """pandas says which: `DataFrame.duplicated`; the same lot in two batches, or other numbers, are no copies."""
    (tmp_path / "batches.csv").write_text("batch,x,y\n" + "".join(f"B{n},{n * n},{n}\n" for n in range(9)))
    lots = ["batch,lot,kg", *(f"B{n},L1,{n + 5}" for n in range(9)), "B1,L2,6", "B3,L1,8", "B3,L1,8"]
    (tmp_path / "lots.csv").write_text("\n".join(lots))
    description = "tables: [{file: batches.csv}, {file: lots.csv, join_on: batch, aggregate: {kg: sum}}]\n"
    description += "batch_id: batch\nproduct: all\nfeatures: [x, kg]\ntargets: {y: {}}\n"
    (tmp_path / "location.yml").write_text(description)
    made = prepare(read_export(tmp_path, read_description(tmp_path / "location.yml", location="plant")))
    (warning,) = (warning for warning in made.warnings if "exact copies of others" in warning.message)
    assert warning.severity == "low"
    assert warning.message.startswith("2 rows of lots.csv are exact copies")
    assert warning.message.endswith("row 12, 13")

"""One export that holds several locations. The oracle: pandas cuts it into exports of their own."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from src.common.errors import DataError
from src.data_preparation.batchai.batchai_datapreparation import main
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.data_preparation.batchai.reports import GROUPS, REJECTED

DESCRIPTION = """
tables:
  - file: batches.csv
  - file: lots.csv
    join_on: [country, batch]
    aggregate: {moisture: mean}
  - file: quality.csv
    join_on: batch_code
  - file: recipes.csv
    join_on: {product: code}
batch_id: batch
product_id: product
order_by: {column: day, format: number}
features: [temperature, moisture, filler]
categories: {line: {rare: 2}}
targets: {assay: {unit: "%"}}
"""


def tables() -> dict[str, pd.DataFrame]:
    """Two countries number their batches from 1; each has its own lots, and both share the recipes."""
    rows, lots, quality = [], [], []
    for country, count in (("France", 12), ("São Paulo: 2", 9)):
        for number in range(1, count + 1):
            code = f"{country[0]}{number}"
            level = 3.5 * number % 7 + (0 if country == "France" else 4)
            line = "AB"[number % 2] if country == "France" else "CD"[number % 2]
            rows.append((country, number, "PQ"[number % 2], code, 100 - number, level, line))
            lots += [(country, number, 1 + 0.1 * number), (country, number, 2 + 0.3 * (number % 4))]
            if number < count:
                quality.append((code, 90 + number * 1.25))
    rows.append(("", 99, "P", "X1", 1, 2.0, "A"))
    names = ["country", "batch", "product", "batch_code", "day", "temperature", "line"]
    return {
        "batches": pd.DataFrame(rows, columns=names),
        "lots": pd.DataFrame(lots, columns=["country", "batch", "moisture"]),
        "quality": pd.DataFrame(quality, columns=["batch_code", "assay"]),
        "recipes": pd.DataFrame([("P", 5), ("Q", 6)], columns=["code", "filler"]),
    }


def write(folder: Path, parts: dict[str, pd.DataFrame], text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "location.yml").write_text(text, encoding="utf-8")
    for name, table in parts.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def run(root: Path, source: str, *arguments: str) -> int:
    folders = ["--inputs_folder", str(root / f"{source} inputs"), "--prepared_folder", str(root / f"{source} prepared")]
    return main(["--input_url", str(root / source), *folders, *arguments])


def content(prepared: Path, *, skip: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        path.relative_to(prepared).as_posix(): path.read_bytes()
        for path in prepared.rglob("*.csv")
        if path.name not in skip
    }


def test_each_location_is_prepared_as_from_an_export_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "one" / "world", tables(), DESCRIPTION + "location: country\n")
    assert run(tmp_path, "one") == 0
    for country in ("France", "São Paulo: 2"):
        own = {
            name: table[table["country"] == country] if "country" in table else table
            for name, table in tables().items()
        }
        own["quality"] = own["quality"][own["quality"]["batch_code"].isin(own["batches"]["batch_code"])]
        write(tmp_path / "many" / country, own, DESCRIPTION)
    assert run(tmp_path, "many") == 0
    one, many = tmp_path / "one prepared", tmp_path / "many prepared"
    assert content(one, skip=(REJECTED,)) == content(many, skip=(REJECTED,))
    assert PreparedFolder.open(one).locations == ("France", "São Paulo: 2")
    assert {row["location"] for row in read(one / GROUPS)} == {"France", "São Paulo: 2"}
    # rows keep the numbers that they have in the one file, and what names no country is listed
    (nowhere,) = (row for row in read(one / REJECTED) if row["column"] == "country")
    assert (nowhere["location"], nowhere["row"], nowhere["batch_id"], nowhere["reason"]) == (
        "world",
        "23",
        "99",
        "no country",
    )


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_of_them_is_prepared_alone_and_a_fault_stops_it_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "one" / "world", tables(), DESCRIPTION + "location: country\n")
    assert run(tmp_path, "one") == 0
    prepared = tmp_path / "one prepared"
    before = content(prepared)
    parts = tables()
    parts["batches"]["temperature"] = parts["batches"]["temperature"].astype(object)
    parts["batches"].loc[1, "temperature"] = "hot"
    parts["batches"].to_csv(tmp_path / "one" / "world" / "batches.csv", index=False)

    assert run(tmp_path, "one", "--location", "São Paulo: 2") == 0
    assert content(prepared) == before
    with pytest.raises(DataError, match="1 cells are no numbers"):
        run(tmp_path, "one", "--location", "France")
    assert run(tmp_path, "one") == 3
    assert "location France: 1 cells are no numbers" in capsys.readouterr().err
    assert content(prepared, skip=(GROUPS,)) == {name: text for name, text in before.items() if name != GROUPS}
    with pytest.raises(DataError, match="unknown location 'Frence'"):
        run(tmp_path, "one", "--location", "Frence")


def test_what_can_not_be_read_at_all_keeps_all_of_its_locations(tmp_path: Path) -> None:
    write(tmp_path / "one" / "world", tables(), DESCRIPTION + "location: country\n")
    own = {name: part[part["country"] == "France"] if "country" in part else part for name, part in tables().items()}
    write(tmp_path / "one" / "moon", own, DESCRIPTION)
    assert run(tmp_path, "one") == 0
    before = content(tmp_path / "one prepared")
    (tmp_path / "one" / "world" / "lots.csv").unlink()
    assert run(tmp_path, "one") == 3
    after = content(tmp_path / "one prepared")
    assert {name for name in before if before[name] != after[name]} == {GROUPS}
    assert PreparedFolder.open(tmp_path / "one prepared").locations == ("France", "São Paulo: 2", "moon")
    # and again, from what was kept
    assert run(tmp_path, "one") == 3
    assert content(tmp_path / "one prepared") == after


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["north", "North"], "two locations differ only in case"),
        (["north", "nor\u200bth"], "two locations look the same"),
        (["", ""], "no row says where it comes from"),
        (["a\x07b", "c"], "no name that can be shown"),
    ],
)
def test_names_that_can_not_be_those_of_locations(tmp_path: Path, names: list[str], message: str) -> None:
    rows = [(names[number % 2], number, "P", number) for number in range(8)]
    table = pd.DataFrame(rows, columns=["site", "batch", "product", "x"])
    text = "tables: [{file: b.csv}]\nbatch_id: batch\nproduct_id: product\nfeatures: []\ntargets: {x: {}}\n"
    write(tmp_path / "one" / "world", {"b": table}, text.replace("[]", "[y]") + "location: site\n")
    with pytest.raises(DataError, match=message):
        run(tmp_path, "one")


def test_two_exports_can_not_hold_one_location(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "one" / "world", tables(), DESCRIPTION + "location: country\n")
    own = {name: part[part["country"] == "France"] if "country" in part else part for name, part in tables().items()}
    write(tmp_path / "one" / "France", own, DESCRIPTION)
    assert run(tmp_path, "one") == 3
    assert "location France: two exports hold the location" in capsys.readouterr().err
    assert PreparedFolder.open(tmp_path / "one prepared").locations == ("São Paulo: 2",)

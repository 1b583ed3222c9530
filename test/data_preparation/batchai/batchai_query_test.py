"""The export of a plant that keeps its batches in a database: SQLite, and PostgreSQL where there is a server."""

from __future__ import annotations

import csv
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.common.console import run_script
from src.data_preparation.batchai import batchai_datapreparation, batchai_query
from test.support.postgres import programs, server

pytest.importorskip("sqlalchemy", reason="databases need requirements/sql.txt")

PASSWORD = "Ex4mple-0nly-for-th1s-test"
LOCATION = """
tables:
  - file: batches.csv
    query: |
      select id, product, made, temperature, note, yield from batches order by id
batch_id: id
product_id: product
order_by: {column: made, format: "%Y-%m-%d %H:%M:%S"}
features: [temperature]
never_features: [note]
targets: {yield: {unit: kg}}
"""
TABLE = """create table batches (
    id text primary key, product text, made timestamp, temperature numeric(6, 2), note text, yield double precision)"""
ROWS = [
    (
        f"{number:03}",
        "007",
        f"2025-01-{number:02} 06:00:00",
        f"{20 + number}.50",
        'a "quoted", note',
        90.25 + number * 7 % 11,
    )
    for number in range(1, 26)
]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "source" / "plant"
    folder.mkdir(parents=True)
    (folder / "location.yml").write_text(LOCATION, encoding="utf-8")
    for name, place in (
        ("BATCHAI_INPUT_URL", "source"),
        ("DATAPREP_INPUTS_DIR", "in"),
        ("DATAPREP_OUTPUTS_DIR", "out"),
    ):
        monkeypatch.setenv(name, str(tmp_path / place))
    return tmp_path


@pytest.fixture
def sqlite(plant: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    database = plant / "plant.db"
    with sqlite3.connect(database) as connection:
        connection.execute(TABLE)
        connection.executemany("insert into batches values (?, ?, ?, ?, ?, ?)", ROWS)
    monkeypatch.setenv("BATCHAI_DATABASE_URL", f"sqlite:///{database}")
    return plant


@pytest.fixture
def postgresql(plant: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    if programs() is None:
        pytest.skip("no PostgreSQL server on this machine (initdb is looked for on PATH and in /usr/lib/postgresql)")
    from sqlalchemy import create_engine, text

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # the path of its socket must be short
        Path(folder).chmod(0o755)
        with server(Path(folder), password=PASSWORD) as url:
            engine = create_engine(url)
            with engine.begin() as connection:
                connection.execute(text(TABLE))
                names = ("id", "product", "made", "temperature", "note", "yield")
                statement = text(f"insert into batches values ({', '.join(f':{name}' for name in names)})")
                connection.execute(statement, [dict(zip(names, row, strict=True)) for row in ROWS])
            engine.dispose()
            monkeypatch.setenv("BATCHAI_DATABASE_URL", url)
            yield plant


def exported(plant: Path) -> list[dict[str, str]]:
    with (plant / "source" / "plant" / "batches.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_query_becomes_a_file_that_is_prepared_like_any_other(
    database: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    plant: Path = request.getfixturevalue(database)
    assert batchai_query.main([]) == 0
    assert batchai_datapreparation.main([]) == 0
    rows = exported(plant)
    assert [row["id"] for row in rows] == [f"{number:03}" for number in range(1, 26)]
    assert rows[0]["product"] == "007"
    assert rows[0]["made"] == "2025-01-01 06:00:00"
    assert float(rows[0]["temperature"]) == 21.5
    assert rows[0]["note"] == 'a "quoted", note'
    assert rows[0]["yield"] == "97.25"
    prepared = plant / "out" / "location=plant" / "product_id=007" / "target.csv"
    assert prepared.read_text(encoding="utf-8").splitlines()[:2] == ["batch_id,yield", "001,97.25"]
    assert PASSWORD not in "".join(capsys.readouterr())


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_query_can_only_read(
    database: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """A WITH that deletes begins like one that reads; PostgreSQL refuses it, and SQLite knows no such thing."""
    plant: Path = request.getfixturevalue(database)
    folder = plant / "source" / "plant"
    deleting = "with gone as (delete from batches returning *) select * from gone"
    text = LOCATION.replace("select id, product, made, temperature, note, yield from batches order by id", deleting)
    (folder / "location.yml").write_text(text, encoding="utf-8")
    assert run_script(lambda: batchai_query.main([])) == 4
    printed = "".join(capsys.readouterr())
    assert "the database refuses" in printed
    assert PASSWORD not in printed
    assert not (folder / "batches.csv").exists()
    (folder / "location.yml").write_text(LOCATION, encoding="utf-8")
    assert batchai_query.main([]) == 0
    assert len(exported(plant)) == 25


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("", 2, "there is no database to ask"),
        ("nonsense", 2, "the database can't be named so"),
        (f"oracle+nothing://plant:{PASSWORD}@127.0.0.1/x", 2, "the database can't be named so"),
        (f"mysql+pymysql://plant:{PASSWORD}@127.0.0.1/x", 2, "a package for databases is not installed"),
        (f"postgresql+psycopg://plant:{PASSWORD}@127.0.0.1:1/x", 4, "the database refuses"),
        ("sqlite:////nowhere/plant.db", 2, "the database is not there"),
    ],
)
def test_what_can_not_be_reached_is_named_without_its_password(
    plant: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    url: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("BATCHAI_DATABASE_URL", url)
    assert run_script(lambda: batchai_query.main([])) == code
    printed = "".join(capsys.readouterr())
    assert said in printed
    assert PASSWORD not in printed
    assert "Traceback" not in printed
    assert len(printed.strip().splitlines()) <= 8


def test_no_piece_of_a_password_is_printed_that_was_not_encoded(
    plant: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its / ends the host, and what follows its : is read as the port, which Python quotes when it is no number."""
    monkeypatch.setenv("BATCHAI_DATABASE_URL", "postgresql+psycopg://plant:Ab/c@d:Tail9x@127.0.0.1:1/x")
    assert run_script(lambda: batchai_query.main(["--verbose"])) == 2
    printed = "".join(capsys.readouterr())
    assert "written %2F" in printed
    assert "Tail9x" not in printed


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("delete from batches", "does not begin with SELECT or WITH"),
        ("select nothing from batches", "the database refuses"),
        ("select * from batches where id = 'none'", "the query finds no rows"),
        ("select id, x'00ff' as raw from batches", "the column 'raw' holds no single values"),
    ],
)
def test_a_wrong_query_is_named_and_leaves_the_old_file(
    sqlite: Path, capsys: pytest.CaptureFixture[str], query: str, said: str
) -> None:
    assert batchai_query.main([]) == 0
    before = (sqlite / "source" / "plant" / "batches.csv").read_bytes()
    text = LOCATION.replace("select id, product, made, temperature, note, yield from batches order by id", query)
    (sqlite / "source" / "plant" / "location.yml").write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert run_script(lambda: batchai_query.main([])) in (2, 3, 4)
    assert said in "".join(capsys.readouterr())
    assert (sqlite / "source" / "plant" / "batches.csv").read_bytes() == before

"""The state's file: its version, and transactions inside of each other."""

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from aml_emulator.store.database import MIGRATIONS, Database, StateVersionError


def _columns(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        return set(connection.execute("select type, name from sqlite_master"))


def test_an_inner_transaction_that_fails_is_undone_whole(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3")
    with database.transaction():
        database.insert("settings", {"name": "outer", "value": "1"})
        with suppress(ValueError), database.transaction():
            database.insert("settings", {"name": "inner", "value": "1"})
            raise ValueError
        with database.transaction():
            database.insert("settings", {"name": "second", "value": "1"})
    assert [row["name"] for row in database.all("select name from settings order by name")] == ["outer", "second"]
    with suppress(ValueError), database.transaction():
        database.insert("settings", {"name": "lost", "value": "1"})
        raise ValueError
    assert database.first("settings", {"name": "lost"}) is None
    database.close()


def test_a_state_of_before_there_were_versions_is_brought_up(tmp_path: Path) -> None:
    fresh, old = tmp_path / "fresh.sqlite3", tmp_path / "old.sqlite3"
    Database(fresh).close()
    Database(old).close()
    with sqlite3.connect(old) as connection:
        connection.execute("drop index pipeline_nodes_by_run")
        connection.execute("drop table schedules")
        connection.execute("pragma user_version = 0")
    connection.close()
    Database(old).close()
    assert _columns(old) == _columns(fresh)


def test_a_state_of_a_newer_emulator_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"pragma user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateVersionError, match=f"has version {len(MIGRATIONS) + 1}, and this emulator knows up to"):
        Database(path)
    assert path.read_bytes() == before

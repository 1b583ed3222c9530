"""The SQLite file that the emulator remembers everything in.

One connection is shared by all threads and guarded by one lock: the emulator serves one person or one
test suite, and a statement takes well below a millisecond. The journal is a write-ahead log, so that a
killed process leaves every finished transaction whole.
"""

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aml_emulator.errors import NotFoundError
from aml_emulator.fields import parse

Row = dict[str, Any]

_SCHEMA = Path(__file__).with_name("schema.sql")

# what brings a file from each version to the next; a file without a version is of before there were versions
MIGRATIONS: tuple[str, ...] = (
    """
    create index if not exists pipeline_nodes_by_run on pipeline_nodes (run);
    create table if not exists schedules (
        id text primary key, workspace text not null, pipeline text, endpoint text, status text not null,
        created text not null, modified text not null, document text not null
    );
    """,
)

JSON_COLUMNS = frozenset(
    {
        "columns",
        "dataflow",
        "document",
        "error",
        "interface",
        "outputs",
        "properties",
        "tags",
        "tree",
    }
)


def now() -> str:
    """Return the present time as the service writes it: UTC, ISO 8601, milliseconds, ``Z``."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """Return a new random identifier in the form of a GUID."""
    return str(uuid.uuid4())


def _encode(column: str, value: Any) -> Any:
    return json.dumps(value) if column in JSON_COLUMNS and value is not None else value


def _decode(row: sqlite3.Row) -> Row:
    return {
        column: parse(row[column]) if column in JSON_COLUMNS and row[column] is not None else row[column]
        for column in row.keys()  # noqa: SIM118  (a sqlite3.Row iterates over its values)
    }


class StateVersionError(Exception):
    """A state was written by a newer emulator."""


class Database:
    """Reads and writes rows as dictionaries; JSON columns are encoded and decoded on the way.

    Args:
        path: The SQLite file; it is made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute("pragma foreign_keys = on")
        self._migrate()

    def _migrate(self) -> None:
        """Bring the file to the version of the schema that this emulator knows."""
        (found,) = self._connection.execute("pragma user_version").fetchone()
        if found > len(MIGRATIONS):
            raise StateVersionError(
                f"the state has version {found}, and this emulator knows up to {len(MIGRATIONS)}: "
                "use the emulator that wrote it, or another folder for --state"
            )
        fresh = self._connection.execute("select count(*) from sqlite_master").fetchone()[0] == 0
        if fresh:
            self._connection.executescript(_SCHEMA.read_text(encoding="utf-8"))
        for script in () if fresh else MIGRATIONS[found:]:
            self._connection.executescript(f"begin; {script} commit;")
        self._connection.execute(f"pragma user_version = {len(MIGRATIONS)}")

    def close(self) -> None:
        """Close the file; the database cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is written inside the block appear together or not at all; blocks may be nested.

        An inner block that fails is undone by itself, also where its error is caught further out.
        """
        with self._lock:
            name = f"level_{self._depth}"
            self._connection.execute(f"savepoint {name}" if self._depth else "begin immediate")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth:
                    self._connection.execute(f"rollback to {name}")
                    self._connection.execute(f"release {name}")
                else:
                    self._connection.execute("rollback")
                raise
            self._depth -= 1
            self._connection.execute(f"release {name}" if self._depth else "commit")

    def all(self, sql: str, *arguments: Any) -> list[Row]:
        """Return every row that the query finds."""
        with self._lock:
            return [_decode(row) for row in self._connection.execute(sql, arguments)]

    def one(self, sql: str, *arguments: Any) -> Row | None:
        """Return the first row that the query finds, or None."""
        rows = self.all(sql, *arguments)
        return rows[0] if rows else None

    def first(self, table: str, key: Mapping[str, Any], *, order: str = "rowid") -> Row | None:
        """Return the first row that has all values of ``key``, or None."""
        condition = " and ".join(f"{column} = ?" for column in key)
        return self.one(f"select * from {table} where {condition} order by {order}", *key.values())  # noqa: S608

    def find(self, table: str, where: Mapping[str, Any], *, kind: str, key: str) -> Row:
        """Return the row that has all values of ``where``; NotFoundError of a kind and a key when there is none."""
        row = self.first(table, where)
        if row is None:
            raise NotFoundError(kind, key)
        return row

    def remove(self, table: str, where: Mapping[str, Any], *, kind: str, key: str) -> None:
        """Delete the rows that have all values of ``where``; NotFoundError when there are none."""
        condition = " and ".join(f"{column} = ?" for column in where)
        if not self.execute(f"delete from {table} where {condition}", *where.values()):  # noqa: S608
            raise NotFoundError(kind, key)

    def execute(self, sql: str, *arguments: Any) -> int:
        """Run a statement and return how many rows it changed."""
        with self._lock:
            return self._connection.execute(sql, arguments).rowcount

    def insert(self, table: str, row: Mapping[str, Any], *, replace: bool = False) -> None:
        """Add a row, or with ``replace`` put it in the place of the one with the same key."""
        verb = "insert or replace" if replace else "insert"
        marks = ", ".join("?" for _ in row)
        sql = f"{verb} into {table} ({', '.join(row)}) values ({marks})"
        self.execute(sql, *(_encode(column, value) for column, value in row.items()))

    def update(self, table: str, key: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
        """Change the rows that have all values of ``key``; return how many there were."""
        assignments = ", ".join(f"{column} = ?" for column in changes)
        condition = " and ".join(f"{column} = ?" for column in key)
        values: Sequence[Any] = [
            *(_encode(column, value) for column, value in changes.items()),
            *key.values(),
        ]
        return self.execute(f"update {table} set {assignments} where {condition}", *values)  # noqa: S608

    def setting(self, name: str, default: str) -> str:
        """Return a setting of this state, which becomes ``default`` when it is asked for first."""
        with self.transaction():
            row = self.one("select value from settings where name = ?", name)
            if row is None:
                self.insert("settings", {"name": name, "value": default})
                return default
            return str(row["value"])

"""Tables that queries of a plant's database make: each becomes a file of the export, which is read like any other."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.errors import CloudError, DataError, SettingsError, one_line
from src.common.files import atomic_open
from src.common.paths import safe_relative_path
from src.common.redaction import register_secret
from src.common.workbooks import cell_text
from src.data_preparation.batchai.location_description import LocationDescription
from src.data_preparation.batchai.table_description import TableDescription

if TYPE_CHECKING:
    from sqlalchemy import Connection

CELLS = (str, bool, int, float, datetime.date, datetime.time)
"""What a cell may be, beside an exact decimal and nothing."""
ROWS = 10_000
"""So many rows are fetched at a time."""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect to a database, for reading alone.

    Args:
        url: As SQLAlchemy has it: ``postgresql+psycopg://user:password@host/database``, ``sqlite:///file.db``.

    Raises:
        SettingsError: It is no such URL, or its driver is not installed.
        CloudError: The database does not answer, or refuses.
    """
    try:
        from sqlalchemy import create_engine, event
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    except ImportError as error:
        raise _no_driver(error) from error

    try:
        parsed = make_url(url)
        register_secret(parsed.password or "")
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise SettingsError(
            "the database can't be named so",
            where="BATCHAI_DATABASE_URL",
            found="a value that is not shown",
            expected="dialect+driver://user:password@host/database, such as postgresql+psycopg://… or sqlite:///file.db",
            hint="correct it in .env.local; / : @ # in a name or password are written %2F %3A %40 %23",
        ) from None  # what could not be read may be a piece of the password
    except ImportError as error:
        raise _no_driver(error) from error
    if parsed.get_backend_name() == "sqlite":
        _refuse_new_file(parsed.database)
        event.listen(engine, "connect", lambda raw, _: raw.execute("pragma query_only = on"))
    try:
        with engine.connect() as connection:
            read_only = {"postgresql_readonly": True} if parsed.get_backend_name() == "postgresql" else {}
            yield connection.execution_options(**read_only)
    except SQLAlchemyError as error:
        raise _refused(error, shown=parsed.render_as_string(hide_password=True)) from error
    finally:
        engine.dispose()


def write_table(connection: Connection, table: TableDescription, folder: Path) -> tuple[Path, int]:
    """Run the query of a table, and write what it finds as the file of the table, whole or not at all.

    Returns:
        The file, and how many rows it has.

    Raises:
        DataError: There are no rows, or values that are no single cells.
        CloudError: The database refuses the query.
    """
    from sqlalchemy import text

    path = folder / safe_relative_path(table.file)
    result = connection.execution_options(stream_results=True).execute(text(table.query))
    names = list(result.keys())
    count = 0
    with atomic_open(path) as stream:
        lines = io.TextIOWrapper(stream, encoding=table.encoding, newline="", write_through=True)
        writer = csv.writer(lines, delimiter=table.delimiter, lineterminator="\n")
        writer.writerow(names)
        for rows in result.partitions(ROWS):
            writer.writerows(
                [_cell(value, table, name) for name, value in zip(names, row, strict=True)] for row in rows
            )
            count += len(rows)
        lines.detach()
        if not count:
            raise DataError("the query finds no rows", where=table.file, hint="correct query in location.yml")
    return path, count


def queried_tables(description: LocationDescription) -> tuple[TableDescription, ...]:
    """The tables that queries make."""
    return tuple(table for table in description.tables if table.query)


def _cell(value: Any, table: TableDescription, name: str) -> str:
    """A value as it is written: whole numbers without decimals, decimals as they are, times as in a workbook."""
    if isinstance(value, Decimal):
        return format(value, "f").replace(".", table.decimal)
    if value is None or isinstance(value, CELLS):
        return cell_text(value, table.decimal, strip=False)
    raise DataError(
        f"the column {name!r} holds no single values",
        where=table.file,
        found=type(value).__name__,
        expected="numbers, texts, times or truth",
        hint="cast it in the query, or leave it out",
    )


def _refuse_new_file(database: str | None) -> None:
    """SQLite makes a file that is not there; a reader has no use for an empty one."""
    if database and database != ":memory:" and not database.startswith("file:") and not Path(database).is_file():
        raise SettingsError(
            "the database is not there",
            where="BATCHAI_DATABASE_URL",
            found=database,
            expected="the file of a SQLite database",
            hint="correct the path; sqlite:///a.db is relative to where you are, sqlite:////a/b.db absolute",
        )


def _no_driver(error: ImportError) -> SettingsError:
    return SettingsError(
        "a package for databases is not installed",
        where="BATCHAI_DATABASE_URL",
        found=error,
        hint="pip install -r requirements/sql.txt; databases but PostgreSQL and SQLite need a driver of their own",
    )


def _refused(error: Exception, *, shown: str) -> CloudError:
    """Without the query's parameters and SQLAlchemy's link; what secrets it holds the error hides."""
    cause = getattr(error, "orig", None) or error
    return CloudError(
        "the database refuses",
        where=shown,
        found=one_line(str(cause).split("\n[SQL:", maxsplit=1)[0]),
        hint="check BATCHAI_DATABASE_URL and query in location.yml",
    )

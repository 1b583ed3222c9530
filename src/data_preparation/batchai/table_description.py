"""What one file of an export looks like, as ``tables`` of a location.yml says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from src.common.parquet_files import is_parquet
from src.common.workbooks import is_workbook
from src.data_preparation.batchai.patterns import WILD
from src.data_preparation.batchai.yaml_section import Section

READING = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
"""How a query begins that only reads. The database is asked to refuse others, too."""
RULES = ("mean", "sum", "min", "max", "std", "first", "last", "count")
"""How several rows become one value."""


@dataclass(frozen=True)
class Aggregation:
    """One value from the rows of a batch.

    Attributes:
        column: The column that holds the values.
        rule: One of `RULES`.
        weight: For ``mean``: the column with the quantity that each row counts by; empty where all count alike.
    """

    column: str
    rule: str
    weight: str = ""


@dataclass(frozen=True)
class Pivot:
    """A long table: a row per batch and test. Each test becomes a column.

    Attributes:
        name: The column with the name of the test.
        value: The column with its result.
        unit: The column with the unit of the result; empty where there is none.
        units: The unit that a test must have, where it is said.
        rule: How several results of one test become one, of `RULES`; empty where there is only one.
    """

    name: str
    value: str
    unit: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    rule: str = ""


@dataclass(frozen=True)
class TableDescription:
    """One file of an export.

    Attributes:
        file: Its path below the location's folder; with ``*`` and ``?`` in the name, all files of this kind.
        sheet: The sheet of a workbook; empty for the only one.
        columns: The names of its columns, where the file has no header.
        delimiter: What stands between two cells.
        encoding: The name of its text encoding.
        decimal: The decimal sign, ``.`` or ``,``.
        thousands: What stands between groups of three digits; empty for nothing.
        suffixes: Texts that may stand behind a number and add nothing, such as ``%``.
        missing: Texts that mean: not measured. An empty cell always does.
        join_on: Column of the tables before it → column of this table; empty for the first table.
        required: Whether a batch that has no row here is left out (else its cells are empty).
        pivot: How a long table becomes a wide one.
        aggregate: How several rows of a key become one, by the names of the columns they give.
        query: What a database is asked for it; empty for a file that comes from elsewhere.
    """

    file: str
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    missing: tuple[str, ...] = ()
    join_on: Mapping[str, str] = field(default_factory=dict)
    required: bool = True
    pivot: Pivot | None = None
    aggregate: Mapping[str, Aggregation] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    sheet: str = ""
    thousands: str = ""
    suffixes: tuple[str, ...] = ()
    query: str = ""

    @property
    def is_pattern(self) -> bool:
        """Whether `file` may mean several files."""
        return any(sign in PurePosixPath(self.file).name for sign in WILD)


def read_table_description(part: Section, *, first: bool) -> TableDescription:
    """Read an entry of ``tables``; what is wrong is noted in the section.

    Args:
        part: The entry.
        first: Whether it is the first table, which joins to nothing.
    """
    pivot = part.section("pivot")
    table = TableDescription(
        file=part.text("file"),
        delimiter=part.text("delimiter", default=","),
        encoding=part.text("encoding", default="utf-8"),
        decimal=part.text("decimal", default="."),
        missing=part.texts("missing"),
        join_on=part.text_mapping("join_on", required=not first),
        required=part.flag("required", default=True),
        pivot=_pivot(pivot) if pivot else None,
        aggregate=_aggregations(part),
        columns=part.texts("columns"),
        sheet=part.text("sheet", default=""),
        thousands=part.text("thousands", default=""),
        suffixes=part.texts("suffixes"),
        query=part.text("query", default=""),
    )
    _check_query(part, table)
    _check_joins(part, table, first=first)
    _check_text_format(part, table)
    if Path(table.file).is_absolute() or ".." in Path(table.file).parts:
        part.problem("file", f"is {table.file!r}, expected a path below the location's folder")
    part.finish()
    return table


def _check_query(part: Section, table: TableDescription) -> None:
    if not table.query:
        return
    if table.is_pattern or is_workbook(table.file) or is_parquet(table.file) or table.columns:
        part.problem("query", "writes one text file with a header; name it in file, such as batches.csv")
    if not READING.match(table.query):
        part.problem("query", "does not begin with SELECT or WITH: it may only read")


def _check_joins(part: Section, table: TableDescription, *, first: bool) -> None:
    if not first and not table.join_on and part.has("join_on"):
        part.problem("join_on", "is empty, expected the columns that say which rows belong together")
    if first and table.join_on:
        part.problem("join_on", "the first table joins to nothing; leave it out")
    for key, given in (("pivot", table.pivot), ("aggregate", table.aggregate)):
        if first and given:
            part.problem(key, "the first table gives the rows; put a table with one row per batch before it")
    if table.pivot and table.aggregate:
        part.problem("aggregate", "stands beside pivot; say the rule in pivot")


def _check_text_format(part: Section, table: TableDescription) -> None:
    if table.sheet and not is_workbook(table.file):
        part.problem("sheet", "is for workbooks (.xlsx)")
    typed = "workbooks" if is_workbook(table.file) else "Parquet" if is_parquet(table.file) else ""
    if typed and (table.delimiter, table.encoding) != (",", "utf-8"):
        part.problem("delimiter" if table.delimiter != "," else "encoding", f"is for text files, not for {typed}")
    if is_parquet(table.file) and table.columns:
        part.problem("columns", "is for files without a header, and a Parquet file has the names of its columns")
    if len(table.delimiter) != 1 or table.delimiter in '"\r\n\0':
        part.problem("delimiter", f"is {table.delimiter!r}, expected one character that ends no line and is no quote")
    if table.decimal not in {".", ","}:
        part.problem("decimal", f"is {table.decimal!r}, expected '.' or ','")
    if len(table.thousands) > 1 or table.thousands.isalnum() or table.thousands in {"+", "-"}:
        part.problem("thousands", f"is {table.thousands!r}, expected one sign that is no digit and no letter")
    if table.thousands and table.thousands == table.decimal:
        part.problem("thousands", "is the decimal sign too")
    if any(not suffix.strip() or suffix[-1].isdigit() for suffix in table.suffixes):
        part.problem("suffixes", "are texts that don't end in a digit, such as %")
    if table.decimal == table.delimiter:
        part.problem("decimal", "is the delimiter too")
    try:
        "x".encode(table.encoding)
    except (LookupError, ValueError):
        part.problem("encoding", f"is {table.encoding!r}, which is no encoding; expected utf-8, cp1250, latin-1, …")


def _aggregations(part: Section) -> dict[str, Aggregation]:
    """``column: rule``, or ``name: {rule, column, weight}``."""
    found = {}
    for name, entry in part.named_sections("aggregate", shorthand="rule"):
        rule = entry.choice("rule", RULES)
        found[name] = Aggregation(entry.text("column", default=name), rule, entry.text("weight", default=""))
        if found[name].weight and rule != "mean":
            entry.problem("weight", f"is for mean, not for {rule}")
        entry.finish()
    return found


def _pivot(part: Section) -> Pivot:
    pivot = Pivot(
        name=part.text("name"),
        value=part.text("value"),
        unit=part.text("unit", default=""),
        units=part.text_mapping("units"),
        rule=part.choice("rule", RULES, default=""),
    )
    if pivot.units and not pivot.unit:
        part.problem("units", "need the column with the unit of each result: unit")
    part.finish()
    return pivot

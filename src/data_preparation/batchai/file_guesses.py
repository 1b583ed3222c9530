"""What a file of a new plant probably looks like: encoding, delimiter, decimal sign, and what its columns hold."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from src.common.errors import BatchAIError
from src.common.parquet_files import is_parquet, read_parquet
from src.common.tables import TextTable, read_text_table, to_numbers
from src.common.workbooks import is_workbook, read_workbook

NUMBER, TIME, TEXT, CONSTANT, EMPTY = "number", "time", "text", "constant", "empty"
DELIMITERS = ",;\t|"
TIME_FORMATS = (
    *("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M"),
    *("%d.%m.%Y %H:%M:%S", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%b.%y", "%d-%b-%Y"),
)
TWO_ANSWERS = ({"no", "yes"}, {"n", "y"}, {"false", "true"}, {"off", "on"}, {"nein", "ja"})
LINES = 200
MOST_ODD = 3
"""So many different texts among numbers probably mean: not measured."""
_LIMIT = re.compile(r"[<>≤≥]=? *(?=\d)")
_POINT, _COMMA = re.compile(r"[+-]?\d+\.\d+"), re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class GuessedColumn:
    """A column.

    Attributes:
        name: Its name.
        cells: Shape (rows,): its texts.
        kind: `NUMBER`, `TIME`, `TEXT`, `CONSTANT` or `EMPTY`.
        formats: The formats that all of its times fit.
        missing: Texts among its numbers that probably mean: not measured.
        answers: Two texts that stand for 0 and 1.
        limits: Whether there are limits among its numbers, such as <0.05.
    """

    name: str
    cells: Sequence[str]
    kind: str
    formats: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    limits: bool = False

    @property
    def gaps(self) -> set[int]:
        """The rows without a value."""
        return {row for row, cell in enumerate(self.cells) if not cell or cell in self.missing}

    @property
    def distinct(self) -> int:
        """How many different texts there are, empty ones not counted."""
        return len(set(self.cells) - {""})

    @property
    def names_things(self) -> bool:
        """Whether its texts can be ids: all there, and no decimals."""
        return all(self.cells) and not any("." in cell or "," in cell for cell in self.cells if cell[:1].isdigit())


@dataclass(frozen=True)
class GuessedFile:
    """A file.

    Attributes:
        name: Its name.
        keys: What is unlike the defaults in an entry of ``tables``.
        columns: Its columns, by name.
        notes: What a person should look at.
        problem: Why it can't be read; empty where it can.
    """

    name: str
    keys: dict[str, object]
    columns: dict[str, GuessedColumn]
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values())).cells) if self.columns else 0


def guess_file(path: Path) -> GuessedFile:
    """Look at a file."""
    keys: dict[str, object] = {}
    notes: list[str] = []
    try:
        if is_workbook(path.name):
            table = read_workbook(path)
        elif is_parquet(path.name):
            table = read_parquet(path)
        else:
            table = _guess_text(path, keys, notes)
    except BatchAIError as error:
        return GuessedFile(path.name, keys, {}, tuple(notes), str(error))
    decimal = str(keys.get("decimal", "."))
    columns = {name: _guess_column(name, cells.tolist(), decimal) for name, cells in table.columns.items()}
    if missing := sorted({text for column in columns.values() for text in column.missing}):
        keys["missing"] = missing
        notes.append(f"{', '.join(map(repr, missing))} among numbers: does it mean that nothing was measured?")
    return GuessedFile(path.name, keys, columns, tuple(notes))


def _guess_text(path: Path, keys: dict[str, object], notes: list[str]) -> TextTable:
    data = path.read_bytes()
    encoding = _encoding(data)
    if encoding not in ("utf-8", "utf-16"):
        notes.append(f"the encoding {encoding} is a guess: look at the letters beyond ASCII")
    text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")
    lines = text.splitlines()[:LINES]
    widths = {delimiter: {len(row) for row in csv.reader(lines, delimiter=delimiter)} - {0} for delimiter in DELIMITERS}
    even = {delimiter: max(width) for delimiter, width in widths.items() if len(width) == 1 and max(width) > 1}
    most = max(DELIMITERS, key=lambda one: lines[0].count(one) if lines else 0)
    delimiter = max(even, key=lambda one: even[one], default=most)
    cells = [cell.strip() for row in csv.reader(lines[1:], delimiter=delimiter) for cell in row]
    counts = [sum(pattern.fullmatch(cell) is not None for cell in cells) for pattern in (_POINT, _COMMA)]
    defaults = {"encoding": "utf-8", "delimiter": ",", "decimal": "."}
    found = {"encoding": encoding, "delimiter": delimiter, "decimal": "," if counts[1] > counts[0] else "."}
    keys.update({key: value for key, value in found.items() if value != defaults[key]})
    if all(counts):
        notes.append("some numbers have a point and some a comma: which one is the decimal sign?")
    return read_text_table(path, delimiter=delimiter, encoding=encoding)


def _encoding(data: bytes) -> str:
    if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "utf-16"
    try:
        data.decode()
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data, cp_isolation=["cp1250", "cp1252"]).best()
        return best.encoding if best else "cp1252"
    return "utf-8"


def _guess_column(name: str, cells: list[str], decimal: str) -> GuessedColumn:
    column = GuessedColumn(name, cells, TEXT)
    counts = Counter(cell for cell in cells if cell)
    if not counts:
        return replace(column, kind=EMPTY)
    if len(counts) == 1:
        return replace(column, kind=CONSTANT)
    limits = any(_LIMIT.match(text) for text in counts)
    texts = list(dict.fromkeys(_LIMIT.sub("", text) for text in counts))
    numbers, wrong = to_numbers(texts, decimal=decimal)
    odd = tuple(texts[place] for place in wrong)
    if not odd or (len(odd) <= min(MOST_ODD, len(texts) // 4) and all(len(text) < 12 for text in odd)):
        varies = len({number for number in numbers.tolist() if math.isfinite(number)}) > 1
        return replace(column, kind=NUMBER if varies else CONSTANT, missing=odd, limits=limits)
    if {text.casefold() for text in texts} in TWO_ANSWERS:
        return replace(column, kind=NUMBER, answers=tuple(sorted(texts, key=str.casefold)))
    formats = tuple(form for form in TIME_FORMATS if all(_is_time(text, form) for text in texts))
    return replace(column, kind=TIME, formats=formats) if formats else column


def _is_time(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return True

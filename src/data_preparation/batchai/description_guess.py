"""A first ``location.yml`` for a new plant, from its files alone: what is likely, and what it does not decide.

A guess is never taken silently: each stands in the file with a comment, and the file is a person's to correct.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from src.common.errors import BatchAIError, DataError, one_line, some_of
from src.data_preparation.batchai.data_warnings import HIGH
from src.data_preparation.batchai.description_text import Guess, description_lines
from src.data_preparation.batchai.export_files import read_export
from src.data_preparation.batchai.file_guesses import (
    CONSTANT,
    EMPTY,
    NUMBER,
    TEXT,
    TIME,
    GuessedColumn,
    GuessedFile,
    guess_file,
)
from src.data_preparation.batchai.location_description import DESCRIPTION_NAME, read_description
from src.data_preparation.batchai.preparation import Preparation, prepare

SUFFIXES = {".csv", ".txt", ".tsv", ".xlsx", ".xlsm", ".parquet"}
_BATCH = re.compile(r"(^|[\W_])(batch|lot|run|sample|mix|charge|order|id|code)($|[\W_])", re.IGNORECASE)
_PRODUCT = re.compile(r"^(product|product_id|code|product code|recipe|grade|type|material)$", re.IGNORECASE)
_RESULT = re.compile(
    r"yield|strength|purity|assay|dissol|drug release|viscosity|hardness|slump|quality|impurit|residual", re.IGNORECASE
)
MOST_LEVELS = 8
MOST_GAPS = 0.5


def guess_description(folder: Path) -> str:
    """Look at the files of a location, and write what they look like.

    Args:
        folder: The folder of the location.

    Returns:
        The text of a ``location.yml``.

    Raises:
        DataError: There is no file that could be a table.
    """
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    found = [guess_file(path) for path in paths]
    readable = [file for file in found if file.columns]
    if not readable:
        raise DataError(
            "no file can be read as a table",
            where=folder,
            found=some_of(file.problem.splitlines()[0] for file in found) or "no .csv, .txt, .tsv, .xlsx or .parquet",
            expected="the exports of a plant",
            hint="put them there, or correct what is named",
        )
    guess = Guess(readable)
    guess.open += [f"{file.name}: {' '.join(file.problem.split())}" for file in found if file.problem]
    guess.open += [f"{file.name}: {note}" for file in readable for note in file.notes]
    _guess_keys(guess)
    _guess_joins(guess)
    _guess_results(guess)
    _try(guess, folder)
    return "\n".join(description_lines(guess, folder.name)) + "\n"


def _guess_keys(guess: Guess) -> None:
    """Which column names the batches, which the products, which the time."""
    shared = Counter(name for file in guess.files for name in file.columns)

    def judge(file: GuessedFile, column: GuessedColumn, place: int) -> tuple[int, int, int, int]:
        unique = column.distinct == file.rows
        return (shared[column.name], bool(_BATCH.search(column.name)), unique, -place)

    candidates = [
        (judge(file, column, place), column.name, number)
        for number, file in enumerate(guess.files)
        for place, column in enumerate(file.columns.values())
        if column.kind in (NUMBER, TEXT) and column.names_things and column.distinct >= max(2, file.rows / 5)
    ]
    if not candidates:
        guess.open.append("no column names the batches: say batch_id")
        return
    best, guess.batch, number = max(candidates, key=lambda found: (found[0], -found[2]))
    guess.files.insert(0, guess.files.pop(number))
    if not best[2]:
        guess.open.append(f"{guess.batch!r} stands in several rows: are these several tests of one batch?")
    first = guess.files[0]
    times = [column for column in first.columns.values() if column.kind == TIME]
    if times and len(times[0].formats) == 1:
        guess.time = times[0].name
    for column in times[: len(times) if not guess.time else 0]:
        guess.open.append(f"{column.name!r} fits several formats, {' and '.join(column.formats)}: say order_by")
    products = [
        column
        for column in first.columns.values()
        if column.name not in {guess.batch, guess.time}
        and column.names_things
        and column.distinct <= max(1, first.rows / 10)
        and (column.kind == TEXT or _PRODUCT.search(column.name) or _is_text(column))
    ]
    ranked = sorted(products, key=lambda column: (not _PRODUCT.search(column.name), -shared[column.name]))
    guess.product = ranked[0].name if ranked else ""
    others = [column.name for column in ranked[1:]]
    if not ranked:
        guess.open.append("no column names the products: is there only one?")
    elif others:
        guess.open.append(f"is {guess.product!r} the product? Also possible: {some_of(map(repr, others))}")


def _is_text(column: GuessedColumn) -> bool:
    """Whether it holds one text throughout, and no number."""
    return column.kind == CONSTANT and not column.cells[0].replace(".", "").replace(",", "").lstrip("+-").isdigit()


def _guess_joins(guess: Guess) -> None:
    first, *others = guess.files
    known = dict(first.columns)
    for file in others:
        spelt = {name.casefold(): name for name in file.columns}
        common = [name for name in (guess.batch, guess.product) if name in known and name.casefold() in spelt]
        join = {name: spelt[name.casefold()] for name in common} or _by_values(known, file)
        if not join:
            guess.open.append(f"{file.name} shares no key with {first.name}, and is left out: say join_on")
            guess.files.remove(file)
            continue
        guess.joins[file.name] = join
        keys = list(zip(*(file.columns[name].cells for name in join.values()), strict=True))
        if len(set(keys)) < len(keys):
            guess.several.add(file.name)
            guess.open.append(f"{file.name} has several rows for a batch: the mean is a guess (aggregate, or pivot)")
        if set(zip(*(known[name].cells for name in join), strict=True)) - set(keys):
            guess.incomplete.add(file.name)
        twice = [name for name in file.columns if name in known and name not in join.values()]
        if twice:
            guess.open.append(f"{file.name}: {some_of(twice)} stand in an earlier table, too: add them to join_on?")
            guess.files.remove(file)
            del guess.joins[file.name]
        else:
            known.update({name: column for name, column in file.columns.items() if file.name not in guess.several})


def _by_values(known: Mapping[str, GuessedColumn], file: GuessedFile) -> dict[str, str]:
    """A column so far all of whose texts stand once in a column of the file."""
    for name, column in known.items():
        for other in file.columns.values():
            unique = other.names_things and other.distinct == file.rows
            if unique and column.names_things and column.distinct > 1 and set(column.cells) <= set(other.cells):
                return {name: other.name}
    return {}


def _guess_results(guess: Guess) -> None:
    """Which columns are results, and which can be features."""
    rows = guess.files[0].rows
    numbers = [
        column
        for file in guess.files
        for column in file.columns.values()
        if column.kind == NUMBER and column.name not in guess.keys and file.name not in guess.several
    ]
    named = [column for column in numbers if _RESULT.search(column.name) and not column.answers]
    gaps = Counter(frozenset(column.gaps) for column in numbers if 0 < len(column.gaps) <= MOST_GAPS * rows)
    waiting = [column for column in numbers if gaps[frozenset(column.gaps)] > 1]
    results = [column for column in named if column.gaps] or named or waiting or numbers[-1:]
    guess.targets = [column.name for column in results]
    why = "by their names" if named else "empty in the same rows" if waiting else "the last numbers of the export"
    guess.open.append(f"are these the results of a batch ({why})? {some_of(map(repr, guess.targets), most=12)}")
    for column in numbers:
        if column in results or not column.name.strip():
            continue
        if column in named:
            guess.never[column.name] = "named like a result"
        elif _BATCH.search(column.name) and column.names_things:
            guess.never[column.name] = "named like an id"
        elif len(column.gaps) <= MOST_GAPS * len(column.cells):
            guess.features.append(column.name)
        else:
            guess.never[column.name] = "mostly empty"
    for column in guess.columns.values():
        if column.kind in (CONSTANT, EMPTY) and column.name not in guess.keys:
            guess.never[column.name] = "never varies" if column.kind == CONSTANT else "empty"
    limits = [column.name for column in numbers if column.limits]
    if limits:
        guess.open.append(f"what do limits such as <0.05 become in {some_of(map(repr, limits))}? censored is a guess")
    levels = [
        column.name
        for column in guess.files[0].columns.values()
        if column.kind == TEXT and column.name not in guess.keys and column.distinct <= MOST_LEVELS
    ]
    if levels:
        guess.open.append(f"texts that may be features, as categories: {some_of(map(repr, levels))}")


def _try(guess: Guess, folder: Path) -> None:
    """Prepare the export as guessed: what leaks is no feature, and what fails is named."""
    while True:
        made = _prepared(guess, folder)
        if not isinstance(made, Preparation):
            guess.open.append(f"data preparation says: {one_line(made)}")
            return
        leaks = {name: w.message for w in made.warnings if w.severity == HIGH for name in w.features}
        leaks |= {name: why for name, why in made.dropped.items() if name in guess.features}
        if not leaks:
            break
        guess.features = [name for name in guess.features if name not in leaks]
        guess.never |= {name: why.removeprefix(f"{name} ") for name, why in leaks.items()}
    guess.open += [warning.message for warning in made.warnings]


def _prepared(guess: Guess, folder: Path) -> Preparation | BatchAIError:
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / DESCRIPTION_NAME
        path.write_text("\n".join(description_lines(guess, folder.name)), encoding="utf-8")
        try:
            return prepare(read_export(folder, read_description(path, location=folder.name)))
        except BatchAIError as error:
            return error

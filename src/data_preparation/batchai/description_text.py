"""A guessed description as the text of a ``location.yml``, with what is to decide as comments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from src.common.json_text import to_json
from src.data_preparation.batchai.file_guesses import NUMBER, GuessedColumn, GuessedFile
from src.data_preparation.batchai.patterns import as_regex

MANY = 4
"""So many features that differ in a number alone become a pattern."""


@dataclass
class Guess:
    """What is likely of a location.

    Attributes:
        files: Its tables, the first one first.
        joins: How each of the others joins: column so far → column of the table.
        several: Those of them with several rows for a key.
        incomplete: Those of them that lack rows of batches.
        batch: The column of the batches.
        product: The column of the products; empty where there is none.
        time: The column of the time; empty where none can be read.
        targets: The results.
        features: What may explain them.
        never: What may not, and why.
        open: What a person has to decide.
    """

    files: list[GuessedFile]
    batch: str = ""
    product: str = ""
    time: str = ""
    joins: dict[str, dict[str, str]] = field(default_factory=dict)
    several: set[str] = field(default_factory=set)
    incomplete: set[str] = field(default_factory=set)
    targets: list[str] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    never: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    @property
    def columns(self) -> dict[str, GuessedColumn]:
        """All columns, by name."""
        return {name: column for file in self.files for name, column in file.columns.items()}

    @property
    def keys(self) -> set[str]:
        """The columns that name rows."""
        joined = {name for join in self.joins.values() for pair in join.items() for name in pair}
        return {self.batch, self.product, self.time, *joined}


def description_lines(guess: Guess, title: str) -> Iterator[str]:
    """The text of the description."""
    yield "# A first description, guessed from the files by `python dev.py describe`. Every key: docs/location-yml.md"
    if guess.open:
        yield "# To decide:"
        yield from (f"# - {' '.join(note.split())}" for note in guess.open)
    yield f"title: {_text(title)}"
    yield ""
    yield "tables:"
    for file in guess.files:
        yield from _table(guess, file)
    yield ""
    yield f"batch_id: {_text(guess.batch)}"
    yield f"product_id: {_text(guess.product)}" if guess.product else f"product: {_text('all')}"
    if guess.batch and guess.columns[guess.batch].distinct < guess.files[0].rows:
        yield "repeated_rows: true"
    if guess.time:
        form = guess.columns[guess.time].formats[0]
        yield f"order_by: {{column: {_text(guess.time)}, format: {_text(form)}}}"
    yield ""
    yield "features:"
    yield from (f"  - {_text(name)}" for name in _shortened(guess.features, guess.columns))
    if guess.never:
        yield "never_features:"
        yield from (f"  - {_text(name)}  # {' '.join(why.split())}" for name, why in guess.never.items())
    answers = [guess.columns[name] for name in (*guess.features, *guess.targets) if guess.columns[name].answers]
    if answers:
        yield "values:"
        for column in answers:
            pairs = ", ".join(f"{_text(text)}: {number}" for number, text in enumerate(column.answers))
            yield f"  {_text(column.name)}: {{{pairs}}}"
    limits = [name for name in (*guess.features, *guess.targets) if guess.columns[name].limits]
    if limits:
        yield "censored:  # limit, half or leave_out"
        yield from (f"  {_text(name)}: limit" for name in limits)
    yield ""
    yield "targets:  # unit, plausible and specification make more of them"
    yield from (f"  {_text(name)}: {{}}" for name in guess.targets)


def _shortened(features: Sequence[str], columns: Iterable[str]) -> list[str]:
    """Names, and a pattern instead of many that differ in their last number alone: ``x_*`` for x_001 to x_100."""
    patterns = {name: re.sub(r"\d+$", "*", name) for name in features}
    fitting = Counter(patterns.values())
    used = {
        pattern
        for pattern, count in fitting.items()
        if count >= MANY and count == sum(as_regex(pattern).fullmatch(name) is not None for name in columns)
    }
    return list(dict.fromkeys(patterns[name] if patterns[name] in used else name for name in features))


def _table(guess: Guess, file: GuessedFile) -> Iterator[str]:
    yield f"  - file: {_text(file.name)}"
    yield from (f"    {key}: {_text(value)}" for key, value in file.keys.items())
    join = guess.joins.get(file.name)
    if join:
        yield f"    join_on: {{{', '.join(f'{_text(left)}: {_text(right)}' for left, right in join.items())}}}"
    if file.name in guess.incomplete:
        yield "    required: false  # some batches have no row here"
    if file.name in guess.several:
        yield "    aggregate:"
        numbers = [column.name for column in file.columns.values() if column.kind == NUMBER]
        yield from (f"      {_text(name)}: mean" for name in numbers if name not in (join or {}).values())


def _text(value: object) -> str:
    """A text, or a list of texts, as YAML that nothing reads otherwise."""
    return to_json(value, indent=None).strip()

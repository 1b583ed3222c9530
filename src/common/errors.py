"""All errors that this project raises on purpose, and the exit code of each.

    BatchAIError            1  something went wrong in our own code's view
    ├── SettingsError       2  a setting, an argument or a description of a location is wrong or missing
    ├── DataError           3  data is not what it has to be
    │   └── IntegrityError  3  a file is not what was written: corrupted, incomplete, or of another version
    └── CloudError          4  a service did not do what it was asked

A message says what, where, what was found, what was expected and what to do next. Any exception that is not
one of these is a bug of ours: it ends with exit code 1 and its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from src.common.redaction import redacted

MAX_LINES = 8
MAX_LENGTH = 600
"""Of a line, in characters: what an error quotes may be a whole file."""


class BatchAIError(Exception):
    """Base of all errors raised on purpose.

    Args:
        what: One sentence: what is wrong.
        where: File, row, group, variable: the place to look at.
        found: What is there.
        expected: What should be there.
        hint: What to do next.
    """

    exit_code = 1
    told = False
    """Whether the reason was printed before: it is no second error."""
    of_one_file = False
    """Whether it keeps one file from coming, so that others still can."""

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        found: object = None,
        expected: object = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(redacted(what))
        self.what = redacted(what)
        self.where = where
        self.found = found
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        """The message, at most eight lines."""
        facts = (
            ("where", self.where),
            ("found", self.found),
            ("expected", self.expected),
            ("to do", self.hint),
        )
        lines = self.what.strip().splitlines() or [type(self).__name__]
        lines = [line if len(line) <= MAX_LENGTH else one_line(line, limit=MAX_LENGTH) for line in lines]
        room = MAX_LINES - sum(value is not None for _, value in facts)
        if len(lines) > room:
            lines = [*lines[: room - 1], f"... and {len(lines) - room + 1} more lines"]
        for label, value in facts:
            if value is not None:
                lines.append(f"  {label + ':':<10}{one_line(value)}")
        return "\n".join(lines)


class SettingsError(BatchAIError):
    """A setting, an argument or a description of a location is wrong or missing."""

    exit_code = 2


class DataError(BatchAIError):
    """Data is not what it has to be."""

    exit_code = 3


class IntegrityError(DataError):
    """A file is not what was written: corrupted, incomplete, or of another version."""


class CloudError(BatchAIError):
    """A service did not do what it was asked."""

    exit_code = 4


def one_line(value: object, *, limit: int = 300) -> str:
    """Show any value on one line, shortened in the middle when it is long."""
    text = " ".join(redacted(str(value)).split())  # what is cut in the middle would not be known any more
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"`` for a near miss among the known names, or an empty string."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if not close:
        folded = {candidate.casefold(): candidate for candidate in names}
        close = [folded[match] for match in get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)]
    return f", did you mean {close[0]!r}?" if close else ""


def some_of(items: Iterable[object], *, most: int = 5) -> str:
    """Name the first few of many: ``a, b, c and 7 more``."""
    names = [str(item) for item in items]
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

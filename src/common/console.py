"""What a person sees of a script: progress, a summary, one clear error.

A bar and colours on a terminal, plain lines elsewhere, log commands under Azure DevOps
(https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands).
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import IO, Any

from src.common.errors import BatchAIError, DataError

PLAIN_STEPS = 10
ALL = "all"
"""What an argument that chooses, such as ``--location``, says to choose everything. A pipeline in Azure ML gives every
step all of its arguments, and can give none that is empty."""


class Progress:
    """Counts work that is done. Make one with `progress`."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._done = 0.0
        self._lock = Lock()

    def advance(self, amount: float = 1) -> None:
        """Say that `amount` more of the work is done. Threads may call it."""
        with self._lock:
            self._done += amount
            self._report(self._done)


def under_azure_devops() -> bool:
    """Whether an Azure DevOps agent runs this process."""
    return os.environ.get("TF_BUILD", "").lower() == "true"


@contextmanager
def progress(what: str, *, total: float, unit: str = "") -> Iterator[Progress]:
    """Show how far long work is.

    Args:
        what: What is being done, such as ``cloning``.
        total: The amount of work, in the unit of `Progress.advance`.
        unit: ``bytes`` to show sizes and speed, else a word such as ``files``.
    """
    if sys.stderr.isatty() and not under_azure_devops():
        with _terminal_bar(what, total, unit) as bar:
            yield bar
    else:
        yield _plain_progress(what, total, unit)


@contextmanager
def _terminal_bar(what: str, total: float, unit: str) -> Iterator[Progress]:
    from rich import progress as bars
    from rich.console import Console

    amount: list[bars.ProgressColumn] = (
        [bars.DownloadColumn(), bars.TransferSpeedColumn()]
        if unit == "bytes"
        else [bars.MofNCompleteColumn(), bars.TextColumn(unit)]
    )
    columns = [bars.TextColumn("{task.description}"), bars.BarColumn(), *amount, bars.TimeRemainingColumn()]
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield Progress(lambda done: shown.update(task, completed=done))


def _plain_progress(what: str, total: float, unit: str) -> Progress:
    last = 0

    def report(done: float) -> None:
        nonlocal last
        step = PLAIN_STEPS if total <= 0 else min(PLAIN_STEPS, int(done / total * PLAIN_STEPS))
        if step <= last:
            return
        last = step
        percent = step * 100 // PLAIN_STEPS
        if under_azure_devops():
            print(f"##vso[task.setprogress value={percent};]{what}", flush=True)
        else:
            print(f"{what}: {percent} % of {_amount(total, unit)}", file=sys.stderr, flush=True)

    return Progress(report)


def _amount(total: float, unit: str) -> str:
    return f"{total / 1e6:.1f} MB" if unit == "bytes" else f"{total:g} {unit}".strip()


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]], *, indent: str = "  ") -> str:
    """Align rows under their header; numbers to the right. Returns the lines as one text."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *texts]) for i in range(len(header))]
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        placed = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return (indent + "  ".join(placed)).rstrip()

    return "\n".join([line(list(header)), *(line(text) for text in texts)])


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return perf_counter() - self._start


def add_verbose(parser: ArgumentParser) -> None:
    """Add the option that every script has."""
    parser.add_argument("--verbose", action="store_true", help="with an error, print where in the code it was raised")


def chosen(argument: str) -> str | None:
    """What an argument chooses; None for everything."""
    return None if argument == ALL else argument


LOG_VARIABLE = "BATCHAI_LOG_FILE"
"""Names the file that a script adds what it prints to; a pipeline sets it for its steps."""


class _Copying:
    """A stream that also writes to a file, but for what moves a terminal's cursor."""

    def __init__(self, stream: Any, log: IO[str]) -> None:
        self._stream = stream
        self._log = log

    def write(self, text: str) -> int:
        if "\x1b" not in text and "\r" not in text:
            self._log.write(text)
            self._log.flush()
        written: int = self._stream.write(text)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def recorded(file: Path | str | None) -> Iterator[None]:
    """Add what is printed meanwhile to a file, too; None for no file."""
    if not file:
        yield
        return
    before = sys.stdout, sys.stderr
    with Path(file).open("a", encoding="utf-8", errors="replace") as log:
        sys.stdout, sys.stderr = _Copying(sys.stdout, log), _Copying(sys.stderr, log)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def run_script(main: Callable[[], int]) -> int:
    """Run a script's `main` and turn what it raises into one message and an exit code.

    Returns:
        What `main` returned; else 2 settings or usage, 3 data, 4 cloud, 130 interrupted, 1 a bug of ours.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that can't show a sign must not end the work
    with recorded(os.environ.get(LOG_VARIABLE)):
        return _run(main)


def _run(main: Callable[[], int]) -> int:
    try:
        return main()
    except BatchAIError as error:
        return report_error(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno is None:
            raise
        explained = _explain(error)
        explained.__cause__ = error  # so that --verbose shows where
        return report_error(explained)


def report_error(error: BatchAIError) -> int:
    """Print an error for a person, and return its exit code."""
    _report(error, kind="error", colour=31)
    return error.exit_code


def report_warning(error: BatchAIError) -> None:
    """Print an error that does not end the work."""
    _report(error, kind="warning", colour=33)


def _report(error: BatchAIError, *, kind: str, colour: int) -> None:
    if "--verbose" in sys.argv:
        traceback.print_exception(error)
    lines = str(error).splitlines()
    if under_azure_devops():
        for line in lines:
            print(f"##vso[task.logissue type={kind}]{line}", flush=True)
    else:
        start = f"\033[1;{colour}m{kind}:\033[0m" if _colours(sys.stderr.isatty()) else f"{kind}:"
        print("\n".join([f"{start} {lines[0]}", *lines[1:]]), file=sys.stderr, flush=True)


def _colours(terminal: object) -> bool:
    return bool(terminal) and not os.environ.get("NO_COLOR")


def _explain(error: OSError) -> BatchAIError:
    hints = {
        errno.ENOSPC: "free some space and run the same command again; what was there before is untouched",
        errno.EDQUOT: "free some space and run the same command again; what was there before is untouched",
        errno.EACCES: "check the permissions of the file and its folder",
        errno.EROFS: "the disk is read-only; name another folder in .env.local",
    }
    return DataError(
        f"the system refused: {error.strerror or error}",
        where=error.filename,
        hint=hints.get(error.errno or 0, "run again with --verbose to see where"),
    )

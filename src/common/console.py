"""What a person sees of a script: progress, a summary, one clear error.

A bar and colours on a terminal, plain lines elsewhere, log commands under Azure DevOps.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Literal

from src.common.agent_commands import log_issue, set_progress, under_azure_devops
from src.common.errors import BatchAIError, DataError
from src.common.guarded_stream import guarded_streams, show_bug, unguarded

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
    # the bar moves the cursor, and shows nothing but words of ours
    with bars.Progress(*columns, console=Console(file=unguarded(sys.stderr)), transient=True) as shown:
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
            set_progress(percent, what)
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
    return f"{value + 0.0:.4g}" if isinstance(value, float) else str(value)  # + 0.0: a minus zero is zero


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


LOG_VARIABLE = "BATCH_AI_LOG_FILE"
"""Names the file that a script adds what it prints to; a pipeline sets it for its steps."""


def recorded(file: Path | str | None) -> AbstractContextManager[None]:
    """Add what is printed meanwhile to a file, too; None for no file."""
    return guarded_streams(file) if file else nullcontext()


def run_script(main: Callable[[], int]) -> int:
    """Run a script's `main` and turn what it raises into one message and an exit code.

    What it prints meanwhile is guarded: it holds no secret, and no command for an Azure DevOps agent.

    Returns:
        What `main` returned; else 2 settings or usage, 3 data, 4 cloud, 130 interrupted, 1 a bug of ours.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # whoever started the script closed it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that can't show a sign must not end the work
    sys.excepthook = show_bug
    try:
        with guarded_streams(os.environ.get(LOG_VARIABLE)):
            return _run(main)
    except OSError as error:  # of a stream, when the last of it was written
        return _refused(error)


def _run(main: Callable[[], int]) -> int:
    try:
        return main()
    except BatchAIError as error:
        return report_error(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        return _refused(error)
    except RuntimeError as error:
        if "Symlink loop" not in str(error):  # how pathlib says it before Python 3.13
            raise
        return report_error(DataError("a symbolic link leads to itself", where=str(error), hint="remove the link"))


def report_error(error: BatchAIError) -> int:
    """Print an error for a person, and return its exit code.

    It goes to standard error; under Azure DevOps it is one issue of the build, too.
    """
    _report(error, kind="error", colour=31)
    return error.exit_code


def report_warning(error: BatchAIError) -> None:
    """Print an error that does not end the work."""
    _report(error, kind="warning", colour=33)


def _report(error: BatchAIError, *, kind: Literal["error", "warning"], colour: int) -> None:
    if "--verbose" in sys.argv:
        traceback.print_exception(error)
    first, *more = str(error).splitlines()
    if error.told:
        print(first, *more, sep="\n", file=sys.stderr, flush=True)
        return
    stream = unguarded(sys.stderr)
    coloured = _colours(sys.stderr.isatty())
    sys.stderr.flush()
    stream.write(f"\033[1;{colour}m" if coloured else "")
    print(f"{kind}: {first}", file=sys.stderr, flush=True)
    stream.write("\033[0m" if coloured else "")
    for line in more:
        print(line, file=sys.stderr)
    sys.stderr.flush()
    log_issue(kind, f"{first} ({'; '.join(' '.join(line.split()) for line in more)})" if more else first)


def _colours(terminal: object) -> bool:
    return bool(terminal) and not os.environ.get("NO_COLOR")


def _refused(error: OSError) -> int:
    if error.errno is None:
        raise error
    explained = _explain(error)
    explained.__cause__ = error  # so that --verbose shows where
    return report_error(explained)


def _explain(error: OSError) -> BatchAIError:
    hints = {
        errno.ENOSPC: "free some space and run the same command again; what was there before is untouched",
        errno.EDQUOT: "free some space and run the same command again; what was there before is untouched",
        errno.EACCES: "check the permissions of the file and its folder",
        errno.ELOOP: "a symbolic link leads to itself: remove it",
        errno.EROFS: "the disk is read-only; name another folder in .env.local",
    }
    return DataError(
        f"the system refused: {error.strerror or error}",
        where=error.filename,
        hint=hints.get(error.errno or 0, "run again with --verbose to see where"),
    )

"""The streams of a script: what they write holds no secret, no command for an agent, no control character."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import IO, Any

from src.common.agent_commands import neutralised
from src.common.redaction import redacted

CLOSED = 141
"""The exit code of a program whose reader has gone, as shells show it: 128 + SIGPIPE."""
_LAST_WORD = re.compile(r"[^ \t\n]*\Z")


def shown(text: str) -> str:
    """A text as a guarded stream writes it."""
    return neutralised(redacted(text))


def unguarded(stream: Any) -> Any:
    """The stream behind the guards, for what moves a terminal's cursor."""
    while isinstance(stream, GuardedStream):
        stream = stream.unguarded
    return stream


class GuardedStream:
    """Cleans whole lines before they are written to another stream, and to a log where there is one.

    What a flush finds of a line is written but for its last word, since a secret or a command may go on after it.
    """

    def __init__(self, stream: Any, log: IO[str] | None = None) -> None:
        self.unguarded = stream
        self.buffer = _GuardedBytes(self)
        self._log = log
        self._pending = ""
        self._lock = RLock()  # a signal's handler may print while a line is printed

    def write(self, text: str) -> int:
        """Take a text; its whole lines are written."""
        with self._lock:
            lines, end, rest = (self._pending + text).rpartition("\n")
            self._pending = rest
            self._emit(lines + end)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Take several texts."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Write what is known to be clean."""
        with self._lock:
            start = _LAST_WORD.search(self._pending)
            end = start.start() if start else 0
            text, self._pending = self._pending[:end], self._pending[end:]
            self._emit(text)
            with _named(self.unguarded):
                self.unguarded.flush()

    def finish(self) -> None:
        """Write all that is left."""
        with self._lock:
            text, self._pending = self._pending, ""
            self._emit(text)
            self.flush()

    def end_line(self) -> None:
        """End the line that has begun, if one has."""
        with self._lock:
            if self._pending:
                self.write("\n")
            self.flush()

    def _emit(self, text: str) -> None:
        if not text:
            return
        clean = shown(text)
        if self._log is not None:
            self._log.write(clean)
            self._log.flush()
        with _named(self.unguarded):
            self.unguarded.write(clean)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


class _GuardedBytes:
    """Takes bytes for a guarded stream."""

    def __init__(self, stream: GuardedStream) -> None:
        self._stream = stream

    def write(self, content: bytes) -> int:
        self._stream.write(bytes(content).decode("utf-8", errors="replace"))
        return len(content)

    def flush(self) -> None:
        self._stream.flush()


@contextmanager
def _named(stream: Any) -> Iterator[None]:
    """Say which stream failed. One that nobody reads any more ends the program, quietly."""
    try:
        yield
    except BrokenPipeError:
        _lead_nowhere(stream)
        raise SystemExit(CLOSED) from None
    except OSError as error:
        _lead_nowhere(stream)
        error.filename = error.filename or getattr(stream, "name", None)
        raise


def _lead_nowhere(stream: Any) -> None:
    """Let what is still to be written vanish (https://docs.python.org/3/library/signal.html#note-on-sigpipe)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def guarded_streams(file: Path | str | None = None) -> Iterator[None]:
    """Guard standard output and standard error, and add what they write to a file; None for no file."""
    with ExitStack() as at_the_end:
        log = at_the_end.enter_context(Path(file).open("a", encoding="utf-8", errors="replace")) if file else None
        before = sys.stdout, sys.stderr
        guards = [None if stream is None else GuardedStream(stream, log) for stream in before]
        for guard in guards:
            if guard is not None:
                at_the_end.callback(guard.finish)
        sys.stdout, sys.stderr = guards
        _lead_loggers(before, guards)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before
            _lead_loggers(guards, before)


def _lead_loggers(old: Any, new: Any) -> None:
    """Loggers that were set up before write to where the streams led then."""
    logging = sys.modules.get("logging")
    if logging is None:
        return
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    for handler in {handler for logger in loggers for handler in getattr(logger, "handlers", ())}:
        for before, after in zip(old, new, strict=True):
            if before is not None and getattr(handler, "stream", None) is before:
                handler.stream = after


def show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug, as Python does, without what is secret in it; for `sys.excepthook`."""
    import traceback

    guard = GuardedStream(sys.stderr)
    guard.write("".join(traceback.format_exception(kind, error, trace)))
    guard.finish()

"""Counts what is really sent to a blob service, as urllib3 logs it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

_REQUEST = re.compile(r'"([A-Z]+) (\S+) HTTP/')


@dataclass
class Requests:
    """What was sent.

    Attributes:
        lists: How many pages of a listing were asked for.
        blobs: The paths of the blobs that were asked for, in order.
    """

    lists: int = 0
    blobs: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def add(self, method: str, url: str) -> None:
        """Note one request."""
        path, _, query = url.partition("?")
        if method == "GET" and "comp=list" in query:
            self.lists += 1
        elif method == "GET":
            self.blobs.append(unquote(path).split("/", 3)[3])
        else:
            self.others.append(f"{method} {path}")


class _Handler(logging.Handler):
    def __init__(self, requests: Requests) -> None:
        super().__init__()
        self._requests = requests

    def emit(self, record: logging.LogRecord) -> None:
        sent = _REQUEST.search(record.getMessage())
        if sent:
            self._requests.add(sent[1], sent[2])


@contextmanager
def requests_sent() -> Iterator[Requests]:
    """Note every request that is sent while the block runs."""
    logger = logging.getLogger("urllib3.connectionpool")
    level, requests = logger.level, Requests()
    handler = _Handler(requests)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield requests
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)

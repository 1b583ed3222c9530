"""Waiting for what another process does, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE_SECONDS = 60.0
BETWEEN_SECONDS = 0.005


def until(happened: Callable[[], bool], *, what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until something has happened.

    Raises:
        TimeoutError: It has not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(BETWEEN_SECONDS)

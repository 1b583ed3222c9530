"""Waiting for what another process does, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ml_service.run_state import only_one_run
from src.common.errors import SettingsError

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


def is_free(lock: Path) -> bool:
    """Whether no run, and no step that outlived one, holds a pipeline's lock."""
    try:
        with only_one_run(lock):
            return True
    except SettingsError:
        return False

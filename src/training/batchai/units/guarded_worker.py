"""What each Dask worker that training starts loads first: what it prints is guarded as the output of a script is.

Dask calls `dask_setup` (https://docs.dask.org/en/stable/how-to/customize-initialization.html).
"""

from __future__ import annotations

from contextlib import ExitStack

from src.common.guarded_stream import guarded_streams

_until_the_end = ExitStack()


def dask_setup(_worker: object) -> None:
    """Guard the streams of this process, and the loggers that Dask has set up to write to them."""
    _until_the_end.enter_context(guarded_streams())

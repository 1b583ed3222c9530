"""One writer at a time: a folder is owned by whoever holds the lock on a file in it.

The system lets go of a lock when the process that holds it ends, however it ends, so a killed process never blocks.
The file is there only while somebody holds or takes the lock.

Who holds no folder waits for one; who holds one already is refused at once, so that no two processes can wait for each
other. A folder whose holder never waits for another one may be waited for always. On a file system without locks (some
network mounts) nobody is refused: there, one writer at a time is up to the people who start them.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from src.common.errors import DataError, SettingsError

LOCK_NAME = ".batch-ai-lock"
PATIENCE_SECONDS = 60.0
"""How long a second writer waits for the first."""
BETWEEN_SECONDS = 0.02
_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_held: set[Path] = set()


@contextmanager
def folder_lock(folder: Path, *, patience: float | None = None) -> Iterator[None]:
    """Own a folder, which has to be there.

    Args:
        folder: The folder.
        patience: How many seconds to wait for another process. None: `PATIENCE_SECONDS`, and not at all where this
            process owns a folder already.

    Raises:
        SettingsError: This process owns it already: two of its results are to go to the same folder.
        DataError: Another process owns it, and went on longer than that.
    """
    real = Path(os.path.realpath(folder))
    if real in _held:
        raise SettingsError(
            "two results are to go to the same folder",
            where=folder,
            expected="a folder of its own for each",
            hint="name another folder in the arguments, or in .env.local",
        )
    if patience is None:
        patience = 0.0 if _held else PATIENCE_SECONDS
    descriptor = _wait_for(real, patience)
    _held.add(real)
    try:
        yield
    finally:
        _held.discard(real)
        _let_go(real / LOCK_NAME, descriptor)


def take_lock(descriptor: int) -> bool:
    """Lock an open file. Returns whether this process holds it now; True as well where there are no locks."""
    try:
        _lock(descriptor)
    except OSError as error:
        return error.errno not in _BUSY
    with suppress(OSError):  # on a full disk nobody learns who holds it, and it is held all the same
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return True


def holder_of(path: Path) -> str:
    """The id of the process that holds a lock, as far as its file tells."""
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip() or "unknown"
    return "unknown"


@contextmanager
def try_folder(folder: Path) -> Iterator[bool]:
    """Own a folder if it is free. Yields whether it is owned."""
    descriptor = _take(folder)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _let_go(folder / LOCK_NAME, descriptor)


def busy(folder: Path) -> DataError:
    """The error for a folder that another process owns."""
    return DataError(
        "another process is writing this folder",
        where=folder,
        found=f"process {holder_of(folder / LOCK_NAME)}",
        hint="run the same command again when it has ended",
    )


def _take(folder: Path) -> int | None:
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError:
        if sys.platform == "win32":  # its last holder is just removing it
            return None
        raise
    # its last holder may have removed it after it had been opened here
    with suppress(FileNotFoundError):
        if take_lock(descriptor) and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None


def _wait_for(folder: Path, patience: float) -> int:
    deadline = time.monotonic() + patience
    told = False
    while (descriptor := _take(folder)) is None:
        if time.monotonic() >= deadline:
            raise busy(folder)
        if not told:
            who = f"process {holder_of(folder / LOCK_NAME)}"
            print(f"waiting for {who}, which is writing {folder}", file=sys.stderr, flush=True)
            told = True
        time.sleep(BETWEEN_SECONDS)
    return descriptor


def _let_go(path: Path, descriptor: int) -> None:
    if sys.platform == "win32":  # an open file can't be removed there
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # a byte beyond the content, so that others may read who holds the lock

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

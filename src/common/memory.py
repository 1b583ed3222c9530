"""What memory is left, so that work that can't fit is refused before the machine suffers."""

from __future__ import annotations

from pathlib import Path

from src.common.errors import DataError

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """The memory that can still be used: that of the machine, or of the container. None where nobody tells."""
    known = [left for left in (_machine(), _container()) if left is not None]
    return min(known, default=None)


def require_memory(needed: int, *, what: str, where: object, hint: str) -> None:
    """Refuse work that needs more memory than there is.

    Args:
        needed: In bytes.
        what: The work, such as ``preparing this location``.
        where: The place to look at, for the error.
        hint: How to make it smaller.

    Raises:
        DataError: There is less.
    """
    left = available_bytes()
    if left is not None and needed > left:
        raise DataError(
            f"{what} needs more memory than there is",
            where=where,
            found=f"{left / 1e9:.1f} GB available",
            expected=f"about {needed / 1e9:.1f} GB",
            hint=hint,
        )


def _machine() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _container() -> int | None:
    """What a control group of version 2 (https://docs.kernel.org/admin-guide/cgroup-v2.html) leaves."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        return max(0, limit - int((_CGROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        return None

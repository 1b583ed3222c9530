"""Timing of several things side by side, and what machine they ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "pyarrow", "polars", "polars-ols", "polars-ds")


@dataclass(frozen=True)
class Candidate:
    """Something to be timed.

    Attributes:
        name: What it is.
        work: What it does.
        cores: How many it may use.
        groups: How many groups it does it for.
        run: It.
    """

    name: str
    work: str
    cores: int
    groups: int
    run: Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """The medians of some runs of a candidate, in seconds for one group."""

    candidate: Candidate
    wall: float
    cpu: float


def time_all(candidates: Sequence[Candidate], *, repeats: int) -> list[Timing]:
    """Time candidates in turns, so that what disturbs the machine for a while disturbs all of them."""
    walls: list[list[float]] = [[] for _ in candidates]
    cpus: list[list[float]] = [[] for _ in candidates]
    for candidate in candidates:
        if candidate.groups < 10:  # what is scaled up must not pay for the first import
            candidate.run()
    for _ in range(repeats):
        for place, candidate in enumerate(candidates):
            wall, cpu = perf_counter(), process_time()
            candidate.run()
            walls[place].append((perf_counter() - wall) / candidate.groups)
            cpus[place].append((process_time() - cpu) / candidate.groups)
    return [Timing(c, median(w), median(p)) for c, w, p in zip(candidates, walls, cpus, strict=True)]


def describe_machine() -> str:
    """CPU, cores, interpreter and libraries, in Markdown lines."""
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} missing")
    loaded = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"- {_processor()}, {len(_usable_cores())} cores{loaded}\n"
        f"- {platform.python_implementation()} {platform.python_version()}, {platform.system()}\n"
        f"- {', '.join(versions)}"
    )


def core_count() -> int:
    """How many cores this process may use."""
    return len(_usable_cores())


def _usable_cores() -> Sequence[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all but the first column to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

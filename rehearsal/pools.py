"""Where a job runs, and how long it may.

https://learn.microsoft.com/azure/devops/pipelines/agents/hosted
https://learn.microsoft.com/azure/devops/pipelines/process/phases#timeouts
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rehearsal.results import NotPlayedError

LINUX_IMAGES = ("ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04")
DEFAULT_MINUTES = 60
FREE_MINUTES, MOST_MINUTES = 60, 360
"""Of a job on a Microsoft-hosted agent, for a private project: free, and where parallel jobs are paid for."""


@dataclass(frozen=True)
class Pool:
    """A Microsoft-hosted image, or no agent at all."""

    image: str = "ubuntu-latest"
    server: bool = False


def read_pool(value: Any, where: str) -> Pool:
    """A pool of the YAML.

    Raises:
        NotPlayedError: It is none, or one whose agents the rehearsal does not play.
    """
    if value == "server":
        return Pool(image="", server=True)
    match value:
        case {"vmImage": str(image)} if len(value) == 1 and image in LINUX_IMAGES:
            return Pool(image)
    raise NotPlayedError(f"{where}: the pool is {value!r}, played are server and vmImage: {', '.join(LINUX_IMAGES)}")


def minutes_allowed(pool: Pool, minutes: int | None, *, paid: bool, where: str) -> int | None:
    """How long a job may run, in minutes; None without a limit that a page states.

    Raises:
        NotPlayedError: It wants more than its pool allows, so that it would be cancelled before.
    """
    wanted = DEFAULT_MINUTES if minutes is None else minutes
    if pool.server:
        return wanted or None
    most = MOST_MINUTES if paid else FREE_MINUTES
    if wanted > most:
        raise NotPlayedError(f"{where} may run {wanted} minutes, but a hosted agent stops it after {most}")
    return wanted or most

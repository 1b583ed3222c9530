"""Where the proxy leads to: blob storage to Azurite, Azure's own hosts to the emulator itself, others nowhere.

What is refused is counted, so that a run proves that it reached nothing outside.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_BLOB = re.compile(r"[a-z0-9-]+\.blob\.core\.windows\.net")
AZURE_HOSTS = ("login.microsoftonline.com", "management.azure.com")


@dataclass(frozen=True)
class Destination:
    """Where a tunnel leads.

    Attributes:
        host: The host that was asked for.
        port: A loopback port; None is the emulator itself.
        known: Whether there is something: an account that is not here gets an answer that says so, because
            clients of blob storage try a refused connection again for minutes.
    """

    host: str
    port: int | None = None
    known: bool = True


class Destinations:
    """Where the proxy leads to, and what it led or refused.

    Args:
        blob_port: Azurite's TLS port.
        accounts: The accounts that Azurite has.
    """

    def __init__(self, blob_port: int, accounts: Iterable[str]) -> None:
        self._blob_port = blob_port
        self._blob_hosts = frozenset(f"{account}.blob.core.windows.net" for account in accounts)
        self._lock = threading.Lock()
        self._led: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def resolve(self, authority: str) -> Destination | None:
        """Return where a tunnel to ``host:port`` leads, or None when it is refused."""
        host, _, port = authority.lower().rpartition(":")
        found = self._find(host) if port == "443" else None
        with self._lock:
            (self._led if found and found.known else self._refused)[host] += 1
        return found

    def _find(self, host: str) -> Destination | None:
        if host in self._blob_hosts:
            return Destination(host, self._blob_port)
        if host in AZURE_HOSTS:
            return Destination(host)
        return Destination(host, known=False) if _BLOB.fullmatch(host) else None

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return how many connections each host name asked for, led and refused apart."""
        with self._lock:
            return {"led": dict(self._led), "refused": dict(self._refused)}

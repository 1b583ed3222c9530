"""Where the proxy leads to: blob storage to Azurite, Azure's own hosts to the emulator itself, others nowhere.

What is refused is counted, so that a run proves that it reached nothing outside.
"""

import re
import threading
from collections import Counter
from collections.abc import Mapping

_BLOB = re.compile(r"[a-z0-9-]+\.blob\.core\.windows\.net")
AZURE_HOSTS = ("login.microsoftonline.com", "management.azure.com")


class Destinations:
    """Where the proxy leads to, and what it led or refused.

    Args:
        blob_port: Azurite's TLS port.
    """

    def __init__(self, blob_port: int) -> None:
        self._blob_port = blob_port
        self._lock = threading.Lock()
        self._led: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def resolve(self, authority: str) -> int | None:
        """Return the loopback port that ``host:port`` leads to: 0 is the emulator itself, None nowhere."""
        host, _, port = authority.lower().rpartition(":")
        known = port == "443" and (_BLOB.fullmatch(host) or host in AZURE_HOSTS)
        with self._lock:
            (self._led if known else self._refused)[host] += 1
        if not known:
            return None
        return 0 if host in AZURE_HOSTS else self._blob_port

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return how many connections each host name asked for, led and refused apart."""
        with self._lock:
            return {"led": dict(self._led), "refused": dict(self._refused)}

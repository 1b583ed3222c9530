"""The HTTP CONNECT proxy: the emulator's other half.

The SDK insists on the real host names over TLS. As its proxy, the emulator leads blob storage to Azurite
and answers for Azure's own hosts itself; every other host is refused and counted, so that a run proves that it
reached nothing outside.
"""

import re
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Mapping

_BLOB = re.compile(r"[a-z0-9-]+\.blob\.core\.windows\.net")
AZURE_HOSTS = ("login.microsoftonline.com", "management.azure.com")
_CHUNK = 65_536


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


def relay(client: socket.socket, port: int) -> None:
    """Carry bytes both ways between a client and a loopback port until one side ends."""
    with (
        socket.create_connection(("127.0.0.1", port)) as upstream,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(client, selectors.EVENT_READ, upstream)
        selector.register(upstream, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                source, target = key.fileobj, key.data
                assert isinstance(source, socket.socket)  # noqa: S101  (narrows the type)
                try:
                    data = source.recv(_CHUNK)
                    target.sendall(data)
                except OSError:
                    return
                if not data:
                    return

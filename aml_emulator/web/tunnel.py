"""The bytes of a tunnel: carried both ways until one side ends."""

import selectors
import socket

_CHUNK = 65_536


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

"""The port on the loopback interface: services, pages and the proxy, one thread for each connection.

As a proxy it carries bytes to Azurite, and speaks TLS itself where a client asks for one of Azure's own hosts:
there is no second port that could be reached around the proxy.
"""

import logging
import re
import socket
import socketserver
import ssl
import threading
from dataclasses import replace
from urllib.parse import parse_qsl

import h11

from aml_emulator.door.destinations import Destination
from aml_emulator.errors import NotFoundError
from aml_emulator.web.app import App, Dropped, refusal
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.tunnel import relay
from aml_emulator.web.wire import Limits, Wire, WireError

_log = logging.getLogger(__name__)
_FOREIGN = "{} (of another account: start the emulator with --public {}=FOLDER to have a folder stand for it)"
_MOST_CONNECTIONS = 1000


class Server(socketserver.ThreadingTCPServer):
    """A port on the loopback interface.

    Args:
        port: The port; 0 takes a free one.
        tls: How it speaks for Azure's own hosts.
        limits: What one connection may take.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, tls: ssl.SSLContext, limits: Limits | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._tls = tls
        self._limits = limits or Limits()
        self._room = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._app: App | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def serve(self, app: App) -> None:
        """Answer in a thread of its own until :meth:`stop`."""
        self._app = app
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        if self._app is not None:
            self.shutdown()
        self.server_close()

    def converse(self, connection: socket.socket) -> None:
        """Answer the requests of one connection, until one side ends it."""
        if not self._room.acquire(blocking=False):
            return
        try:
            self._converse(connection, tunnel=None)
        except (OSError, Dropped):
            _log.debug("a connection ended", exc_info=True)
        finally:
            self._room.release()

    def _converse(self, connection: socket.socket, tunnel: Destination | None) -> None:
        wire = Wire(connection, self._limits)
        try:
            while (head := wire.request()) is not None:
                if head.method == b"CONNECT":
                    self._open_tunnel(wire, head, inside=tunnel is not None)
                    return
                wire.send(self._reply(wire, head, tunnel))
        except WireError as error:
            wire.fail(error)

    def _reply(self, wire: Wire, head: h11.Request, tunnel: Destination | None) -> Reply:
        app = self._app
        assert app is not None  # noqa: S101  (connections come only after serve)
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        if tunnel and not tunnel.known:
            wire.body()
            # the SDK's engine asks first whether everybody may read: after a no, it looks for credentials for minutes
            if b"comp=metadata" in head.target:
                return Reply()
            answer = refusal(NotFoundError("Storage", _FOREIGN.format(tunnel.host, tunnel.host)))
            return replace(answer, headers={"x-ms-error-code": "ContainerNotFound"})
        path, _, query = head.target.decode("ascii").partition("?")
        if not path.startswith("/") or not app.site.door.knows_host(headers["host"], tunnel.host if tunnel else None):
            raise WireError(421, "the request is for another host")
        request = Request(
            site=app.site,
            method=head.method.decode(),
            path=re.sub("/+", "/", path).rstrip("/") or "/",
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            body=wire.body(),
            tunnelled=tunnel is not None,
        )
        _log.debug("%s %s", request.method, request.path)
        return app.answer(request)

    def _open_tunnel(self, wire: Wire, head: h11.Request, *, inside: bool) -> None:
        """Lead a tunnel to its destination, or refuse it."""
        app = self._app
        assert app is not None  # noqa: S101
        authority = head.target.decode("ascii")
        credentials = {name: value.decode("latin-1") for name, value in head.headers}.get(b"proxy-authorization", "")
        found = None if inside else app.site.destinations.resolve(authority)
        if found is None:
            _log.info("refused to connect to %s", authority)
            raise WireError(403, f"this emulator leads nowhere outside: {authority}")
        if found.port:
            relay(wire.switch(), found.port)
        elif not found.known or app.site.door.opens_proxy(credentials):
            with self._tls.wrap_socket(wire.switch(), server_side=True) as secured:
                self._converse(secured, tunnel=found)
        else:
            challenge = {"Proxy-Authenticate": 'Basic realm="aml_emulator"'}
            wire.send(Reply(status=407, headers=challenge), close=True)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Log what a connection ended with; clients may go away at any time."""
        _log.debug("a connection ended", exc_info=True)


class _Handler(socketserver.BaseRequestHandler):
    server: Server
    request: socket.socket

    def handle(self) -> None:
        # replies are small and many: waiting for a full segment would add 40 ms to each
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.converse(self.request)

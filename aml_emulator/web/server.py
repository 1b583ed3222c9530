"""The HTTP server: reads requests, lets the router find who answers, writes replies.

Two ports of one handler: plain HTTP for the Azure ML services and the proxy, TLS for the host names of
Azure Active Directory and Resource Manager.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from aml_emulator.web.messages import Refusal, Reply, Request
from aml_emulator.web.tunnel import relay

if TYPE_CHECKING:
    from aml_emulator.site import Site
    from aml_emulator.web.faults import Fault

_log = logging.getLogger(__name__)


class _Dropped(Exception):  # noqa: N818
    """The connection is to end without a reply."""


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    # replies are small and many: waiting for a full segment would add 40 ms to each
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer any method; its name is the base class's convention."""
        try:
            reply = self._reply()
        except _Dropped:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = reply.body()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", reply.content_type)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def do_CONNECT(self) -> None:
        """Lead a tunnel to its destination, or refuse it."""
        self.close_connection = True
        port = self.server.site.destinations.resolve(self.path)
        if port is None:
            _log.info("refused to connect to %s", self.path)
            self.send_error(403, f"this emulator leads nowhere outside: {self.path}")
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        relay(self.connection, port)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Log requests with the other messages of the module."""
        _log.debug(format, *args)

    def _reply(self) -> Reply:
        split = urlsplit(self.path)
        request = Request(
            site=self.server.site,
            method=self.command,
            path=re.sub("/+", "/", split.path).rstrip("/") or "/",
            query=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
        )
        try:
            return self._answer(request)
        except Refusal as refusal:
            challenge = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
            return Reply(refusal.document(), status=refusal.status, headers=challenge)
        except Exception as error:
            # a defect of ours must reach the client as an answer
            _log.exception("%s %s failed", request.method, request.path)
            defect = Refusal(500, f"the emulator failed: {error!r}", code="ServiceError")
            return Reply(defect.document(), status=500)

    def _answer(self, request: Request) -> Reply:
        site = request.site
        faults = [] if request.path.startswith("/emulator/") else site.faults.take(request.method, request.path)
        for fault in faults:
            self._suffer(fault)
        found = site.router.find("GET" if request.method == "HEAD" else request.method, request.path)
        if found is None:
            call = site.unserved.note(request.method, request.path)
            raise Refusal(501, f"the emulator does not serve {call}", code="NotImplemented")
        route, request.parameters = found
        if not route.public:
            request.principal = site.tokens.check(request.headers.get("authorization"))
        lag = max((fault.seconds for fault in faults if fault.action == "lag"), default=0.0)
        with site.listing_lag(lag):
            result = route.handler(request)
        return result if isinstance(result, Reply) else Reply(result)

    def _suffer(self, fault: Fault) -> None:
        if fault.action == "drop":
            raise _Dropped
        if fault.action == "delay":
            time.sleep(fault.seconds)
        elif fault.action == "expired-token":
            raise Refusal(401, "the token has expired (a fault on request)", code="ExpiredAuthenticationToken")
        elif fault.action.isdigit():
            raise Refusal(int(fault.action), f"a fault on request: {fault.text}", code="ServiceError")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


class Server(ThreadingHTTPServer):
    """A port on the loopback interface, one thread per connection.

    Args:
        port: The port; 0 takes a free one.
        context: TLS settings; None speaks plain HTTP.
    """

    daemon_threads = True
    request_queue_size = 128
    site: Site

    def __init__(self, port: int, *, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self._context = context

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def serve(self, site: Site) -> None:
        """Answer in a thread of its own until :meth:`shutdown`."""
        self.site = site
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def finish_request(self, request: object, client_address: object) -> None:
        """Speak TLS, where it is asked for, in the connection's own thread."""
        if self._context is None:
            super().finish_request(request, client_address)  # type: ignore[arg-type]
            return
        assert isinstance(request, socket.socket)  # noqa: S101  (narrows the type)
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Log what a connection ended with; clients may go away at any time."""
        _log.debug("a connection ended", exc_info=True)

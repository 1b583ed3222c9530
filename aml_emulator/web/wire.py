"""One HTTP/1.1 connection: bytes to requests, replies to bytes, within limits.

What is valid is decided by h11 (RFC 9112): a message that could be read in two ways is refused, and the
connection ends. The rest is here: how large a message may be and how long it may take.
"""

import socket
import time
from dataclasses import dataclass
from http import HTTPStatus

import h11

from aml_emulator.web.messages import Reply

_PIECE = 65_536
_LINGER_SECONDS = 1.0


@dataclass(frozen=True)
class Limits:
    """What one connection may take.

    Attributes:
        header_bytes: Longest request line with all header fields.
        body_bytes: Longest body.
        idle_seconds: How long it may be silent between two requests.
        request_seconds: How long a request may take to arrive, from its first byte to its last.
    """

    header_bytes: int = 65_536
    body_bytes: int = 32 * 1024 * 1024
    idle_seconds: float = 600.0
    request_seconds: float = 60.0


class WireError(Exception):
    """What arrived cannot be a request, is too large or too slow; the connection is to end with this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Wire:
    """Reads requests from a socket and writes replies to it.

    Args:
        connection: The socket; it may speak TLS.
        limits: What it may take.
    """

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        self._socket = connection
        self._limits = limits
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self._until = 0.0
        self._head_only = False

    def request(self) -> h11.Request | None:
        """Return the head of the next request; None when there is none any more.

        Raises:
            WireError: It is not HTTP/1.1, too large or too slow.
        """
        if self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE:
            self._parser.start_next_cycle()
        if self._parser.our_state is not h11.IDLE:
            return None
        self._until = time.monotonic() + self._limits.idle_seconds
        event = self._event()
        if not isinstance(event, h11.Request):
            return None
        self._head_only = event.method == b"HEAD"
        self._check_framing(dict(event.headers))
        return event

    def _check_framing(self, headers: dict[bytes, bytes]) -> None:
        length = headers.get(b"content-length")
        # RFC 9112, section 6.1: a message with both may be an attempt to smuggle a second request
        if length is not None and b"transfer-encoding" in headers:
            raise WireError(400, "a message has a length or comes in chunks, not both")
        if int(length or 0) > self._limits.body_bytes:
            raise WireError(413, f"a body may have {self._limits.body_bytes} bytes")

    def body(self) -> bytes:
        """Return the body of the request.

        Raises:
            WireError: It is too large or too slow, or ends early.
        """
        content = bytearray()
        if self._parser.they_are_waiting_for_100_continue:
            self._socket.sendall(self._parser.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        while isinstance(event := self._event(), h11.Data):
            content += event.data
            if len(content) > self._limits.body_bytes:
                raise WireError(413, f"a body may have {self._limits.body_bytes} bytes")
        return bytes(content)

    def _event(self) -> h11.Event | type[h11.PAUSED]:
        try:
            while (event := self._parser.next_event()) is h11.NEED_DATA:
                self._parser.receive_data(self._receive())
        except h11.RemoteProtocolError as error:
            raise WireError(error.error_status_hint, str(error)) from None
        if event is h11.PAUSED or not isinstance(event, h11.Event):
            raise WireError(400, "a request was sent before the one before it was answered")
        return event

    def _receive(self) -> bytes:
        left = self._until - time.monotonic()
        if left <= 0:
            raise WireError(408, "the request took too long to arrive")
        self._socket.settimeout(left)
        fresh = self._parser.their_state is h11.IDLE and not self._parser.trailing_data[0]
        try:
            piece = self._socket.recv(_PIECE)
        except TimeoutError:
            raise WireError(408, "the request took too long to arrive") from None
        if fresh:
            self._until = time.monotonic() + self._limits.request_seconds
        return piece

    def send(self, reply: Reply, *, close: bool = False) -> None:
        """Write a reply; with ``close``, say that the connection ends with it."""
        self._socket.settimeout(self._limits.request_seconds)
        body = reply.body()
        headers = [("Date", _date()), *reply.headers.items()]
        if body:
            headers.append(("Content-Type", reply.content_type))
        if reply.status != 204:
            headers.append(("Content-Length", str(len(body))))
        if close:
            headers.append(("Connection", "close"))
        pieces = [
            self._parser.send(h11.Response(status_code=reply.status, headers=headers, reason=_reason(reply.status)))
            or b""
        ]
        if body and reply.status != 204 and not self._head_only:
            pieces.append(self._parser.send(h11.Data(data=body)) or b"")
        pieces.append(self._parser.send(h11.EndOfMessage()) or b"")
        self._socket.sendall(b"".join(pieces))

    def fail(self, error: WireError) -> None:
        """Answer what cannot be read, where an answer is still possible, and hear the other side out."""
        if self._parser.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        self.send(Reply({"error": {"code": "BadRequest", "message": str(error)}}, status=error.status), close=True)
        self._linger()

    def _linger(self) -> None:
        """Take in what is still under way: closing at once would take the answer from the other side."""
        deadline, left = time.monotonic() + _LINGER_SECONDS, self._limits.body_bytes
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while left > 0 and (seconds := deadline - time.monotonic()) > 0:
                self._socket.settimeout(seconds)
                piece = self._socket.recv(_PIECE)
                left -= len(piece)
                if not piece:
                    return
        except OSError:
            return

    def switch(self) -> socket.socket:
        """Say that a tunnel is open; return the socket, which carries its bytes from now on."""
        self._socket.settimeout(self._limits.request_seconds)
        self._socket.sendall(self._parser.send(h11.Response(status_code=200, headers=[], reason=b"OK")) or b"")
        return self._socket


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def _date() -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())

"""What one connection may take: time and size, with limits that a test can reach."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aml_emulator.web.messages import Reply
from aml_emulator.web.wire import Limits, Wire, WireError

LIMITS = Limits(header_bytes=1024, body_bytes=1024, idle_seconds=0.3, request_seconds=0.3)
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"


@contextmanager
def conversation() -> Iterator[tuple[socket.socket, list[object]]]:
    """Serve one connection in a thread; what came of each request is listed."""
    ours, theirs = socket.socketpair()
    seen: list[object] = []

    def serve() -> None:
        with theirs:
            wire = Wire(theirs, LIMITS)
            try:
                while wire.request() is not None:
                    seen.append(wire.body())
                    wire.send(Reply({"ok": True}))
            except WireError as error:
                seen.append(error.status)
                wire.fail(error)

    thread = threading.Thread(target=serve)
    thread.start()
    with ours:
        ours.settimeout(20)
        yield ours, seen
    thread.join()


def everything(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"P",
        HEAD,
        HEAD + b"Content-Length: 5\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ],
)
def test_what_does_not_go_on_is_ended(message: bytes) -> None:
    with conversation() as (client, seen):
        client.sendall(message)
        answer = everything(client)
    assert seen == [408]
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_byte_now_and_then_does_not_keep_a_request_open() -> None:
    with conversation() as (client, seen):
        stop = threading.Event()

        def drip() -> None:
            client.sendall(HEAD + b"X: ")
            while not stop.wait(0.02):
                try:
                    client.sendall(b"a")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            answer = everything(client)
        finally:
            stop.set()
            thread.join()
    assert seen in ([408], [431])
    assert answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 431 "))


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (HEAD + b"X: " + b"a" * 4096, 431),
        (HEAD + b"Content-Length: 1025\r\n\r\n", 413),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n500\r\n" + b"a" * 0x500, 413),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ],
)
def test_what_is_too_large_is_ended(message: bytes, status: int) -> None:
    with conversation() as (client, seen):
        client.sendall(message)
        answer = everything(client)
    assert seen == [status]
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"connection: close" in answer.lower()


def test_requests_follow_each_other_on_one_connection() -> None:
    with conversation() as (client, seen):
        client.sendall(2 * (HEAD + b"Content-Length: 2\r\n\r\n{}") + HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        client.sendall(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = everything(client)
    assert seen == [b"{}", b"{}", b"{}", b""]
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert answer.count(b'{"ok": true}') == 3


def test_a_body_is_asked_for_where_the_client_waits() -> None:
    with conversation() as (client, seen):
        client.sendall(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert client.recv(1024).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"{}")
        assert b"HTTP/1.1 200 OK" in everything(client)
    assert seen == [b"{}"]

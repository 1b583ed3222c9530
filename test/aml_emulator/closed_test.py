"""Attacks from outside, byte by byte: none may read, write or run anything, none may stop the emulator.

Expected answers are those of RFC 9110 (semantics), RFC 9112 (HTTP/1.1) and RFC 6454 (the web's origins).
"""

import base64
import json
import socket
import ssl
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from aml_emulator.runtime.stack import Stack
from test.aml_emulator.support import GROUP, NAME, SUBSCRIPTION, until

WS = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{NAME}"
)
SECONDS = 20
REFUSED = {400, 401, 403, 404, 405, 407, 408, 413, 421, 431, 501}


def port_of(emulator: Stack) -> int:
    return int(emulator.site.base_url.rpartition(":")[2])


def exchange(emulator: Stack, message: bytes) -> tuple[int, str]:
    """Send bytes; return status and text of the first answer, 0 where the connection just ended."""
    with socket.create_connection(("127.0.0.1", port_of(emulator)), timeout=SECONDS) as connection:
        connection.sendall(message)
        return _answer(connection)


def _answer(connection: socket.socket) -> tuple[int, str]:
    received = b""
    try:
        while b"\r\n\r\n" not in received and (piece := connection.recv(65_536)):
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.lower().splitlines() if line.startswith(b"content-length:")]
        while length and len(body) < int(length[0]) and (piece := connection.recv(65_536)):
            body += piece
    except ConnectionResetError:
        return 0, ""
    return (int(head.split()[1]) if head else 0), (head + b"\r\n\r\n" + body).decode("utf-8", "replace")


def ask(
    emulator: Stack,
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    token: bool = True,
) -> tuple[int, str]:
    """Send a request as a well-behaved client would; a header given here takes the place of the usual one."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {"Host": f"127.0.0.1:{port_of(emulator)}", "Content-Length": str(len(content))}
    if token:
        sent["Authorization"] = f"Bearer {emulator.site.tokens.issue('x')}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**sent, **(headers or {})}.items())
    return exchange(emulator, f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + content)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1", ""])
def test_a_web_page_that_rebinds_its_name_gets_nothing(emulator: Stack, host: str) -> None:
    assert ask(emulator, "GET", f"/pipelines/v1.0{WS}/Pipelines", headers={"Host": host})[0] in (400, 421)


def test_a_request_names_one_host(emulator: Stack) -> None:
    host = f"Host: 127.0.0.1:{port_of(emulator)}\r\n"
    assert exchange(emulator, b"GET /emulator/ready HTTP/1.1\r\n\r\n")[0] == 400
    assert exchange(emulator, f"GET /emulator/ready HTTP/1.1\r\n{host}Host: evil.example\r\n\r\n".encode())[0] == 400
    absolute = f"GET http://evil.example/emulator/ready HTTP/1.1\r\n{host}\r\n"
    assert exchange(emulator, absolute.encode())[0] in (403, 421)


def test_another_sites_script_is_refused(emulator: Stack) -> None:
    path = f"/pipelines/v1.0{WS}/Pipelines"
    assert ask(emulator, "GET", path)[0] == 200
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{port_of(emulator) + 1}"):
        assert ask(emulator, "GET", path, headers={"Origin": origin})[0] == 403


def test_a_token_is_issued_through_the_proxy_only(emulator: Stack) -> None:
    form = b"grant_type=client_credentials&client_id=a&client_secret=b"
    assert ask(emulator, "POST", "/tenant/oauth2/v2.0/token", body=form, token=False)[0] in REFUSED


@pytest.mark.parametrize(
    "credentials", ["", "Basic", "Basic !", "Basic " + base64.b64encode(b"emulator:guess").decode(), "Bearer x"]
)
def test_the_proxy_leads_to_the_login_only_with_the_secret(emulator: Stack, credentials: str) -> None:
    for host in ("login.microsoftonline.com", "management.azure.com"):
        message = f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nProxy-Authorization: {credentials}\r\n\r\n"
        assert exchange(emulator, message.encode())[0] == 407


@pytest.mark.parametrize(
    "authority",
    [
        "127.0.0.1:22",
        "localhost:443",
        "x.blob.core.windows.net:22",
        "x.blob.core.windows.net.evil.example:443",
        "evil.example/x.blob.core.windows.net:443",
        "management.azure.com@evil.example:443",
        "169.254.169.254:80",
        ":443",
        "a:b:443",
    ],
)
def test_the_proxy_leads_nowhere_else(emulator: Stack, authority: str) -> None:
    message = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"
    assert exchange(emulator, message.encode())[0] in (400, 403)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/emulator/faults"),
        ("DELETE", "/emulator/faults"),
        ("GET", "/emulator/faults"),
        ("GET", "/emulator/unserved"),
        ("GET", "/emulator/connections"),
        ("GET", "/"),
        ("GET", "/runs/x"),
        ("GET", "/pipelines/x"),
        ("GET", "/files/x/outputs/a"),
    ],
)
def test_the_emulators_own_calls_ask_who_calls(emulator: Stack, method: str, path: str) -> None:
    body = {"rule": "500 on * /**"} if method == "POST" else None
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Cookie": "aml_emulator=guess"}):
        assert ask(emulator, method, path, body=body, headers=headers, token=False)[0] == 401
    assert emulator.site.faults.listed() == []


def test_a_token_of_another_algorithm_is_refused(emulator: Stack) -> None:
    def pack(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"oid": "x", "exp": 9_999_999_999}
    heads: list[Any] = [{"alg": "none"}, {"alg": "HS256"}, [], {"alg": "none", "typ": "JWT"}]
    for head in heads:
        for signature in ("", "x", "ä"):
            token = f"Bearer {pack(head)}.{pack(claims)}.{quote(signature)}"
            assert ask(emulator, "GET", "/subscriptions", headers={"Authorization": token})[0] == 401


RUNS = f"/history/v1.0{WS}/experiments/attack/runs"


@pytest.mark.parametrize(
    "run", ["../../../etc", "..", ".", "a/b", "a\\b", "a\x00b", "a\nb", "%2e%2e", "-a", "a" * 257, "\u202e"]
)
def test_a_run_cannot_have_a_path_as_its_id(emulator: Stack, run: str) -> None:
    assert ask(emulator, "PATCH", f"{RUNS}/{quote(run, safe='')}", body={"status": "Running"})[0] in (400, 404, 501)
    batch = {"runs": [{"runId": run}]}
    path = f"/history/v1.0{WS}/experiments/attack/batch/runs"
    assert ask(emulator, "PATCH", path, body=batch)[0] == 400
    assert emulator.site.store.runs.get(emulator.site.store.workspaces.find(SUBSCRIPTION, GROUP, NAME).id, run) is None


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a\x00", "..\\x", "C:\\x", "a/./b", "a//b", "\n", "", ".."],
)
def test_a_snapshots_files_stay_in_their_folder(emulator: Stack, path: str) -> None:
    upload = f"/content/v2.0{WS}/snapshots/getblob"
    assert ask(emulator, "POST", upload, body={"FileNames": [path]})[0] == 400
    parts = path.split("/")
    tree: dict[str, Any] = {"name": parts[-1], "type": "File", "hash": "h"}
    for part in reversed(parts):
        tree = {"name": "", "type": "Directory", "children": {part: tree}}
    address = emulator.site.store.blobs.signed_url("snapshots", "x")
    body = {"DirTreeNode": tree, "FileRevisionList": {"FileNodes": [{"FullName": path, "BlobUri": address}]}}
    assert ask(emulator, "POST", f"/content/v2.0{WS}/snapshots/{uuid.uuid4()}", body=body)[0] == 400


def test_a_snapshot_takes_no_content_from_elsewhere(emulator: Stack) -> None:
    tree = {"type": "Directory", "children": {"a": {"type": "File", "hash": "h"}}}
    for address in (
        emulator.site.store.blobs.signed_url("azureml", "ExperimentRun/x"),
        "https://evil.example/snapshots/x",
        "file:///etc/passwd",
        7,
    ):
        body = {"DirTreeNode": tree, "FileRevisionList": {"FileNodes": [{"FullName": "a", "BlobUri": address}]}}
        assert ask(emulator, "POST", f"/content/v2.0{WS}/snapshots/{uuid.uuid4()}", body=body)[0] == 400


@pytest.mark.parametrize("path", ["../x", "a/../../b", "..", "a\x00b", "a\r\nb"])
def test_an_artifact_stays_in_its_container(emulator: Stack, path: str) -> None:
    create = f"/artifact/v2.0{WS}/artifacts/batch/metadata/ExperimentRun/dcid.x"
    assert ask(emulator, "POST", create, body={"paths": [{"path": path}]})[0] == 400
    for call in ("contentinfo", "content", "metadata"):
        wanted = f"/artifact/v2.0{WS}/artifacts/{call}/ExperimentRun/dcid.x/{quote(path, safe='')}"
        assert ask(emulator, "GET", wanted)[0] in (400, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/runs/%2e%2e%2f%2e%2e%2fetc",
        "/runs/..%5c..",
        "/runs/%00",
        "/runs/%ff%fe",
        "/runs/%c0%ae%c0%ae",
        "/runs/%252e%252e%252f",
        "/files/x/%2e%2e/%2e%2e/emulator.sqlite3",
        "/files/x/..%2f..%2femulator.sqlite3",
        "/runs/../../etc",
        "//evil.example/runs/x",
        "/runs/x;a=b",
        "/runs/%",
    ],
)
def test_no_spelling_of_a_path_leads_out(emulator: Stack, path: str) -> None:
    key = emulator.variables.get("AML_EMULATOR_SECRET", "")
    status, text = ask(emulator, "GET", path, headers={"Authorization": f"Bearer {key}"})
    assert status in (400, 404, 501), text


def test_no_header_is_put_into_an_answer(emulator: Stack) -> None:
    body = {"properties": {"computeType": "AmlCompute", "properties": {}}}
    status, text = ask(emulator, "PUT", f"{WS}/computes/a%0d%0aSet-Cookie:%20x=1", body=body)
    assert status == 400
    assert not [line for line in text.lower().splitlines() if line.startswith("set-cookie")]


def _head(emulator: Stack, *lines: str) -> bytes:
    token = emulator.site.tokens.issue("x")
    first = [f"POST /history/v1.0{WS}/experiments:query HTTP/1.1", f"Host: 127.0.0.1:{port_of(emulator)}"]
    return "\r\n".join([*first, f"Authorization: Bearer {token}", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    "message",
    [
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: -1",),
        ("Content-Length: +2",),
        ("Content-Length: 0x2",),
        ("Content-Length: 99999999999",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("X: a", " folded: b", "Content-Length : 2"),
        ("X\x00: a",),
        ("X: " + "a" * 200_000,),
        tuple(f"X{number}: a" * 10 for number in range(20_000)),
    ],
)
def test_framing_that_can_be_read_in_two_ways_is_refused(emulator: Stack, message: tuple[str, ...]) -> None:
    assert exchange(emulator, _head(emulator, *message) + b"{}")[0] in (0, 400, 413, 431, 501)


@pytest.mark.parametrize(
    "body",
    [
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"2 \r\n{}X0\r\n\r\n",
        b"ffffffffffffffff\r\n{}",
        b"FFFFFFFFFFFFFFFFFFFFF\r\n{}",
        b"2;" + b"a" * 200_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b"2\n{}\n0\n\n",
        b"zz\r\n",
    ],
)
def test_chunks_that_cannot_be_right_are_refused(emulator: Stack, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(emulator)), timeout=SECONDS) as connection:
        connection.sendall(_head(emulator, "Transfer-Encoding: chunked") + body)
        connection.shutdown(socket.SHUT_WR)
        assert _answer(connection)[0] in (0, 400, 413, 431)


def test_a_body_without_end_is_cut_off(emulator: Stack) -> None:
    chunk = b"100000\r\n" + b"[" * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port_of(emulator)), timeout=SECONDS) as connection:
        connection.sendall(_head(emulator, "Transfer-Encoding: chunked"))
        try:
            for _ in range(64):
                connection.sendall(chunk)
        except OSError:
            return
        assert _answer(connection)[0] in (0, 413)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"NaN", b'"x"', b"[1]", b"7", b'{"top": "x"}', b"null"]
)
def test_a_body_of_another_kind_is_no_defect(emulator: Stack, body: bytes) -> None:
    until(lambda: emulator.site.store.runs.ensure_experiment(_workspace(emulator), "attack"), what="the experiment")
    for path in (f"/history/v1.0{WS}/experiments/attack/runs:query", f"/pipelines/v1.0{WS}/Pipelines/Create"):
        assert ask(emulator, "POST", path, body=body)[0] in (200, 400, 501)


def _workspace(emulator: Stack) -> str:
    return str(emulator.site.store.workspaces.find(SUBSCRIPTION, GROUP, NAME).id)


@pytest.mark.parametrize("text", ["(" * 5000, "a eq b and " * 5000 + "a eq b", "x" * 100_000])
def test_a_filter_without_end_is_no_defect(emulator: Stack, text: str) -> None:
    emulator.site.store.runs.ensure_experiment(_workspace(emulator), "attack")
    path = f"/history/v1.0{WS}/experiments/attack/runs:query"
    assert ask(emulator, "POST", path, body={"filter": text})[0] == 400


def test_sql_in_a_name_is_a_name(emulator: Stack) -> None:
    hostile = quote("x' or '1'='1")
    for path in (f"/modelmanagement/v1.0{WS}/models/{hostile}:1", f"/datastore/v1.0{WS}/datastores/{hostile}"):
        assert ask(emulator, "GET", path)[0] == 404


@pytest.mark.parametrize("kind", ["computes", "datastores", "models", "datasets"])
def test_of_many_deletes_at_once_one_succeeds(emulator: Stack, kind: str) -> None:
    make, remove = {
        "computes": (
            ("PUT", f"{WS}/computes/race", {"properties": {"computeType": "AmlCompute", "properties": {}}}),
            f"{WS}/computes/race",
        ),
        "datastores": (
            (
                "POST",
                f"/datastore/v1.0{WS}/datastores",
                {
                    "name": "race",
                    "dataStoreType": "AzureBlob",
                    "azureStorageSection": {"accountName": "devstoreaccount1", "containerName": "race"},
                },
            ),
            f"/datastore/v1.0{WS}/datastores/race",
        ),
        "models": (
            ("POST", f"/modelmanagement/v1.0{WS}/models", {"name": "race", "url": "aml://asset/x"}),
            f"/modelmanagement/v1.0{WS}/models/race:1",
        ),
        "datasets": (
            (
                "POST",
                f"/dataset/v1.0{WS}/datasets",
                {
                    "name": "race",
                    "datasetType": "file",
                    "latest": {"dataflow": json.dumps({"meta": {"RsDataflow": "paths: []"}})},
                },
            ),
            f"/dataset/v1.0{WS}/datasets/race",
        ),
    }[kind]
    method, path, body = make
    assert ask(emulator, method, path, body=body)[0] in (200, 201)
    start = threading.Barrier(8)

    def delete(_: int) -> int:
        start.wait()
        return ask(emulator, "DELETE", remove)[0]

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(delete, range(8)))
    assert statuses[0] in (200, 202, 204)
    assert statuses[1:] == [404] * 7


def test_the_storage_takes_no_well_known_key(emulator: Stack) -> None:
    from test.support.azurite import ACCOUNT, KEY

    assert emulator.site.store.blobs.account == ACCOUNT
    assert emulator.site.store.blobs.key != KEY


def test_nobody_else_can_read_the_state(emulator: Stack) -> None:
    assert Path(emulator.site.folder).stat().st_mode & 0o077 == 0


def test_tls_reaches_nothing_beside_the_proxy(emulator: Stack) -> None:
    context = ssl._create_unverified_context()
    address = ("127.0.0.1", port_of(emulator))
    with socket.create_connection(address, timeout=SECONDS) as connection, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(connection, server_hostname="management.azure.com")

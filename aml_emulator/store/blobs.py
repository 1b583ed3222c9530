"""Blob storage as the emulator itself uses it: Azurite over TLS, and signed addresses for its clients.

A small client of the Blob service's REST, because azure-storage-blob alone would add 45 MB to the resident
memory and half a second to the start. Signatures follow "Create a service SAS" and "Create an account SAS"
of the Azure Storage REST reference, version 2020-02-10.
"""

import base64
import functools
import hashlib
import hmac
import http.client
import queue
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

from aml_emulator.errors import InvalidError

ACCOUNT = "devstoreaccount1"
_VERSION = "2020-02-10"
_LIFETIME = timedelta(days=7)


class BlobError(Exception):
    """Azurite refused a request.

    Args:
        status: HTTP status of the answer.
        action: What was asked for.
        detail: The body of the answer.
    """

    def __init__(self, status: int, action: str, detail: str) -> None:
        super().__init__(f"{action}: HTTP {status} {detail[:300]}")
        self.status = status


@dataclass(frozen=True)
class BlobItem:
    """A blob in a listing: its name, its size in bytes and its entity tag."""

    name: str
    size: int
    etag: str


def blob_name(*parts: str) -> str:
    """Return the name of a blob for a path of any characters.

    Only characters that stand in an address as they are: the SDK encodes the path of a signed address once
    more, so a name that had to be encoded would become another name. Distinct paths have distinct names.
    """
    return quote("/".join(parts)).replace("~", "~7E").replace("%", "~")


def _expiry() -> str:
    return (datetime.now(timezone.utc) + _LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ")


class BlobStore:
    """The emulator's own access to Azurite.

    Args:
        port: Azurite's port on the loopback interface.
        authority: The certificate authority that signed Azurite's certificate.
        key: The account's key, in Base64.
        account: The account.
    """

    def __init__(self, port: int, authority: Path, key: str, *, account: str = ACCOUNT) -> None:
        self.account = account
        self.host = f"{account}.blob.core.windows.net"
        self.key = key
        self._port = port
        self._authority = authority
        self._idle: queue.SimpleQueue[http.client.HTTPSConnection] = queue.SimpleQueue()
        self._token = ""
        self._token_until = datetime.min.replace(tzinfo=timezone.utc)

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._authority))

    def close(self) -> None:
        """Close the idle connections."""
        while not self._idle.empty():
            self._idle.get().close()

    def _sign(self, text: str) -> str:
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def signed_url(self, container: str, blob: str, *, permissions: str = "racw") -> str:
        """Return the blob's address under the account's real host name, with a signature good for a week."""
        expiry = _expiry()
        resource = f"/blob/{self.account}/{container}/{blob}"
        fields = [permissions, "", expiry, resource, "", "", "https", _VERSION, "b", "", "", "", "", "", ""]
        query = urlencode(
            {
                "sv": _VERSION,
                "sr": "b",
                "sp": permissions,
                "se": expiry,
                "spr": "https",
                "sig": self._sign("\n".join(fields)),
            }
        )
        return f"https://{self.host}/{container}/{quote(blob)}?{query}"

    def split_url(self, url: object) -> tuple[str, str]:
        """Return container and blob name of an address that :meth:`signed_url` made.

        Raises:
            InvalidError: It is another address.
        """
        split = urlsplit(url) if isinstance(url, str) else None
        container, _, blob = (split.path if split else "").lstrip("/").partition("/")
        if split is None or (split.scheme, split.netloc) != ("https", self.host) or not blob:
            raise InvalidError(f"{url!r:.80} is no address of this emulator's storage")
        return container, unquote(blob)

    def create_container(self, container: str, *, public: bool = False) -> None:
        """Make a container, with ``public`` one that everybody may read; nothing happens when it is there already."""
        access = {"x-ms-blob-public-access": "container"} if public else {}
        self._request("PUT", container, "", query={"restype": "container"}, headers=access, accept=(201, 409))

    def put(self, container: str, blob: str, content: bytes) -> None:
        """Write a blob, in the place of one of the same name."""
        self._request("PUT", container, blob, body=content, headers={"x-ms-blob-type": "BlockBlob"})

    def create_append_blob(self, container: str, blob: str) -> None:
        """Make an empty blob that :meth:`append` can add to."""
        self._request("PUT", container, blob, headers={"x-ms-blob-type": "AppendBlob"})

    def append(self, container: str, blob: str, content: bytes) -> None:
        """Add bytes at the end of an append blob."""
        self._request("PUT", container, blob, query={"comp": "appendblock"}, body=content)

    def get(self, container: str, blob: str) -> bytes:
        """Return a blob's content; BlobError with status 404 when there is none."""
        return self._request("GET", container, blob, accept=(200, 206))

    def put_file(self, container: str, blob: str, source: Path) -> None:
        """Write a blob from a file, piece by piece, in the place of one of the same name."""
        size = source.stat().st_size
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Length": str(size)}
        self._request("PUT", container, blob, body=source, headers=headers)

    def get_to_file(self, container: str, blob: str, target: Path) -> None:
        """Write a blob's content to a file, piece by piece."""
        self._request("GET", container, blob, accept=(200, 206), target=target)

    def list(self, container: str, prefix: str = "") -> Iterator[BlobItem]:
        """Yield the blobs whose names begin with the prefix, in the order of their names."""
        marker = ""
        while True:
            query = {"restype": "container", "comp": "list", "prefix": prefix, "marker": marker}
            answer = ElementTree.fromstring(self._request("GET", container, "", query=query))  # noqa: S314  (Azurite's)
            for item in answer.iter("Blob"):
                properties = item.find("Properties")
                size = properties.findtext("Content-Length") if properties is not None else None
                etag = properties.findtext("Etag") if properties is not None else None
                yield BlobItem(item.findtext("Name") or "", int(size or 0), (etag or "").strip('"'))
            marker = answer.findtext("NextMarker") or ""
            if not marker:
                return

    def _account_token(self) -> str:
        now = datetime.now(timezone.utc)
        if now > self._token_until:
            expiry = _expiry()
            fields = [self.account, "rwdlac", "b", "sco", "", expiry, "", "https", _VERSION]
            self._token = urlencode(
                {
                    "sv": _VERSION,
                    "ss": "b",
                    "srt": "sco",
                    "sp": "rwdlac",
                    "se": expiry,
                    "spr": "https",
                    "sig": self._sign("\n".join(fields) + "\n"),
                }
            )
            self._token_until = now + _LIFETIME / 2
        return self._token

    def _request(
        self,
        method: str,
        container: str,
        blob: str,
        *,
        query: dict[str, str] | None = None,
        body: bytes | Path = b"",
        headers: dict[str, str] | None = None,
        accept: tuple[int, ...] = (200, 201),
        target: Path | None = None,
    ) -> bytes:
        address = f"/{container}" + (f"/{quote(blob)}" if blob else "")
        line = f"{method} {address}?{urlencode(query or {})}&{self._account_token()}"
        sent = {"Host": self.host, "x-ms-version": _VERSION, **(headers or {})}
        if isinstance(body, bytes):
            sent["Content-Length"] = str(len(body))
        status, answer = self._exchange(line, body, sent, target)
        if status not in accept:
            raise BlobError(status, f"{method} {container}/{blob}", answer.decode("utf-8", "replace"))
        return answer

    def _exchange(
        self, line: str, body: bytes | Path, headers: dict[str, str], target: Path | None
    ) -> tuple[int, bytes]:
        while True:
            try:
                connection, fresh = self._idle.get_nowait(), False
            except queue.Empty:
                connection, fresh = _LoopbackConnection(self._port, self._context, self.host), True
            try:
                answer = _converse(connection, line, body, headers, target)
            except (http.client.HTTPException, OSError):
                connection.close()
                # an idle connection may have been closed by the other side; a fresh one tells the truth
                if fresh:
                    raise
                continue
            self._idle.put(connection)
            return answer


def _converse(
    connection: http.client.HTTPSConnection,
    line: str,
    body: bytes | Path,
    headers: dict[str, str],
    target: Path | None,
) -> tuple[int, bytes]:
    """Send one request and read its answer; content of a success goes to ``target`` where one is given."""
    method, _, address = line.partition(" ")
    if isinstance(body, Path):
        with body.open("rb") as stream:
            connection.request(method, address, body=stream, headers=headers)
    else:
        connection.request(method, address, body=body, headers=headers)
    response = connection.getresponse()
    if target is None or response.status >= 300:
        return response.status, response.read()
    with target.open("wb") as sink:
        shutil.copyfileobj(response, sink)
    return response.status, b""


class _LoopbackConnection(http.client.HTTPSConnection):
    """A TLS connection to the loopback interface that asks for the account's real host name."""

    def __init__(self, port: int, context: ssl.SSLContext, host: str) -> None:
        super().__init__("127.0.0.1", port, context=context, timeout=60)
        self._tls = context
        self._name = host

    def connect(self) -> None:
        """Connect to 127.0.0.1 and check the certificate against the account's host name."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)

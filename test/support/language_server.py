"""A small client of a language server: what an editor says to it over stdin and stdout.

Messages are JSON behind a ``Content-Length`` header:
https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#baseProtocol
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any

DEADLINE_SECONDS = 60.0
STOP_SECONDS = 10.0
PUBLISHED = "textDocument/publishDiagnostics"
ENDED: dict[str, Any] = {}
"""Stands in the queue for the end of what the server says."""


class LanguageServerError(Exception):
    """The server ended, answered with an error, or did not answer in time."""


@dataclass
class LanguageServer:
    """A server that has been started; `started` starts and ends one."""

    process: subprocess.Popen[bytes]
    schema: Path
    heard: Queue[dict[str, Any]] = field(default_factory=Queue)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def diagnostics(self, uri: str, text: str) -> list[str]:
        """Open a document, wait for what the server says of it, and close it again.

        Args:
            uri: Its name, which no file needs to have.
            text: The document.

        Returns:
            ``line: message`` for each diagnostic; lines start at 1.

        Raises:
            LanguageServerError: Nothing came within the deadline.
        """
        opened = {"uri": uri, "languageId": "azure-pipelines", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": opened})
        found = self._until(lambda m: m.get("method") == PUBLISHED and m["params"]["uri"] == uri, f"diagnostics: {uri}")
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        self._until(lambda m: m.get("method") == PUBLISHED and m["params"]["uri"] == uri, f"the end of {uri}")
        items = found["params"]["diagnostics"]
        return [f"{item['range']['start']['line'] + 1}: {item['message']}" for item in items]

    def request(self, method: str, parameters: Any = None) -> Any:
        """Ask, and wait for the answer.

        Raises:
            LanguageServerError: It is an error, or did not come within the deadline.
        """
        number = next(self.numbers)
        self._send({"id": number, "method": method, "params": parameters})
        answer = self._until(lambda message: message.get("id") == number and "method" not in message, method)
        if "error" in answer:
            raise LanguageServerError(f"{method}: {answer['error']}")
        return answer["result"]

    def notify(self, method: str, parameters: Any = None) -> None:
        """Say something that has no answer."""
        self._send({"method": method, "params": parameters})

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _until(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                message = self.heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise LanguageServerError(f"waited {DEADLINE_SECONDS:.0f} s in vain for {what}") from None
            if message is ENDED:
                self.heard.put(ENDED)
                raise LanguageServerError(f"the server ended instead of {what}")
            if wanted(message):
                return message
            if "id" in message and "method" in message:
                known = message["method"] == "custom/schema/request"
                self._send({"id": message["id"], "result": self.schema.as_uri() if known else None})


@contextmanager
def started(command: Sequence[str], root: Path, *, schema: Path) -> Iterator[LanguageServer]:
    """Start a language server, introduce it to the project, and end it.

    Args:
        command: The program and its arguments.
        root: The folder that an editor would have opened.
        schema: The JSON schema of every document. The server asks for it as it asks the extension of an editor.
    """
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        server = LanguageServer(process, schema)
        assert process.stdout is not None
        reader = Thread(target=_listen, args=(process.stdout, server.heard), daemon=True)
        reader.start()
        try:
            server.request("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": {}})
            server.notify("initialized", {})
            server.notify("json/schemaAssociations", {"*": [schema.as_uri()]})
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            reader.join(STOP_SECONDS)


def _listen(stream: IO[bytes], heard: Queue[dict[str, Any]]) -> None:
    while header := stream.readline():
        length = 0
        while header.strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            header = stream.readline()
        body = stream.read(length)
        if len(body) < length:
            break
        heard.put(json.loads(body))
    heard.put(ENDED)

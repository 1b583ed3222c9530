"""The pipelines as an editor checks them: Microsoft's language server, with Microsoft's schema, over stdio.

The schema is that of the service (https://dev.azure.com/<organisation>/_apis/distributedtask/yamlschema). It is no part
of this repository: AZURE_PIPELINES_SCHEMA names a copy. Plain JSON-schema validation refuses correct files, since the
schema's dialect is an extension.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = Path(
    os.environ.get("AZURE_PIPELINES_SCHEMA", ROOT.parent / "shared/reference/azure-pipelines-service-schema.json")
)
SERVER = ROOT / "node_modules" / "azure-pipelines-language-server" / "out" / "server.js"
FILES = sorted((ROOT / ".pipelines").rglob("*.yml"))
DEADLINE_SECONDS = 20.0

NOT_IN_SCHEMA = (
    "UseNode@1",
    "PublishCodeCoverageResults@2",
    "ms-air-aiagility.vss-services-azureml.azureml-restApi-task.MLPublishedPipelineRestAPITask@0",
)
"""Tasks whose inputs the schema lacks: newer than it, or of an extension. What is said of their steps doesn't count."""


def lines_of_unknown_tasks(text: str) -> set[int]:
    """The lines, from 0, of the steps of tasks that the schema lacks."""
    found: set[int] = set()
    indent = -1
    for number, line in enumerate(text.splitlines()):
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth <= indent:
            indent = -1
        if any(line.strip() == f"- task: {task}" for task in NOT_IN_SCHEMA):
            indent = depth
        if indent >= 0:
            found.add(number)
    return found


class Editor:
    """A client of the language server that opens files and reads what is wrong with them."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, str(SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._received: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._send("initialize", {"processId": os.getpid(), "rootUri": ROOT.as_uri(), "capabilities": {}}, number=1)
        self._wait(lambda message: message.get("id") == 1)
        self._send("initialized", {})
        self._send("json/schemaAssociations", {"*": [SCHEMA.as_uri()]})
        self._opened = 0

    def problems(self, text: str) -> list[str]:
        """What the server says of a file with this text."""
        self._opened += 1
        uri = (ROOT / f"azure-pipelines-{self._opened}.yml").as_uri()
        document = {"uri": uri, "languageId": "azure-pipelines", "version": 1, "text": text}
        self._send("textDocument/didOpen", {"textDocument": document})
        answer = self._wait(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri
            )
        )
        unknown = lines_of_unknown_tasks(text)
        return [
            problem["message"]
            for problem in answer["params"]["diagnostics"]
            if problem["range"]["start"]["line"] not in unknown
        ]

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.communicate()

    def _send(self, method: str, params: Any, *, number: int | None = None) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **({} if number is None else {"id": number})}
        self._write(message)

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while line := stream.readline():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
                while stream.readline().strip():
                    pass
                message = json.loads(stream.read(length))
                if "id" in message and "method" in message:
                    self._answer(message)
                else:
                    self._received.put(message)

    def _answer(self, request: dict[str, Any]) -> None:
        """The server asks which schema a file has; it waits for the answer."""
        asks = request["method"] == "custom/schema/request"
        self._write({"jsonrpc": "2.0", "id": request["id"], "result": SCHEMA.as_uri() if asks else None})

    def _wait(self, wanted: Any) -> dict[str, Any]:
        while True:
            message = self._received.get(timeout=DEADLINE_SECONDS)
            if wanted(message):
                return message


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    """A running language server that knows Microsoft's schema."""
    node = shutil.which("node")
    if node is None or not SERVER.is_file():
        pytest.skip("the language server needs Node.js and npm ci")
    if not SCHEMA.is_file():
        pytest.skip("Microsoft's schema is not on this machine: AZURE_PIPELINES_SCHEMA names a copy")
    opened = Editor(node)
    yield opened
    opened.close()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_language_server_finds_nothing_wrong(editor: Editor, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file.name == "batch_ai-variables.yml":
        text += "stages: []\n"  # the schema knows no template of variables alone
    assert editor.problems(text) == []


def test_the_tasks_that_do_not_count_have_no_inputs_in_the_schema(editor: Editor) -> None:
    schema = SCHEMA.read_text(encoding="utf-8")
    assert [task for task in NOT_IN_SCHEMA if f"^{task}$" in schema] == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("    dependsOn: model_ci", "    dependOn: model_ci"),
        ("timeoutInMinutes: 60", "timeoutInMinutes: [60]"),
        ("task: PublishTestResults@2", "task: PublishTestResult@2"),
        ("testResultsFormat: JUnit", "testResultsFormats: JUnit"),
        ("jobs:", "job:"),
    ],
)
def test_a_mistake_is_found(editor: Editor, right: str, wrong: str) -> None:
    text = (ROOT / ".pipelines" / "batch_ai-dataprep.yml").read_text(encoding="utf-8")
    assert right in text
    assert editor.problems(text.replace(right, wrong, 1)) != []

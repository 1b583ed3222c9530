"""The entry script in Microsoft's own inference server, a real process on a free port of 127.0.0.1."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import jsonschema
import pytest

from src.common.committed_folder import replace_folder
from src.common.settings import PROJECT_ROOT
from src.inference.service import MOST_BYTES
from src.training.batchai.model_files import KIND
from test.faults.plugin import Cases
from test.faults.promises import SERVICE
from test.support.models import small_model, write_model
from test.support.waiting import until

HOW = "is not installed: pip install -r requirements/serving.txt"
pytest.importorskip("azureml_inference_server_http", reason=f"Azure ML's inference server {HOW}")
pytest.importorskip("gunicorn", reason=f"gunicorn {HOW}; there is none for Windows")

FOLDER = PROJECT_ROOT / "src" / "inference" / "batchai"
REQUEST: dict[str, Any] = {
    "location": "plant",
    "product_id": "007",
    "rows": [{"batch_id": "N1", "features": {"temperature": 27.5, "pressure": None}}],
    "contributions": True,
}


class Answer(NamedTuple):
    status: int
    body: Any


class Service(NamedTuple):
    """A running service and its log."""

    url: str
    log: Path

    def connect(self) -> socket.socket:
        port = int(self.url.rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), timeout=20)

    def ask(self, path: str, body: bytes | None = None) -> Answer:
        request = Request(f"{self.url}{path}", data=body, headers={"Content-Type": "application/json"})
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=20) as response:
                return Answer(response.status, self._read(response.read()))
        except HTTPError as error:
            with error:
                return Answer(error.code, self._read(error.read()))

    @staticmethod
    def _read(content: bytes) -> Any:
        text = content.decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def score(self, request: Mapping[str, Any]) -> Answer:
        return self.ask("/score", json.dumps(request).encode())


def start(model_dir: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start what `azmlinfsrv` starts on Linux, on 127.0.0.1 alone and a free port: it has no option for the address."""
    variables = {
        "GUNICORN_CMD_ARGS": "--worker-class gthread --threads 64",
        "AML_APP_ROOT": str(FOLDER),
        "AZUREML_ENTRY_SCRIPT": "score.py",
        "AZUREML_MODEL_DIR": str(model_dir),
        "AML_APP_INSIGHTS_ENABLED": "false",
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--error-logfile", "-"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "azureml_inference_server_http.server.entry:app"],
            cwd=model_dir,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with a small model, which lies as Azure ML and the registry of DEV lay out a version."""
    root = tmp_path_factory.mktemp("service")
    version = root / "batchai" / "1"
    with replace_folder(version / "model", kind=KIND) as staged:
        write_model(staged, small_model())
    log = root / "log.txt"
    process = start(version, log)

    def ready() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()}")
        return "ready for serving traffic" in log.read_text() and address() is not None

    def address() -> re.Match[str] | None:
        return re.search(r"Listening at: (http://127\.0\.0\.1:\d+)", log.read_text())

    try:
        until(ready, what="the server is ready")
        found = address()
        assert found is not None
        yield Service(found[1], log)
    finally:
        stop(process)


def validate(definition: str, document: object) -> None:
    """Check a document against a definition of swagger.json."""
    swagger = json.loads((FOLDER / "swagger.json").read_text(encoding="utf-8"))
    definitions = with_nulls(swagger["definitions"])
    schema = {"$ref": f"#/definitions/{definition}", "definitions": definitions}
    jsonschema.Draft4Validator.check_schema(schema)
    jsonschema.Draft4Validator(schema).validate(document)


def with_nulls(part: Any) -> Any:
    """Swagger 2.0 knows no null; x-nullable says it."""
    if isinstance(part, list):
        return [with_nulls(item) for item in part]
    if not isinstance(part, dict):
        return part
    read = {key: with_nulls(item) for key, item in part.items() if key != "x-nullable"}
    return {**read, "type": [read["type"], "null"]} if part.get("x-nullable") else read


@pytest.mark.fault(SERVICE)
def test_it_is_alive_and_started_without_a_traceback(service: Service) -> None:
    assert service.ask("/") == (200, "Healthy")
    assert "Traceback" not in service.log.read_text()


HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"


@pytest.mark.fault(SERVICE)
@pytest.mark.parametrize(
    "sent", [b"", HEAD % 100, HEAD % 100 + b"\r\n{"], ids=["nothing", "half a header", "half a body"]
)
def test_clients_that_send_no_more_keep_nobody_waiting(service: Service, sent: bytes) -> None:
    with ExitStack() as stalled:
        for _ in range(20):
            stalled.enter_context(service.connect()).sendall(sent)
        assert service.score(REQUEST).status == 200


@pytest.mark.fault(SERVICE)
def test_many_clients_at_once_beside_stalled_ones_are_all_answered(service: Service, cases: Cases) -> None:
    with ExitStack() as stalled, ThreadPoolExecutor(16) as clients:
        for _ in range(20):
            stalled.enter_context(service.connect()).sendall(HEAD % 100)
        answers = clients.map(service.score, [REQUEST] * (2_000 if cases.nightly else 64))
        expected = service.score(REQUEST)
        for number, found in enumerate(answers):
            with cases.case(f"request {number}"):
                assert found == expected
                assert found.status == 200


WRONG: list[Any] = [None, True, -1, 1e308, "", "x", [], {}, [[]], [None], [{}], {"x": 1}, "\0", "\ud800", 10**400]


def malformed() -> list[bytes]:
    """The request cut off anywhere, with another value in any place, or with another byte."""
    whole = json.dumps(REQUEST).encode()
    row = REQUEST["rows"][0]
    changed: list[dict[str, Any]] = [
        {**REQUEST, key: value} for key in ("location", "product_id", "rows") for value in WRONG
    ]
    changed += [{**REQUEST, "rows": [{**row, "features": value}]} for value in WRONG]
    changed += [
        {**REQUEST, "rows": [{**row, "features": {**row["features"], "pressure": value}}]}
        for value in WRONG
        if value not in (None, -1)
    ]
    cut = [whole[:end] for end in range(1, len(whole))]
    broken = [whole[:place] + byte + whole[place + 1 :] for place in (0, 40) for byte in (b"\0", b"\xff", b"[")]
    return [json.dumps(request).encode() for request in changed] + cut + broken


@pytest.mark.fault(SERVICE)
def test_a_malformed_request_is_refused_with_a_message(service: Service, cases: Cases) -> None:
    for body in cases.some(malformed(), most=20):
        with cases.case(body):
            found = service.ask("/score", body)
            assert found.status == 400
            validate("Error", found.body)
            assert "Traceback" not in found.body["message"]
    assert "Traceback" not in service.log.read_text()


@pytest.mark.fault(SERVICE)
def test_a_body_that_is_too_large_is_refused_before_it_is_sent(service: Service) -> None:
    client = HTTPConnection(service.url.removeprefix("http://"), timeout=20)
    client.putrequest("POST", "/score")
    client.putheader("Content-Length", str(MOST_BYTES + 1))
    client.endheaders()
    answer = client.getresponse()
    assert answer.status == 413
    assert f"At most {MOST_BYTES} bytes are read" in answer.read().decode()
    client.close()


@pytest.mark.fault(SERVICE)
def test_only_post_scores(service: Service) -> None:
    found = service.ask("/score")
    assert (found.status, found.body["message"]) == (405, "send a POST request with a JSON body")


def test_a_request_is_answered_as_the_description_says(service: Service) -> None:
    validate("Request", REQUEST)
    found = service.score(REQUEST)
    assert found.status == 200
    validate("Answer", found.body)
    first, second = found.body["predictions"]
    assert first["prediction"] == pytest.approx(90 + 0.5 * 27.5 - 2 * 1.5)
    assert first["upper"] - first["lower"] == pytest.approx(3)
    assert first["outside_features"] == ["temperature above 20"]
    assert sum(part["contribution"] for part in first["contributions"]) == pytest.approx(first["prediction"])
    assert "value" not in first["contributions"][2], "it was not measured"
    assert (second["target"], second["note"]) == ("yield", "not trained: constant")


def test_without_contributions_and_for_a_model_without_intervals(service: Service) -> None:
    rows = [{"features": {"temperature": 1, "pressure": 1}}] * 3
    found = service.score({"location": "plant", "product_id": "NA", "rows": rows})
    assert found.status == 200
    validate("Answer", found.body)
    assert [item["batch_id"] for item in found.body["predictions"]] == ["1", "1", "2", "2", "3", "3"]


@pytest.mark.fault(SERVICE)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"location": "plnt"}, "the model knows no location 'plnt', did you mean 'plant'?"),
        ({"product_id": 7}, "product_id is wrong"),
        ({"rows": [{"features": {"temperature": 1}}]}, "missing: pressure"),
        ({"rows": [{"features": {"temperature": "hot", "pressure": 1}}]}, "temperature of row 1 is wrong"),
    ],
)
def test_a_wrong_request_gets_one_clear_message(service: Service, changes: dict[str, Any], message: str) -> None:
    found = service.score({**REQUEST, **changes})
    assert found.status == 400
    validate("Error", found.body)
    assert message in found.body["message"]
    assert "Traceback" not in found.body["message"]
    if "product_id" in changes:  # which features there are, and which of them are texts, is known to the model alone
        with pytest.raises(jsonschema.ValidationError):
            validate("Request", {**REQUEST, **changes})


@pytest.mark.fault(SERVICE)
@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b'{"location": Infinity}'])
def test_a_body_that_is_no_json_gets_a_message_too(service: Service, body: bytes) -> None:
    found = service.ask("/score", body or b" ")
    assert found.status == 400
    assert found.body["message"]


def test_the_description_is_served_and_its_example_is_valid(service: Service) -> None:
    for path in ("/swagger.json", "/swagger.json?version=2"):
        found = service.ask(path)
        assert found == (200, json.loads((FOLDER / "swagger.json").read_text(encoding="utf-8")))
    example = found.body["definitions"]["Request"]["example"]
    validate("Request", example)
    assert service.score(example).status == 200


def test_a_wrong_request_leaves_no_traceback_in_the_log(service: Service) -> None:
    assert service.score({**REQUEST, "location": "nowhere"}).status == 400
    until(lambda: service.log.read_text().count("POST /score 400") > 0, what="the request is logged")
    assert "Traceback" not in service.log.read_text()


def test_without_a_model_it_does_not_start(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    process = start(tmp_path, log)
    try:
        until(lambda: process.poll() is not None, what="the server gives up")
    finally:
        stop(process)
    assert process.returncode != 0
    assert "there is not one model in the model folder" in log.read_text()

"""What the claims about the web service rest on: how long requests take beside clients that send nothing more.

Run with ``python -m benchmarks.service_load [GUNICORN OPTION ...]``; it starts the service on a free port of 127.0.0.1,
with a small model and these options for gunicorn, such as ``--worker-class gthread --threads 16``.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from src.common.committed_folder import replace_folder
from src.training.batchai.model_files import KIND
from test.support.models import small_model, write_model

FOLDER = Path(__file__).resolve().parents[1] / "src" / "inference" / "batchai"
REQUESTS, AT_ONCE, PATIENCE = 2_000, 16, 40.0
GOOD = b'{"location": "plant", "product_id": "007", "rows": [{"features": {"temperature": 10, "pressure": 1}}]}'
HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
STALLS = {"no byte": b"", "half a header": HEAD, "half a body": HEAD + b"\r\n" + GOOD[:50]}
MALFORMED = [
    *(GOOD[:length] for length in range(0, len(GOOD) - 1, 2)),
    *(GOOD.replace(b"10,", value + b",") for value in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b'"10"', b"true")),
    *(GOOD.replace(b"10,", value + b",") for value in (b"1" * 400, b"1" * 5_000, b"{}", b"[10]", b"1e301", b"0x10")),
    *(GOOD.replace(*change) for change in ((b"plant", b"nowhere"), (b"007", b"7"), (b"rows", b"row"), (b"[{", b"{["))),
    *(b"[" * depth + b"]" * depth for depth in (1, 100, 10_000, 1_000_000)),
    *(b"null", b"\xff\xfe", b"\x00", b'"text"', b"1", b"\xef\xbb\xbf" + GOOD, GOOD.decode().encode("utf-16")),
    *(bytes(range(start, start + 16)) for start in range(0, 240, 10)),
]


def main(options: Sequence[str]) -> int:
    """Measure. Returns 0."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        port = _start(Path(temporary), options, stack)
        statuses = Counter(_ask(port, body)[0] for body in MALFORMED)
        print(f"{len(MALFORMED)} malformed requests: {_shown(statuses)}")
        print(f"alone: {_load(port)}")
        for what, sent in STALLS.items():
            for clients in (1, AT_ONCE):
                with ExitStack() as stalled:
                    for _ in range(clients):
                        stalled.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(sent)
                    time.sleep(0.2)
                    print(f"beside {clients} that sent {what}: {_load(port)}")
                _wait_until_it_answers(port)
    return 0


def _start(folder: Path, options: Sequence[str], stack: ExitStack) -> int:
    with replace_folder(folder / "model", kind=KIND) as staged:
        write_model(staged, small_model())
    log = folder / "log.txt"
    variables = {"AML_APP_ROOT": str(FOLDER), "AZUREML_ENTRY_SCRIPT": "score.py", "AZUREML_MODEL_DIR": str(folder)}
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "azureml_inference_server_http.server.entry:app"],
            env={**os.environ, **variables, "PYTHONPATH": str(FOLDER.parents[2])},
            stdout=output,
            stderr=output,
        )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    while process.poll() is None:
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())
        if found and "ready for serving traffic" in log.read_text():
            return int(found[1])
        time.sleep(0.05)
    raise SystemExit(f"the service ended:\n{log.read_text()}")


def _ask(port: int, body: bytes) -> tuple[int | str, float]:
    """The status of an answer, or what there was instead, and the seconds it took."""
    begin = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/score", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        status: int | str = answer.status
    except (OSError, HTTPException) as error:
        status = type(error).__name__
    finally:
        connection.close()
    return status, time.perf_counter() - begin


def _load(port: int) -> str:
    deadline = time.perf_counter() + PATIENCE
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda _: _ask(port, GOOD) if time.perf_counter() < deadline else None, range(REQUESTS)))
    answered = [item for item in found if item is not None]
    times = sorted(seconds for _, seconds in answered)
    at = {share: 1000 * times[int(share * (len(times) - 1))] for share in (0.5, 0.99, 1.0)}
    statuses = Counter(status for status, _ in answered)
    return f"{_shown(statuses)}; median {at[0.5]:.1f} ms, p99 {at[0.99]:.1f} ms, longest {at[1.0]:.0f} ms"


def _shown(statuses: Counter[int | str]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items(), key=str))


def _wait_until_it_answers(port: int) -> None:
    while _ask(port, GOOD)[0] != 200:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

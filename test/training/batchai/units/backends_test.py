"""Training on a Dask cluster with real workers in processes of their own gives the same bytes as training here."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from src.common.errors import CloudError, SettingsError
from src.common.settings import PROJECT_ROOT
from src.training.batchai.units import backends
from test.support.training_runs import content, prepare, train

pytest.importorskip("distributed", reason="Dask is not installed: pip install -r requirements/dask.txt")

# Dask's own: it names what later versions of Python will change, and cleans up late
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SMALL = PROJECT_ROOT / "test" / "resources" / "small"
SECONDS = 60


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three locations, so that workers have something to share."""
    folder = tmp_path_factory.mktemp("dask")
    for name in ("plant", "second", "third"):
        (folder / "source" / name).mkdir(parents=True)
        for path in (SMALL / "plant").iterdir():
            (folder / "source" / name / path.name).write_bytes(path.read_bytes())
    return prepare(folder / "source", folder)


@pytest.fixture(scope="module")
def here(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return train(prepared, tmp_path_factory.mktemp("here"))


def test_workers_of_this_machine_give_the_same_bytes(
    prepared: Path, here: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_BACKEND", "dask")
    monkeypatch.setenv("TRAIN_THREADS", "2")
    assert train(prepared, tmp_path) == here


def _kinds_of_streams() -> list[str]:
    handlers = logging.getLogger("distributed").handlers
    streams = [sys.stdout, sys.stderr, *(handler.stream for handler in handlers if hasattr(handler, "stream"))]
    return [type(stream).__name__ for stream in streams]


def test_what_a_worker_of_this_machine_prints_and_logs_is_guarded() -> None:
    with backends._client("", workers=1) as client:
        (kinds,) = client.run(_kinds_of_streams).values()
    assert len(kinds) >= 3
    assert set(kinds) == {"GuardedStream"}


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A scheduler and two workers, each a process of its own. Yields the address and the workers."""
    with ExitStack() as stack:
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        scheduler = stack.enter_context(start([*command, *options]))
        assert scheduler.stderr is not None
        address = next(found[1] for line in scheduler.stderr if (found := re.search(r"(tcp://127\.0\.0\.1:\d+)", line)))
        workers = []
        for _ in range(2):
            command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
            workers.append(stack.enter_context(start([*command, "--host", "127.0.0.1", "--no-dashboard"])))
        yield address, workers
        for process in [*workers, scheduler]:
            process.kill()


def start(command: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    return subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def test_a_running_cluster_that_loses_a_worker_gives_the_same_bytes(
    cluster: tuple[str, list[subprocess.Popen[str]]],
    prepared: Path,
    here: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from distributed import Client

    address, workers = cluster
    with Client(address, timeout=SECONDS) as client:
        client.wait_for_workers(2, timeout=SECONDS)
    monkeypatch.setenv("TRAIN_BACKEND", "dask")
    monkeypatch.setenv("DASK_SCHEDULER", address)
    command = [sys.executable, str(PROJECT_ROOT / "src/training/batchai/batchai_training.py")]
    folders = ["--training_folder", str(tmp_path / "results"), "--model_folder", str(tmp_path / "model")]
    run = subprocess.Popen([*command, "--prepared_folder", str(prepared), *folders], stdout=subprocess.DEVNULL)
    with Client(address, timeout=SECONDS) as client:
        deadline = time.monotonic() + SECONDS
        while not any(client.processing().values()) and run.poll() is None and time.monotonic() < deadline:
            pass
    workers[0].send_signal(signal.SIGKILL)
    assert run.wait(timeout=SECONDS) == 0
    assert content(tmp_path) == here


def test_a_scheduler_that_is_not_there_is_one_clear_error(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.training.batchai.units.backends.CONNECT_SECONDS", 1)
    monkeypatch.setenv("TRAIN_BACKEND", "dask")
    monkeypatch.setenv("DASK_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.raises(CloudError, match="the Dask scheduler can't be reached"):
        train(prepared, tmp_path)


def test_without_dask_the_command_that_installs_it_is_named(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_BACKEND", "dask")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"pip install -r requirements/dask\.txt"):
        train(prepared, tmp_path)


def test_another_backend_is_refused(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_BACKEND", "spark")
    with pytest.raises(SettingsError, match=r"TRAIN_BACKEND is 'spark', expected local .* or dask"):
        train(prepared, tmp_path)

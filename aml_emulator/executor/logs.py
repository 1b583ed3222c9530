"""What a step writes, kept in files and streamed into its log artifacts while it runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from aml_emulator.store.artifacts import run_container

if TYPE_CHECKING:
    from aml_emulator.store.artifacts import Artifacts
    from aml_emulator.store.blobs import BlobStore

# the SDK streams the first of these names while it waits; the second is where newer runs have theirs
DRIVER_LOG = "azureml-logs/70_driver_log.txt"
USER_LOG = "user_logs/std_log.txt"
_INTERVAL_SECONDS = 0.3


class RunLog:
    """The log of one run: standard output and error apart in local files, together in one artifact.

    Args:
        workspace: Id of the workspace.
        run: Id of the run.
        folder: Where the local files go.
        artifacts: The artifacts of the state.
        blobs: Where their content goes.
    """

    def __init__(self, workspace: str, run: str, folder: Path, artifacts: Artifacts, blobs: BlobStore) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._blobs = blobs
        self._row = artifacts.register(workspace, "ExperimentRun", run_container(run), DRIVER_LOG)
        artifacts.register(workspace, "ExperimentRun", run_container(run), USER_LOG, blob=self._row["blob"])
        blobs.create_append_blob(self._row["blob_container"], self._row["blob"])
        self._files = {name: (folder / f"{name}.txt").open("ab") for name in ("stdout", "stderr", "driver")}
        self._lock = threading.Lock()
        self._pending = bytearray()
        self._tail = b""
        self._closed = threading.Event()
        self._streamer = threading.Thread(target=self._stream, daemon=True)
        self._streamer.start()

    def write(self, name: str, piece: bytes) -> None:
        """Take in a piece of ``stdout`` or ``stderr``."""
        with self._lock:
            for file in (self._files[name], self._files["driver"]):
                file.write(piece)
                file.flush()
            self._pending += piece
            self._tail = (self._tail + piece)[-2_000:]

    def note(self, text: str) -> None:
        """Add a line of the emulator's own."""
        self.write("stdout", f"{text}\n".encode())

    @property
    def tail(self) -> str:
        """The last lines that were written."""
        with self._lock:
            return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        """Send what is left and close the files."""
        self._closed.set()
        self._streamer.join()
        for file in self._files.values():
            file.close()

    def _stream(self) -> None:
        last = False
        while not last:
            last = self._closed.wait(_INTERVAL_SECONDS)
            with self._lock:
                piece, self._pending = bytes(self._pending), bytearray()
            for start in range(0, len(piece), 4_000_000):  # the service takes 4 MiB in one append
                self._blobs.append(self._row["blob_container"], self._row["blob"], piece[start : start + 4_000_000])

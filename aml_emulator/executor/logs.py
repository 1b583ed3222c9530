"""What a step writes, kept in files and streamed into its log artifacts while it runs."""

import logging
import threading
from pathlib import Path

from aml_emulator.store.artifacts import run_container
from aml_emulator.store.blobs import BlobError
from aml_emulator.store.store import Store

# the SDK streams the first of these names while it waits; the second is where newer runs have theirs
DRIVER_LOG = "azureml-logs/70_driver_log.txt"
USER_LOG = "user_logs/std_log.txt"
_INTERVAL_SECONDS = 0.3
_BLOCK = 4_000_000  # the service takes 4 MiB in one append, and 50,000 appends for a blob
_MOST_BLOCKS = 50_000
_log = logging.getLogger(__name__)


class RunLog:
    """The log of one run: standard output and error apart in local files, together in one artifact.

    Args:
        workspace: Id of the workspace.
        run: Id of the run.
        folder: Where the local files go.
        store: The records of the state.
    """

    def __init__(self, workspace: str, run: str, folder: Path, store: Store) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        artifacts, self._blobs = store.artifacts, store.blobs
        self._row = artifacts.register(workspace, "ExperimentRun", run_container(run), DRIVER_LOG)
        artifacts.register(workspace, "ExperimentRun", run_container(run), USER_LOG, blob=self._row["blob"])
        self._blobs.create_append_blob(self._row["blob_container"], self._row["blob"])
        self._files = {name: (folder / f"{name}.txt").open("ab") for name in ("stdout", "stderr", "driver")}
        self._lock = threading.Lock()
        self._pending = bytearray()
        self._tail = b""
        self._folder = folder
        self._run = run
        self._interval = _INTERVAL_SECONDS
        self._blocks = 0
        self._broken = False
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
        if self._broken:
            # what was streamed until then stands there; the file has all of it
            self._blobs.put_file(self._row["blob_container"], self._row["blob"], self._folder / "driver.txt")

    def _stream(self) -> None:
        last = False
        while not last:
            last = self._closed.wait(self._interval)
            with self._lock:
                piece, self._pending = bytes(self._pending), bytearray()
            try:
                for start in range(0, len(piece), _BLOCK):
                    self._blobs.append(self._row["blob_container"], self._row["blob"], piece[start : start + _BLOCK])
                    self._blocks += 1
            except (BlobError, OSError):
                _log.warning("the log of run %s could not be added to; it is written anew", self._run, exc_info=True)
                self._broken = True
                return
            # half as often with each quarter: a blob of many hours stays below the service's limit of blocks
            self._interval = _INTERVAL_SECONDS * 2 ** (4 * self._blocks // _MOST_BLOCKS)

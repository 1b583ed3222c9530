"""One local process of a step: started, listened to, ended with all its children."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

Listener = Callable[[str, bytes], None]

_GRACE_SECONDS = 5.0


class StepProcess:
    """A process in a group of its own, whose standard input tells it that the emulator still lives.

    Args:
        command: Program and arguments.
        folder: Working folder.
        environment: All its variables.
        listener: Called with ``stdout`` or ``stderr`` and each piece that the process writes.
    """

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: dict[str, str], listener: Listener
    ) -> None:
        new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
            creationflags=new_group,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(name, listener), daemon=True) for name in ("stdout", "stderr")
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code once it has ended and all it wrote was heard; None after the timeout."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        # children that outlive the step would keep its pipes open
        self._signal(kill=True)
        for reader in self._readers:
            reader.join(_GRACE_SECONDS)
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code

    def end(self) -> None:
        """Ask the process and its children to end; those that do not within the grace period are killed."""
        self._signal(kill=False)
        threading.Thread(target=self._insist, daemon=True).start()

    def _insist(self) -> None:
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(kill=True)

    def _signal(self, *, kill: bool) -> None:
        try:
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL if kill else signal.SIGTERM)
            elif kill:
                self._process.kill()
            else:
                self._process.terminate()
        except (ProcessLookupError, PermissionError):
            return

    def _read(self, name: str, listener: Listener) -> None:
        stream = getattr(self._process, name)
        with stream:
            while piece := stream.read1(65_536):
                listener(name, piece)

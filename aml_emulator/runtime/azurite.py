"""Azurite, the blob storage beside the emulator: one child process that ends when the emulator does."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from aml_emulator.runtime.certificates import Certificates

_LISTENING = re.compile(rb"successfully listens on https://127\.0\.0\.1:(\d+)")
_GUARD = Path(__file__).with_name("azurite_guard.js")
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class AzuriteError(Exception):
    """Azurite is not installed, or does not start; the message says what to do."""


def find_script(start: Path | None = None) -> Path:
    """Return Azurite's blob server: the one that AZURITE_BLOB names, or the nearest of node_modules.

    Args:
        start: Folder that the search begins at, upwards; the working folder when None.

    Raises:
        AzuriteError: There is none.
    """
    named = os.environ.get("AZURITE_BLOB")
    if named:
        return Path(named)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        script = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        if script.exists():
            return script
    raise AzuriteError(
        "Azurite was not found: run 'npm ci' in the project's folder, 'npm install azurite' elsewhere, "
        "or let AZURITE_BLOB name its dist/src/blob/main.js"
    )


class Azurite:
    """A running Azurite.

    Args:
        folder: Where it keeps its content.
        certificates: What it speaks TLS with.
        accounts: The key of each of its accounts, in Base64.
        port: Its port; None takes a free one.
        kept_open: A file descriptor that it holds until it has ended, beside the emulator.
    """

    def __init__(
        self,
        folder: Path,
        certificates: Certificates,
        *,
        accounts: Mapping[str, str],
        port: int | None = None,
        kept_open: int | None = None,
    ) -> None:
        node = shutil.which("node")
        if node is None:
            raise AzuriteError("Azurite needs Node.js: 'node' was not found on the PATH")
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            node,
            # less memory at rest: a small young generation, and code kept compact
            "--max-semi-space-size=1",
            "--optimize-for-size",
            "--expose-gc",
            "--require",
            str(_GUARD),
            str(find_script()),
            "--blobHost=127.0.0.1",
            f"--blobPort={port or 0}",
            f"--location={folder}",
            f"--cert={certificates.certificate}",
            f"--key={certificates.key}",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--silent",
        ]
        self._log = (folder / "azurite.log").open("ab")
        self._said = self._log.tell()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "AZURITE_ACCOUNTS": ";".join(map(":".join, accounts.items()))},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            pass_fds=() if kept_open is None else (kept_open,),
            start_new_session=os.name == "posix",
        )

    def wait_until_ready(self) -> int:
        """Return its port as soon as it takes connections there.

        Raises:
            AzuriteError: It ended, or did not take any in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            said = Path(self._log.name).read_bytes()[self._said :]
            if found := _LISTENING.search(said):
                return int(found[1])
            time.sleep(0.02)
        self.stop()
        raise AzuriteError(f"Azurite does not start; what it said is in {self._log.name}")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def stop(self) -> None:
        """Let it save what it holds and end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

"""The emulator and Azurite together: started, stopped, and the folder they keep everything in."""

from __future__ import annotations

import base64
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from aml_emulator.client_variables import client_variables
from aml_emulator.door.destinations import Destinations
from aml_emulator.runtime.azurite import Azurite
from aml_emulator.runtime.certificates import ensure_certificates
from aml_emulator.runtime.routes import build_router
from aml_emulator.site import Site, SiteSettings
from aml_emulator.store.blobs import ACCOUNT, BlobStore
from aml_emulator.web.app import App
from aml_emulator.web.server import Server


@dataclass(frozen=True)
class StackSettings:
    """What can be chosen about a start.

    Attributes:
        state: Folder of the state; None takes a temporary one, which is removed at the end.
        port: Port of the emulator; 0 takes a free one.
        blob_port: Port of Azurite; None takes a free one.
        site: What can be chosen about the emulator itself.
        public: Folders that stand for the public blob storage of others: for each host, as in
            ``account.blob.core.windows.net``, a folder that holds a folder for each container.
    """

    state: Path | None = None
    port: int = 0
    blob_port: int | None = None
    site: SiteSettings = field(default_factory=SiteSettings)
    public: Mapping[str, Path] = field(default_factory=dict)


_AZURITE_SECONDS = 15.0


class StateInUseError(Exception):
    """Another emulator works on the same state."""


def _lock(path: Path, *, seconds: float) -> IO[Any]:
    """Take a lock file, waiting so many seconds for whoever holds it.

    The lock is the open file itself: it is free as soon as nobody who inherited it lives.

    Raises:
        StateInUseError: Somebody still holds it.
    """
    import fcntl

    file = path.open("w")
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise StateInUseError(f"another emulator works on the state in {path.parent}") from None
            time.sleep(0.05)
        else:
            return file


def _account_key(path: Path) -> str:
    """Return the key of the blob account: made with the state, as signed addresses outlive a restart."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(_new_key(), encoding="ascii")
    return path.read_text(encoding="ascii")


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


class Stack:
    """A running emulator with its Azurite; a context manager that starts and stops them.

    Args:
        settings: What was chosen.
    """

    def __init__(self, settings: StackSettings | None = None) -> None:
        self._settings = settings or StackSettings()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._locks: list[IO[Any]] = []
        self._azurite: Azurite | None = None
        self._server: Server | None = None
        self._bundle = Path()
        self._site: Site | None = None

    def __enter__(self) -> Stack:
        """Start both; they are ready when this returns."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both."""
        self.stop()

    @property
    def site(self) -> Site:
        """The emulator's inside."""
        if self._site is None:
            raise RuntimeError("the emulator is not running")
        return self._site

    @property
    def variables(self) -> dict[str, str]:
        """The variables that lead a client here."""
        return client_variables(self.site.base_url, self.site.door.secret, self._bundle)

    def _start(self) -> None:
        settings = self._settings
        if settings.state is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="aml_emulator_", ignore_cleanup_errors=True)
        folder = Path(self._temporary.name) if self._temporary else (settings.state or Path()).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if os.name == "posix":
            # an Azurite may outlive its killed emulator for a moment, while it saves
            self._locks.append(_lock(folder / "emulator.lock", seconds=0))
            self._locks.append(_lock(folder / "azurite.lock", seconds=_AZURITE_SECONDS))
        certificates = ensure_certificates(folder / "certificates")
        kept_open = self._locks[-1].fileno() if self._locks else None
        keys = {ACCOUNT: _account_key(folder / "azurite.key")}
        keys |= {host.partition(".")[0]: _new_key() for host in settings.public}
        self._azurite = Azurite(
            folder / "azurite",
            certificates,
            accounts=keys,
            port=settings.blob_port,
            kept_open=kept_open,
        )
        self._server = Server(settings.port, certificates.server_context())
        self._bundle = certificates.bundle
        blob_port = self._azurite.wait_until_ready()
        self._site = Site(
            folder,
            blobs=BlobStore(blob_port, certificates.authority, keys[ACCOUNT]),
            destinations=Destinations(blob_port, keys),
            public=self._publish(blob_port, certificates.authority, keys),
            settings=settings.site,
            port=self._server.port,
            bundle=certificates.bundle,
        )
        self._site.open()
        self._server.serve(App(self._site, build_router()))

    def _publish(self, port: int, authority: Path, keys: Mapping[str, str]) -> dict[str, BlobStore]:
        """Put the folders that stand for public storage into Azurite; return the storage of each host."""
        stores = {}
        for host, folder in self._settings.public.items():
            account = host.partition(".")[0]
            stores[host] = BlobStore(port, authority, keys[account], account=account)
            for container in sorted(path for path in folder.iterdir() if path.is_dir()):
                stores[host].create_container(container.name, public=True)
                for file in sorted(path for path in container.rglob("*") if path.is_file()):
                    stores[host].put_file(container.name, file.relative_to(container).as_posix(), file)
        return stores

    def stop(self) -> None:
        """Stop both; may be called again."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        if self._site is not None:
            self._site.close()
            self._site = None
        if self._azurite is not None:
            self._azurite.stop()
            self._azurite = None
        for lock in self._locks:
            lock.close()
        self._locks = []
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

"""Everything that one emulator has, in one place: handlers and executor get at the rest through it."""

import re
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from aml_emulator.client_variables import step_variables
from aml_emulator.door.access import Door
from aml_emulator.door.destinations import Destinations
from aml_emulator.door.faults import Faults
from aml_emulator.door.tokens import Tokens
from aml_emulator.executor.machine import Machine
from aml_emulator.executor.scheduler import Scheduler
from aml_emulator.store.artifacts import CONTAINER as ARTIFACTS
from aml_emulator.store.blobs import BlobStore
from aml_emulator.store.snapshots import CONTAINER as SNAPSHOTS
from aml_emulator.store.store import Store

_IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_SCOPE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.MachineLearningServices/workspaces/[^/]+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SiteSettings:
    """What can be chosen about an emulator.

    Attributes:
        workspaces: Workspaces that there are: subscription, resource group and name of each.
        processes: How many steps run at the same time.
        step_python: The interpreter that steps run in.
        faults: Rules of faults that hold from the start.
        token_seconds: How long a token is good for.
    """

    workspaces: tuple[tuple[str, str, str], ...] = (("subscription", "group", "workspace"),)
    processes: int = 4
    step_python: str = field(default_factory=lambda: sys.executable)
    faults: tuple[str, ...] = ()
    token_seconds: int = 3600


class Unserved:
    """Calls that came and that the emulator has no answer to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def note(self, method: str, path: str) -> str:
        """Count a call; return its name: method and path, workspace and identifiers left out."""
        call = f"{method} {_IDENTIFIER.sub('{id}', _SCOPE.sub('{workspace}', path))}"
        with self._lock:
            self._calls[call] += 1
        return call

    def listed(self) -> dict[str, int]:
        """Return how often each call came."""
        with self._lock:
            return dict(self._calls)


class Site:
    """One emulator: its records, its content, its executor.

    Args:
        folder: The folder of the state.
        blobs: Azurite.
        destinations: Where the proxy leads to.
        settings: What was chosen.
        port: The port that it listens at.
        bundle: The certificate authorities that its clients have to trust.
        public: The storage of others that folders here stand for, by host.
    """

    def __init__(
        self,
        folder: Path,
        *,
        blobs: BlobStore,
        destinations: Destinations,
        settings: SiteSettings,
        port: int,
        bundle: Path,
        public: Mapping[str, BlobStore] | None = None,
    ) -> None:
        self.folder = folder
        self.destinations = destinations
        self.settings = settings
        self.base_url = f"http://127.0.0.1:{port}"
        self.store = Store(folder / "emulator.sqlite3", blobs, public or {})
        self.tokens = Tokens(self.store.setting("token_secret", secrets.token_hex(32)), lifetime=settings.token_seconds)
        self.door = Door(port, self.tokens)
        self.faults = Faults(list(settings.faults))
        self.unserved = Unserved()
        self.machine = Machine(
            folder=folder / "runs",
            python=settings.step_python,
            processes=settings.processes,
            base_url=self.base_url,
            variables=step_variables(self.base_url, self.door.secret, bundle),
            token=self.run_token,
        )
        self.scheduler = Scheduler(self.store, self.machine)
        self._lag = threading.local()

    def open(self) -> None:
        """Make what has to be there, and end what an earlier process left running."""
        for container in (ARTIFACTS, SNAPSHOTS):
            self.store.blobs.create_container(container)
        for names in self.settings.workspaces:
            self.store.workspaces.ensure(*names)
        for workspace in self.store.workspaces.all():
            self.store.blobs.create_container(workspace.blob_container)
        self.scheduler.recover()

    def close(self) -> None:
        """Stop all steps and close the files."""
        self.scheduler.stop()
        self.store.close()

    def run_token(self, run: str) -> tuple[str, int]:
        """Return a token for the processes of a run, and when it expires (seconds since 1970)."""
        expiry = int(time.time()) + self.tokens.lifetime
        return self.tokens.issue(f"run:{run}", audience="https://ml.azure.com"), expiry

    @contextmanager
    def listing_lag(self, seconds: float) -> Iterator[None]:
        """Let listings made inside the block leave out what is younger than that."""
        self._lag.seconds = seconds
        try:
            yield
        finally:
            self._lag.seconds = 0.0

    def visible_until(self) -> str:
        """Return the time up to which a listing sees what was made."""
        seconds = getattr(self._lag, "seconds", 0.0)
        # without a lag, a listing also sees what was made in this very millisecond
        moment = datetime.now(timezone.utc) + timedelta(seconds=-seconds if seconds else 1)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

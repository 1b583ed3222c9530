"""Azurite, Microsoft's emulator of blob storage, for the tests: one process for all of them, on this machine alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from src.common.settings import PROJECT_ROOT

PROGRAM = PROJECT_ROOT / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's key, the same everywhere and printed in its documentation."""
START_SECONDS = 60


@dataclass(frozen=True)
class Container:
    """A container of Azurite, empty at first.

    Attributes:
        url: Its URL, without a secret.
        client: Reads and writes it with the account's key.
    """

    url: str
    client: ContainerClient

    def upload(self, blobs: Mapping[str, bytes]) -> None:
        """Write blobs, over the old ones of these names."""
        for name, content in blobs.items():
            self.client.upload_blob(name, content, overwrite=True)

    def sas(self, *, minutes: int = 60, permission: str = "rl") -> str:
        """A token that may read and list this container."""
        return generate_container_sas(
            ACCOUNT,
            str(self.client.container_name),
            account_key=KEY,
            permission=ContainerSasPermissions.from_string(permission),
            expiry=datetime.now(timezone.utc) + timedelta(minutes=minutes),
        )


@dataclass(frozen=True)
class Azurite:
    """The running emulator."""

    endpoint: str

    @property
    def connection_string(self) -> str:
        """What the page of a storage account would show."""
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"

    def new_container(self) -> Container:
        """Make a container."""
        name = f"test-{uuid4().hex}"
        client = ContainerClient.from_connection_string(self.connection_string, name)
        client.create_container()
        return Container(f"{self.endpoint}/{name}", client)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite on a free port of 127.0.0.1, with its data in memory."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not on this machine")
    if not PROGRAM.is_file():
        pytest.skip("Azurite is not installed: python dev.py test does it, or npm ci")
    folder = tmp_path_factory.mktemp("azurite")
    log = folder / "azurite.log"
    options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    options += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with log.open("wb") as output:
        process = subprocess.Popen([node, str(PROGRAM), *options], cwd=folder, stdout=output, stderr=output)
    try:
        yield Azurite(f"{_address(process, log)}/{ACCOUNT}")
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, as soon as it says so."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text(encoding="utf-8", errors="replace")
        listens = re.search(r"successfully listens on (http://127\.0\.0\.1:\d+)\s", said)
        if listens:
            return listens[1]
        if process.poll() is not None:
            pytest.fail(f"Azurite ended with {process.returncode}: {said}")
        time.sleep(0.05)
    pytest.fail(f"Azurite does not answer: {log.read_text(encoding='utf-8', errors='replace')}")

"""The container that tests of cloning clone, and what they see of a clone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from src.common.paths import original_name
from src.common.sources.blob_storage import StorageCredentials
from src.common.sources.cloning import CloneSummary, clone
from test.support.azurite import KEY, Azurite, Container

Files = dict[str, bytes]
SIGN_IN = StorageCredentials(account_key=KEY)
BLOBS: Files = {
    "location.yml": b"tables: {}\n",
    "plant/batches.csv": b"batch,product\r\nB1,007\r\n",
    "plant/deep/er/results.csv": os.urandom(100_000),
    "office/batches.csv": b"",
}


@pytest.fixture
def container(azurite: Azurite) -> Container:
    container = azurite.new_container()
    container.upload(BLOBS)
    return container


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "inputs"


def fetch(container: Container, target: Path, *, prefix: str = "", connections: int = 3) -> CloneSummary:
    return clone(container.url + prefix, target, credentials=SIGN_IN, connections=connections)


def copies(target: Path) -> Files:
    """What is in a mirror, by the names at the source."""
    return {
        original_name(path.relative_to(target).as_posix()): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def shown(target: Path) -> list[str]:
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.name[0] != ".")

"""Clones of a real container that are killed, that meet a changing blob, or that nobody signs in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from azure.identity import CredentialUnavailableError

from src.common.errors import CloudError
from src.common.settings import PROJECT_ROOT
from src.common.sources import blob_storage
from src.common.sources.blob_storage import BlobSource, StorageCredentials
from src.common.sources.cloning import clone
from test.support.azurite import KEY, Azurite
from test.support.clones import SIGN_IN, copies, fetch
from test.support.requests_sent import requests_sent
from test.support.trees import read_tree

KILLED_CLONE = """
import os, signal, sys
from pathlib import Path
from src.common.sources.blob_storage import BlobSource, StorageCredentials
from src.common.sources.cloning import mirror

url, target, key = sys.argv[1:]

class Killing(BlobSource):
    opened = 0

    def chunks(self, file):
        self.opened += 1
        parts = super().chunks(file)
        yield next(parts)
        if self.opened > 4:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from parts

mirror(Killing(url, StorageCredentials(account_key=key), connections=1), Path(target), connections=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_kill_loses_no_blob_that_was_complete(azurite: Azurite, tmp_path: Path) -> None:
    container = azurite.new_container()
    blobs = {f"{place}/batches.csv": f"batch_id\n{place}\n".encode() for place in "abcdefg"}
    container.upload(blobs)
    command = [sys.executable, "-c", KILLED_CLONE, container.url, str(tmp_path), KEY]
    killed = subprocess.run(command, cwd=PROJECT_ROOT, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert read_tree(tmp_path) == {name: blobs[name] for name in list(blobs)[:4]}
    with requests_sent() as sent:
        assert clone(container.url, tmp_path, credentials=SIGN_IN, connections=2).transferred == 3
    assert sorted(sent.blobs) == list(blobs)[4:]
    assert read_tree(tmp_path) == blobs
    assert not list(tmp_path.rglob(".tmp-*"))


NOTING_CLONE = """
import json, logging, os, signal, sys, time
from pathlib import Path
from src.common.sources import cloning
from src.common.sources.blob_storage import StorageCredentials

url, key, target, after = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
cloning.SAVE_SECONDS = float(sys.argv[5])

class Killer(logging.Handler):
    gets = 0

    def emit(self, record):
        if '"GET' in record.getMessage() and "comp=list" not in record.getMessage():
            Killer.gets += 1
            if Killer.gets > after:
                deadline = time.monotonic() + 30
                while time.monotonic() < deadline and noted() < after and cloning.SAVE_SECONDS == 0:
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGKILL)

def noted():
    text = "".join(path.read_text() for path in target.glob(".clone*"))
    return sum(f"{number}.csv" in text and (target / f"{number}.csv").exists() for number in range(100))

logger = logging.getLogger("urllib3.connectionpool")
logger.setLevel(logging.DEBUG)
logger.addHandler(Killer())
cloning.clone(url, target, credentials=StorageCredentials(account_key=key), connections=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_killed_clone_is_carried_on(azurite: Azurite, target: Path, after: int) -> None:
    container = azurite.new_container()
    blobs = {f"{number}.csv": os.urandom(2000) for number in range(6)}
    container.upload(blobs)
    arguments = [container.url, KEY, str(target), str(after), "0"]
    done = subprocess.run([sys.executable, "-c", NOTING_CLONE, *arguments], cwd=PROJECT_ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    brought = copies(target) if target.exists() else {}
    assert len(brought) == after
    assert all(blobs[name] == content for name, content in brought.items())
    with requests_sent() as sent:
        fetch(container, target)
    assert len(sent.blobs) <= 6 - max(0, after - 1), "the last copy may not be noted yet"
    assert copies(target) == blobs
    assert not list(target.rglob(".tmp-*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("save_seconds", ["0", "3600"])
def test_what_a_killed_clone_brought_is_known_to_be_its_own(azurite: Azurite, target: Path, save_seconds: str) -> None:
    container = azurite.new_container()
    container.upload({f"{number}.csv": b"1" for number in range(4)})
    arguments = [container.url, KEY, str(target), "2", save_seconds]
    subprocess.run([sys.executable, "-c", NOTING_CLONE, *arguments], cwd=PROJECT_ROOT, check=False)
    assert len(copies(target)) == 2
    for number in range(3):
        container.client.delete_blob(f"{number}.csv")
    fetch(container, target)
    assert copies(target) == {"3.csv": b"1"}


def test_a_blob_that_changes_between_two_parts_is_refused(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_storage, "PART_BYTES", 1 << 10)
    container = azurite.new_container()
    container.upload({"a.csv": b"1" * 3000})
    source = BlobSource(container.url, SIGN_IN, connections=1)
    parts = source.chunks(source.list()[0])
    assert next(parts) == b"1" * 1024
    container.upload({"a.csv": b"2" * 3000})
    with pytest.raises(CloudError, match="a blob was changed or deleted"):
        list(parts)


def test_an_identity_that_gives_no_token_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoIdentity:
        """What azure-identity does on a machine that has none, without asking the network."""

        asked = 0

        def get_token_info(self, *scopes: str, options: object = None) -> None:
            NoIdentity.asked += 1
            raise CredentialUnavailableError("DefaultAzureCredential failed to retrieve a token")

        get_token = get_token_info

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", NoIdentity)
    with pytest.raises(CloudError, match="refused the sign-in") as caught:
        clone("https://127.0.0.1:9/account/plants", tmp_path, credentials=StorageCredentials(), connections=1)
    assert NoIdentity.asked == 1
    assert "failed to retrieve a token" in str(caught.value)
    assert "az login" in str(caught.value)

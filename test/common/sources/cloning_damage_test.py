"""Cloning a container: blobs that were damaged or that change meanwhile, and a damaged note."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from azure.storage.blob import ContentSettings

from src.common.sealed_json import seal
from src.common.sources.blob_storage import BlobSource
from src.common.sources.cloning import mirror
from src.common.sources.source import SourceFile
from test.support.azurite import Azurite, Container
from test.support.clones import BLOBS, SIGN_IN, copies, fetch


def test_what_was_damaged_on_its_way_up_is_refused(container: Container, target: Path) -> None:
    wrong = ContentSettings(content_md5=bytearray(b"0123456789abcdef"))
    container.client.get_blob_client("plant/batches.csv").set_http_headers(wrong)
    (error,) = fetch(container, target).failed.values()
    assert "did not arrive as it is at its source" in str(error)
    assert "plant/batches.csv" in str(error)
    assert b"0123456789abcdef".hex() in str(error)
    assert not (target / "plant" / "batches.csv").exists()
    assert not [path for path in target.rglob("*") if path.name.startswith(".tmp-")]
    container.upload({"plant/batches.csv": BLOBS["plant/batches.csv"]})
    fetch(container, target)
    assert copies(target) == BLOBS


def test_a_damaged_new_version_leaves_the_old_copy(container: Container, target: Path) -> None:
    fetch(container, target)
    container.upload({"plant/batches.csv": b"new"})
    wrong = ContentSettings(content_md5=bytearray(16))
    container.client.get_blob_client("plant/batches.csv").set_http_headers(wrong)
    summary = fetch(container, target)
    assert (list(summary.failed), summary.transferred) == (["plant/batches.csv"], 0)
    assert "0 deleted, 1 could not be cloned" in str(summary)
    assert copies(target) == BLOBS
    assert list(fetch(container, target).failed) == ["plant/batches.csv"], "it is fetched again each time"


def test_others_come_where_one_can_not_be_read(azurite: Azurite, target: Path) -> None:
    container = azurite.new_container()
    container.upload(BLOBS)
    container.client.get_blob_client("plant/batches.csv").set_standard_blob_tier("Archive")
    summary = fetch(container, target)
    assert copies(target) == {name: content for name, content in BLOBS.items() if name != "plant/batches.csv"}
    assert {name: error.what for name, error in summary.failed.items()} == {
        "plant/batches.csv": "a blob is in the archive tier, where nobody can read it"
    }


def test_stored_bytes_arrive_as_they_are(azurite: Azurite, target: Path) -> None:
    """A blob that says it is compressed is not unpacked: its size and MD5 are those of what is stored."""
    container = azurite.new_container()
    content = gzip.compress(b"batch,product\n" * 1000)
    settings = ContentSettings(content_encoding="gzip", content_type="text/csv")
    container.client.upload_blob("a.csv", content, content_settings=settings)
    fetch(container, target)
    assert copies(target) == {"a.csv": content}


@pytest.mark.parametrize("change", ["changed", "deleted"])
def test_a_blob_that_changes_after_it_was_listed_is_refused(container: Container, target: Path, change: str) -> None:
    fetch(container, target)
    container.upload({"plant/batches.csv": b"second"})

    class Late(BlobSource):
        """Somebody writes right after the listing."""

        def list(self) -> list[SourceFile]:
            files = super().list()
            if change == "changed":
                container.upload({"plant/batches.csv": b"thirdd"})
            else:
                container.client.delete_blob("plant/batches.csv")
            return files

    summary = mirror(Late(container.url, SIGN_IN, connections=1), target, connections=1)
    assert [error.what for error in summary.failed.values()] == ["a blob was changed or deleted while it was cloned"]
    assert copies(target) == BLOBS, "the old copy stays"


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": 2, "source": "x", "copies": {}}',
        seal({"format": 2, "source": "x", "copies": {"a": 1}}).encode(),
        b"\xff",
    ],
)
def test_a_damaged_note_makes_all_come_again(container: Container, target: Path, note: bytes) -> None:
    fetch(container, target)
    for path in target.glob(".clone*"):
        path.write_bytes(note)
    assert fetch(container, target).transferred == 4
    assert copies(target) == BLOBS


def test_a_note_can_not_delete_anything_outside(container: Container, target: Path) -> None:
    fetch(container, target)
    precious = target.parent / "precious.csv"
    precious.write_bytes(b"mine")
    note = json.loads((target / ".clone.json").read_text(encoding="utf-8"))
    copy = {"version": "x", "size": 4, "changed_ns": 1}
    note["copies"] |= {"../precious.csv": copy, str(precious): copy, "plant/../../precious.csv": copy}
    (target / ".clone.json").write_text(json.dumps(note), encoding="utf-8")
    fetch(container, target)
    assert precious.read_bytes() == b"mine"
    assert copies(target) == BLOBS

"""Cloning a container: names that are no file names, and those that hide another."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from src.common.errors import DataError
from src.common.sources.blob_storage import StorageCredentials
from src.common.sources.cloning import clone
from test.support.azurite import Azurite, Container
from test.support.clones import SIGN_IN, copies, fetch


def put_raw(container: Container, name: str, content: bytes) -> None:
    """Write a blob whose name Python's HTTP libraries would shorten."""
    url = urlsplit(container.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port)
    try:
        path = f"{url.path}/{name}?{container.sas(permission='w')}"
        connection.request("PUT", path, body=content, headers={"x-ms-blob-type": "BlockBlob"})
        assert connection.getresponse().status == 201
    finally:
        connection.close()


def test_names_of_every_kind_are_safe_and_distinct(azurite: Azurite, target: Path) -> None:
    names = [
        "CON.csv",
        "ü/x y.csv",
        "a//b",
        "a/b",
        "x.",
        "x",
        "y...",
        "%41.csv",
        "A.csv",
        "#q?.csv",
        "a:b",
        "~",
        "/lead",
    ]
    names += [
        ".clone.json",
        ".tmp-1",
        ".gitignore",
        "plant/.tmp-2/a.csv",
        "plant/manifest.json",
        "tail ",
        "q+r&s=t.csv",
    ]
    blobs = {name: name.encode() for name in names}
    container = azurite.new_container()
    container.upload(blobs)
    assert fetch(container, target).transferred == len(names)
    assert copies(target) == blobs
    assert fetch(container, target).transferred == 0
    assert copies(target) == blobs


@pytest.mark.parametrize("name", ["a/%2E%2E/b.csv", "%2E%2E/%2E%2E/b.csv", "a/%2E/b.csv", "%2E%2E%2Fb.csv"])
@pytest.mark.parametrize("sas", [True, False])
def test_a_name_that_no_url_can_hold_is_refused(azurite: Azurite, target: Path, name: str, sas: bool) -> None:
    """HTTP libraries take such parts out of a URL: another blob, or none, would come."""
    container = azurite.new_container()
    container.upload({"b.csv": b"innocent"})
    put_raw(container, name, b"hostile!")
    credentials = StorageCredentials(sas_token=container.sas()) if sas else SIGN_IN
    with pytest.raises(DataError, match=r"b\.csv(.|\n)*rename"):
        clone(container.url, target, credentials=credentials, connections=1)
    assert not target.exists()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["plant/A.csv", "plant/a.csv"], ["'plant/A.csv'", "'plant/a.csv'"]),
        (["Plant/a.csv", "plant/b.csv"], ["'Plant", "'plant"]),
        (["plant", "plant/a.csv"], ["a file and a folder", "plant"]),
    ],
)
def test_names_that_some_systems_can_not_hold_together_are_refused(
    azurite: Azurite, target: Path, names: list[str], said: list[str]
) -> None:
    container = azurite.new_container()
    container.upload(dict.fromkeys(names, b"x"))
    with pytest.raises(DataError) as caught:
        fetch(container, target)
    assert [text for text in said if text not in str(caught.value)] == []
    assert not target.exists()


def test_markers_of_folders_are_skipped(azurite: Azurite, target: Path) -> None:
    container = azurite.new_container()
    container.upload({"plant/a.csv": b"1", "slash/": b""})
    container.client.upload_blob("plant", b"", metadata={"hdi_isfolder": "true"})
    container.client.upload_blob("capital", b"", metadata={"Hdi_isfolder": "True"})
    fetch(container, target)
    assert copies(target) == {"plant/a.csv": b"1"}

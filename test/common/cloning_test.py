from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import ContentSettings

from src.common.blob_storage import BlobSource, StorageCredentials
from src.common.cloning import CloneSummary, clone, mirror
from src.common.errors import BatchAIError, CloudError, DataError, SettingsError
from src.common.paths import original_name
from src.common.settings import PROJECT_ROOT
from src.common.source_files import SourceFile
from test.support.azurite import ACCOUNT, KEY, Azurite, Container
from test.support.requests_sent import requests_sent

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


def test_the_whole_tree_is_cloned(container: Container, target: Path) -> None:
    summary = fetch(container, target)
    assert copies(target) == BLOBS
    size = sum(map(len, BLOBS.values()))
    assert (summary.files, summary.transferred, summary.transferred_bytes, summary.deleted) == (4, 4, size, 0)
    assert str(summary).startswith("cloned 4 files (0.1 MB), 0 unchanged, 0 deleted, in ")


def test_an_unchanged_container_transfers_nothing(container: Container, target: Path) -> None:
    with requests_sent() as first:
        fetch(container, target)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    with requests_sent() as second:
        summary = fetch(container, target)
    assert (first.lists, set(first.blobs), first.others) == (1, set(BLOBS), [])
    assert (second.lists, second.blobs, second.others) == (1, [], [])
    assert (summary.transferred, summary.transferred_bytes) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == before


def test_one_changed_blob_is_transferred(container: Container, target: Path) -> None:
    fetch(container, target)
    container.upload({"plant/batches.csv": b"batch,product\r\nB1,008\r\n"})
    with requests_sent() as sent:
        assert fetch(container, target).transferred == 1
    assert sent.blobs == ["plant/batches.csv"]
    assert copies(target) == {**BLOBS, "plant/batches.csv": b"batch,product\r\nB1,008\r\n"}


def test_a_deleted_blob_goes_with_its_empty_folders(container: Container, target: Path) -> None:
    fetch(container, target)
    container.client.delete_blob("plant/deep/er/results.csv")
    container.client.delete_blob("office/batches.csv")
    assert fetch(container, target).deleted == 2
    assert shown(target) == ["location.yml", "plant", "plant/batches.csv"]
    assert fetch(container, target).deleted == 0


def test_a_copy_that_was_changed_or_deleted_is_fetched_again(container: Container, target: Path) -> None:
    fetch(container, target)
    (target / "location.yml").write_bytes(b"tables: []\n")
    (target / "plant" / "batches.csv").unlink()
    with requests_sent() as sent:
        assert fetch(container, target).transferred == 2
    assert sorted(sent.blobs) == ["location.yml", "plant/batches.csv"]
    assert copies(target) == BLOBS


def test_a_prefix_is_a_folder(container: Container, target: Path) -> None:
    container.upload({"exports/plants/a.csv": b"1", "exports/plants2/a.csv": b"2", "exports/plants.csv": b"3"})
    for prefix in ("/exports/plants", "/exports/plants/"):
        fetch(container, target, prefix=prefix)
        assert copies(target) == {"a.csv": b"1"}


@pytest.mark.parametrize("connections", [1, 4])
def test_files_are_fetched_at_the_same_time(azurite: Azurite, target: Path, connections: int) -> None:
    container = azurite.new_container()
    blobs = {f"{i}.csv": bytes([i]) * 1000 for i in range(connections * 2)}
    container.upload(blobs)
    together = Barrier(connections, timeout=30)

    class Together(BlobSource):
        """Reads a blob only when as many are read as there are connections."""

        def chunks(self, file: SourceFile) -> Iterator[bytes]:
            together.wait()
            yield from super().chunks(file)

    mirror(Together(container.url, SIGN_IN, connections=connections), target, connections=connections)
    assert copies(target) == blobs


@pytest.mark.parametrize("way", ["connection string", "key", "SAS", "SAS with ?", "SAS in the URL", "string with SAS"])
def test_every_way_to_sign_in(container: Container, azurite: Azurite, target: Path, way: str) -> None:
    sas = container.sas()
    credentials = {
        "connection string": StorageCredentials(connection_string=azurite.connection_string),
        "key": StorageCredentials(account_key=KEY),
        "SAS": StorageCredentials(sas_token=sas),
        "SAS with ?": StorageCredentials(sas_token=f"?{sas}"),
        "SAS in the URL": StorageCredentials(account_key="wrong, and not used"),
        "string with SAS": StorageCredentials(
            connection_string=f"BlobEndpoint={azurite.endpoint};SharedAccessSignature={sas}"
        ),
    }[way]
    url = f"{container.url}?{sas}" if way == "SAS in the URL" else container.url
    assert clone(url, target, credentials=credentials, connections=2).transferred == 4
    assert copies(target) == BLOBS


def test_another_token_for_the_same_container_transfers_nothing(container: Container, target: Path) -> None:
    for minutes, transferred in ((60, 4), (90, 0)):
        url = f"{container.url}?{container.sas(minutes=minutes)}"
        assert clone(url, target, credentials=StorageCredentials(), connections=2).transferred == transferred


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


def test_what_was_damaged_on_its_way_up_is_refused(container: Container, target: Path) -> None:
    wrong = ContentSettings(content_md5=bytearray(b"0123456789abcdef"))
    container.client.get_blob_client("plant/batches.csv").set_http_headers(wrong)
    with pytest.raises(CloudError, match="did not arrive as it is at its source") as caught:
        fetch(container, target)
    assert "plant/batches.csv" in str(caught.value)
    assert b"0123456789abcdef".hex() in str(caught.value)
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
    with pytest.raises(CloudError):
        fetch(container, target)
    assert copies(target) == BLOBS


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

    with pytest.raises(CloudError, match=r"a blob was changed or deleted while it was cloned"):
        mirror(Late(container.url, SIGN_IN, connections=1), target, connections=1)
    assert copies(target) == BLOBS, "the old copy stays"


def test_an_empty_container_is_refused_and_deletes_nothing(
    azurite: Azurite, container: Container, target: Path
) -> None:
    fetch(container, target)
    for empty in (azurite.new_container().url, f"{container.url}/nowhere"):
        with pytest.raises(DataError, match=r"the input holds no files(.|\n)*BATCHAI_INPUT_URL"):
            clone(empty, target, credentials=SIGN_IN, connections=2)
    assert copies(target) == BLOBS


def test_another_source_takes_the_place_of_the_first(
    azurite: Azurite, container: Container, target: Path, tmp_path: Path
) -> None:
    fetch(container, target)
    other = azurite.new_container()
    other.upload({"location.yml": b"tables: []\n", "new.csv": b"1"})
    summary = fetch(other, target)
    assert (summary.transferred, summary.deleted) == (2, 3)
    assert copies(target) == {"location.yml": b"tables: []\n", "new.csv": b"1"}
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"folder")
    clone(str(folder), target, credentials=StorageCredentials(), connections=2)
    assert copies(target) == {"a.csv": b"folder"}


@pytest.mark.parametrize("name", ["mine.csv", "plant/mine.csv", "location.yml"])
def test_files_that_no_clone_brought_are_refused_and_stay(container: Container, target: Path, name: str) -> None:
    (target / name).parent.mkdir(parents=True)
    (target / name).write_bytes(b"mine")
    (target / ".gitignore").write_bytes(b"*\n")
    with pytest.raises(DataError, match=f"files that no clone brought(.|\n)*{name}"):
        fetch(container, target)
    assert copies(target) == {name: b"mine"}
    (target / name).unlink()
    fetch(container, target)
    assert copies(target) == BLOBS
    assert (target / ".gitignore").read_bytes() == b"*\n"


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"format": 1, "source": "x", "copies": {"a": 1}}', b"\xff"])
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


def test_a_folder_that_is_gone_here_and_there(container: Container, target: Path) -> None:
    fetch(container, target)
    shutil.rmtree(target / "plant")
    container.client.delete_blob("plant/deep/er/results.csv")
    container.client.delete_blob("plant/batches.csv")
    fetch(container, target)
    assert shown(target) == ["location.yml", "office", "office/batches.csv"]


KILLED = """
import json, logging, os, signal, sys, time
from pathlib import Path
from src.common import cloning
from src.common.blob_storage import StorageCredentials

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


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_killed_clone_is_carried_on(azurite: Azurite, target: Path, after: int) -> None:
    container = azurite.new_container()
    blobs = {f"{number}.csv": os.urandom(2000) for number in range(6)}
    container.upload(blobs)
    arguments = [container.url, KEY, str(target), str(after), "0"]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=PROJECT_ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    brought = copies(target) if target.exists() else {}
    assert len(brought) == after
    assert all(blobs[name] == content for name, content in brought.items())
    with requests_sent() as sent:
        fetch(container, target)
    assert len(sent.blobs) <= 6 - max(0, after - 1), "the last copy may not be noted yet"
    assert copies(target) == blobs
    assert not list(target.rglob(".tmp-*"))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("save_seconds", ["0", "3600"])
def test_what_a_killed_clone_brought_is_known_to_be_its_own(azurite: Azurite, target: Path, save_seconds: str) -> None:
    container = azurite.new_container()
    container.upload({f"{number}.csv": b"1" for number in range(4)})
    arguments = [container.url, KEY, str(target), "2", save_seconds]
    subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=PROJECT_ROOT, check=False)
    assert len(copies(target)) == 2
    for number in range(3):
        container.client.delete_blob(f"{number}.csv")
    fetch(container, target)
    assert copies(target) == {"3.csv": b"1"}


def errors_of(url: str, target: Path, credentials: StorageCredentials) -> BatchAIError:
    with pytest.raises(BatchAIError) as caught:
        clone(url, target, credentials=credentials, connections=2)
    assert not target.exists()
    return caught.value


def test_a_wrong_key_is_refused(container: Container, target: Path) -> None:
    error = errors_of(container.url, target, StorageCredentials(account_key="AAAA" + KEY[4:]))
    assert isinstance(error, CloudError)
    assert "refused the sign-in" in str(error)
    assert container.url in str(error)


def test_a_key_that_is_none_is_refused_and_not_shown(container: Container, target: Path) -> None:
    error = errors_of(container.url, target, StorageCredentials(account_key="no/base64/key"))
    assert "sign-in" in str(error)
    assert "no/base64/key" not in str(error)


def test_an_expired_token_is_refused(container: Container, target: Path) -> None:
    error = errors_of(container.url, target, StorageCredentials(sas_token=container.sas(minutes=-5)))
    assert "refused the sign-in" in str(error)


def test_a_missing_container_is_named(azurite: Azurite, target: Path) -> None:
    error = errors_of(f"{azurite.endpoint}/nowhere", target, SIGN_IN)
    assert isinstance(error, CloudError)
    assert "the container does not exist" in str(error)
    assert "BATCHAI_INPUT_URL" in str(error)


def test_a_port_that_nobody_answers_at_is_given_up_soon(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.pipeline.transport import RequestsTransport

    waits: list[float] = []
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _self, seconds: waits.append(seconds))
    error = errors_of(f"http://127.0.0.1:9/{ACCOUNT}/container", target, SIGN_IN)
    assert isinstance(error, CloudError)
    assert "can't be reached" in str(error)
    assert 1 <= len(waits) <= 3
    assert sum(waits) < 10


def test_a_foreign_host_is_not_asked_without_encryption(target: Path) -> None:
    url = "http://account.blob.core.windows.net/container?sig=abc"
    with requests_sent() as sent:
        error = errors_of(url, target, SIGN_IN)
    assert isinstance(error, SettingsError)
    assert "not encrypted" in str(error)
    assert "abc" not in str(error)
    assert (sent.lists, sent.blobs, sent.others) == (0, [], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("DefaultEndpointsProtocol=https;AccountName=devstoreaccount1", "neither AccountKey nor SharedAccessSignature"),
        ("UseDevelopmentStorage=true", "neither AccountKey nor SharedAccessSignature"),
        ("nonsense", "neither AccountKey nor SharedAccessSignature"),
        (
            f"AccountName=other;AccountKey={KEY}",
            "for the account 'other', and BATCHAI_INPUT_URL names 'devstoreaccount1'",
        ),
    ],
)
def test_a_connection_string_that_does_not_fit_is_refused(
    container: Container, target: Path, text: str, said: str
) -> None:
    with requests_sent() as sent:
        error = errors_of(container.url, target, StorageCredentials(connection_string=text))
    assert isinstance(error, SettingsError)
    assert said in str(error)
    assert KEY not in str(error)
    assert sent.lists == 0


@pytest.mark.parametrize("source", ["ftp://host/data", "abfss://container@account/x?sig=abc", "file:///data"])
def test_another_kind_of_source_is_refused(source: str, target: Path) -> None:
    error = errors_of(source, target, SIGN_IN)
    assert isinstance(error, SettingsError)
    assert "BATCHAI_INPUT_URL can't be used" in str(error)
    assert "abc" not in str(error)


def test_a_folder_is_cloned_in_the_same_way(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "exports"
    for name, content in BLOBS.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    (source / ".hidden").touch()
    summaries = [clone(str(source), target, credentials=StorageCredentials(), connections=4) for _ in range(2)]
    assert [summary.transferred for summary in summaries] == [4, 0]
    assert copies(target) == BLOBS
    (source / "location.yml").unlink()
    (source / "plant" / "batches.csv").write_bytes(b"longer than before, and newer")
    summary = clone(str(source), target, credentials=StorageCredentials(), connections=4)
    assert (summary.transferred, summary.deleted) == (1, 1)
    assert (target / "plant" / "batches.csv").read_bytes() == b"longer than before, and newer"


@pytest.mark.parametrize(("source", "below"), [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_a_source_and_a_target_in_one_another_are_refused(tmp_path: Path, source: str, below: str) -> None:
    (tmp_path / source).mkdir(parents=True)
    (tmp_path / source / "x.csv").touch()
    with pytest.raises(SettingsError, match="lie in one another"):
        clone(str(tmp_path / source), tmp_path / below, credentials=StorageCredentials(), connections=1)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own")
def test_a_target_that_is_a_link_into_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "source" / "below")
    with pytest.raises(SettingsError, match="lie in one another"):
        clone(str(tmp_path / "source"), tmp_path / "link", credentials=StorageCredentials(), connections=1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes names that are no text")
def test_a_file_whose_name_is_no_text_is_refused(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / os.fsdecode(b"\xfc.csv")).touch()
    with pytest.raises(DataError, match="no Unicode"):
        clone(str(source), target, credentials=StorageCredentials(), connections=1)


def test_the_note_names_the_source_without_a_secret(container: Container, target: Path) -> None:
    clone(f"{container.url}?{container.sas()}", target, credentials=StorageCredentials(), connections=2)
    note = (target / ".clone.json").read_text(encoding="utf-8")
    assert json.loads(note)["source"] == container.url
    assert "sig=" not in note

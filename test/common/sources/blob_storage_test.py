from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.common.console import report_error
from src.common.errors import CloudError, SettingsError
from src.common.settings import PROJECT_ROOT
from src.common.sources.blob_storage import BlobSource, StorageCredentials
from src.common.sources.cloning import clone
from src.common.sources.container_url import ContainerAddress, is_blob_url, parse_container_url
from src.common.sources.source import SourceFile
from test.support.azurite import ACCOUNT, KEY, Azurite, Container
from test.support.settings import load_settings

SAS = "sv=2024-11-04&sp=rl&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D"
SECRETS = ("c2VjcmV0LXNpZ25hdHVyZQ", "secret-signature")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "https://plants.blob.core.windows.net/exports",
            ContainerAddress("https://plants.blob.core.windows.net", "plants", "exports", ""),
        ),
        (
            "HTTPS://plants.blob.core.windows.net/exports/a//b%20c/",
            ContainerAddress("https://plants.blob.core.windows.net", "plants", "exports", "a/b c"),
        ),
        (
            f"https://plants.blob.core.windows.net/exports?{SAS}",
            ContainerAddress("https://plants.blob.core.windows.net", "plants", "exports", "", SAS),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/exports/x",
            ContainerAddress("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1", "exports", "x"),
        ),
        (
            "http://localhost:10000/devstoreaccount1/exports",
            ContainerAddress("http://localhost:10000/devstoreaccount1", "devstoreaccount1", "exports", ""),
        ),
        (
            "http://[::1]:10000/devstoreaccount1/exports",
            ContainerAddress("http://[::1]:10000/devstoreaccount1", "devstoreaccount1", "exports", ""),
        ),
        (
            "https://10.0.0.4/plants/exports",
            ContainerAddress("https://10.0.0.4/plants", "plants", "exports", ""),
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, address: ContainerAddress) -> None:
    assert parse_container_url(url) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"http://plants.blob.core.windows.net/exports?{SAS}", "not encrypted"),
        (f"http://127.0.0.1.evil.example/account/exports?{SAS}", "not encrypted"),
        (f"http://127.0.0.1@evil.example/account/exports?{SAS}", "not encrypted"),
        (f"https://plants.blob.core.windows.net?{SAS}", "names no container"),
        (f"https://plants.blob.core.windows.net/?{SAS}", "names no container"),
        (f"http://127.0.0.1:10000/devstoreaccount1?{SAS}", "names no container"),
        (f"https:///exports?{SAS}", "no host"),
        (f"https://plants:secret-signature@plants.blob.core.windows.net/exports?{SAS}", "can't be used"),
        (f"https://:secret-signature@plants.blob.core.windows.net/exports?{SAS}", "can't be used"),
        (f"https://plants.blob.core.windows.net:port/exports?{SAS}", "can't be used"),
        (f"https://plants.blob.core.windows.net:99999/exports?{SAS}", "can't be used"),
        (f"https://[::1/exports?{SAS}", "can't be used"),
    ],
)
def test_a_url_that_is_none_of_a_container_is_refused_without_its_secrets(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match="INPUT_URL can't be used") as caught:
        parse_container_url(url)
    assert said in str(caught.value)
    assert [secret for secret in SECRETS if secret in str(caught.value)] == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [("https://a/b", True), ("HTTP://a/b", True), ("sample_data", False), ("C:\\data", False), ("ftp://a/b", False)],
)
def test_urls_are_told_from_folders(text: str, answer: bool) -> None:
    assert is_blob_url(text) is answer


def test_no_repr_shows_a_secret() -> None:
    credentials = StorageCredentials(f"AccountKey={KEY}", KEY, SAS)
    address = parse_container_url(f"https://plants.blob.core.windows.net/exports?{SAS}")
    source = BlobSource(f"https://plants.blob.core.windows.net/exports?{SAS}", credentials, connections=1)
    texts = [
        repr(credentials),
        str(credentials),
        repr(address),
        str(address),
        repr(source),
        source.identity,
        address.url,
    ]
    for text in texts:
        assert KEY not in text
        assert "sig=" not in text
    assert address.sas == SAS


def test_credentials_come_from_the_settings() -> None:
    environment = {"AZURE_STORAGE_CONNECTION_STRING": "a", "AZURE_STORAGE_KEY": "b", "AZURE_STORAGE_SAS_TOKEN": "c"}
    settings = load_settings(PROJECT_ROOT, environment=environment)
    assert StorageCredentials.from_settings(settings) == StorageCredentials("a", "b", "c")


@pytest.fixture
def all_logs() -> Iterator[io.StringIO]:
    """Everything that any logger says, down to DEBUG, as a handler of the root would write it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    levels = [logger.level for logger in named]
    for logger in named:
        logger.setLevel(logging.NOTSET)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)
    for logger, before in zip(named, levels, strict=True):
        logger.setLevel(before)


@pytest.mark.parametrize("in_url", [True, False])
def test_no_log_of_a_clone_holds_a_signature(
    azurite: Azurite, tmp_path: Path, all_logs: io.StringIO, in_url: bool
) -> None:
    container = azurite.new_container()
    container.upload({"a.csv": b"1", "plant/b.csv": b"2"})
    sas = container.sas()
    signature = sas.split("sig=")[1].split("&")[0]
    all_logs.truncate(0)
    url, token = (f"{container.url}?{sas}", "") if in_url else (container.url, sas)
    for _ in range(2):
        clone(url, tmp_path / "target", credentials=StorageCredentials(sas_token=token), connections=2)
    said = all_logs.getvalue()
    assert "urllib3.connectionpool" in said
    assert "sig=***" in said
    assert signature not in said
    assert KEY not in said


def _change_after_listing(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = BlobSource.list

    def listed_and_changed(self: BlobSource) -> list[SourceFile]:
        files = listed(self)
        container.upload({"a.csv": b"2"})
        return files

    monkeypatch.setattr(BlobSource, "list", listed_and_changed)


@pytest.mark.parametrize("trouble", ["expired", "no such container", "no such port", "damaged", "changed"])
def test_no_error_log_or_traceback_holds_a_signature(
    azurite: Azurite,
    tmp_path: Path,
    all_logs: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContentSettings

    monkeypatch.setattr(RequestsTransport, "sleep", lambda _self, _seconds: None)
    container = azurite.new_container()
    container.upload({"a.csv": b"1"})
    sas = container.sas(minutes=-1 if trouble == "expired" else 60)
    signature = sas.split("sig=")[1].split("&")[0]
    url = container.url
    if trouble == "no such container":
        url += "0"
    elif trouble == "no such port":
        url = f"http://127.0.0.1:9/{ACCOUNT}/container"
    elif trouble == "damaged":
        container.client.get_blob_client("a.csv").set_http_headers(ContentSettings(content_md5=bytearray(16)))
    elif trouble == "changed":
        _change_after_listing(container, monkeypatch)
    all_logs.truncate(0)
    with pytest.raises(CloudError) as caught:
        clone(f"{url}?{sas}", tmp_path / "target", credentials=StorageCredentials(), connections=2)
    monkeypatch.setattr("sys.argv", ["script", "--verbose"])
    assert report_error(caught.value) == 4
    texts = [str(caught.value), repr(caught.value), all_logs.getvalue(), capsys.readouterr().err]
    texts.append("".join(traceback.format_exception(caught.value)))
    for text in texts:
        assert signature not in text
    assert "Traceback" in texts[-1]


def test_all_blobs_of_a_long_listing_come(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.storage.blob import ContainerClient

    container = azurite.new_container()
    container.upload({f"{number:02d}.csv": b"" for number in range(7)})
    listed = ContainerClient.list_blobs
    monkeypatch.setattr(
        ContainerClient, "list_blobs", lambda self, **options: listed(self, **options, results_per_page=3)
    )
    source = BlobSource(container.url, StorageCredentials(account_key=KEY), connections=1)
    assert [file.name for file in source.list()] == [f"{number:02d}.csv" for number in range(7)]


def test_a_listing_has_size_version_and_md5(azurite: Azurite) -> None:
    container = azurite.new_container()
    container.upload({"x/a.csv": b"1"})
    source = BlobSource(f"{container.url}/x", StorageCredentials(account_key=KEY), connections=1)
    (file,) = source.list()
    assert (file.name, file.size) == ("a.csv", 1)
    assert file.md5.hex() == "c4ca4238a0b923820dcc509a6f75849b"
    assert b"".join(source.chunks(file)) == b"1"
    container.upload({"x/a.csv": b"1"})
    (again,) = source.list()
    assert again.version != file.version
    assert source.identity == f"{container.url}/x"


def test_a_large_blob_comes_in_parts(azurite: Azurite) -> None:
    container = azurite.new_container()
    content = bytes(range(256)) * (40 << 12)
    container.upload({"a.bin": content})
    source = BlobSource(container.url, StorageCredentials(account_key=KEY), connections=1)
    chunks = list(source.chunks(source.list()[0]))
    assert len(chunks) > 1
    assert b"".join(chunks) == content


def test_without_any_credential_the_machine_s_identity_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from azure import identity

    made: list[identity.DefaultAzureCredential] = []
    real = identity.DefaultAzureCredential

    def credential() -> identity.DefaultAzureCredential:
        made.append(real())
        return made[-1]

    monkeypatch.setattr(identity, "DefaultAzureCredential", credential)
    BlobSource("https://plants.blob.core.windows.net/exports", StorageCredentials(), connections=1)
    assert len(made) == 1


def test_an_identity_is_not_sent_without_encryption() -> None:
    with pytest.raises(SettingsError, match=r"there (is|are) no credential"):
        BlobSource(f"http://127.0.0.1:9/{ACCOUNT}/container", StorageCredentials(), connections=1).list()

"""Cloning a container: every way to sign in, and what is said when one does not work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from src.common.errors import BatchAIError, CloudError, SettingsError
from src.common.sources.blob_storage import StorageCredentials
from src.common.sources.cloning import clone
from test.support.azurite import ACCOUNT, KEY, Azurite, Container
from test.support.clones import BLOBS, SIGN_IN, copies
from test.support.requests_sent import requests_sent


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


def test_the_note_names_the_source_without_a_secret(container: Container, target: Path) -> None:
    clone(f"{container.url}?{container.sas()}", target, credentials=StorageCredentials(), connections=2)
    note = (target / ".clone.json").read_text(encoding="utf-8")
    assert json.loads(note)["source"] == container.url
    assert "sig=" not in note


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
    assert "INPUT_URL" in str(error)


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
            "for the account 'other', and INPUT_URL names 'devstoreaccount1'",
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

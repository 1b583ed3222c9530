from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common.errors import SettingsError
from src.common.sources.container_url import ContainerAddress, is_blob_url, parse_container_url, without_secrets
from test.faults.promises import NO_LEAK

AZURE = "https://plants.blob.core.windows.net"
AZURITE = "http://127.0.0.1:10000/devstoreaccount1"


@pytest.mark.parametrize(
    ("url", "endpoint", "account", "container", "prefix"),
    [
        (f"{AZURE}/raw", AZURE, "plants", "raw", ""),
        (f"{AZURE}/raw/", AZURE, "plants", "raw", ""),
        (f"{AZURE}/raw/batch%20ai/2024/", AZURE, "plants", "raw", "batch ai/2024"),
        (f"{AZURE}:443/raw/x", f"{AZURE}:443", "plants", "raw", "x"),
        (f"{AZURITE}/raw", AZURITE, "devstoreaccount1", "raw", ""),
        (f"{AZURITE}/raw/a/b", AZURITE, "devstoreaccount1", "raw", "a/b"),
        ("http://localhost:1/acc/raw", "http://localhost:1/acc", "acc", "raw", ""),
        ("https://10.0.0.5/acc/raw/x", "https://10.0.0.5/acc", "acc", "raw", "x"),
    ],
)
def test_takes_a_url_apart(url: str, endpoint: str, account: str, container: str, prefix: str) -> None:
    for query in ("", "?sv=1&sig=classified"):
        address = parse_container_url(url + query)
        assert address == ContainerAddress(endpoint, account, container, prefix, query[1:])
        assert "classified" not in repr(address) + address.url + address.start
        assert is_blob_url(url)


@pytest.mark.fault(NO_LEAK)
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (AZURE, "it names no container"),
        (f"{AZURE}/?sig=classified", "it names no container"),
        (AZURITE, "it names no container"),
        ("http://plants.blob.core.windows.net/raw?sig=classified", "not encrypted"),
        ("https:///raw", "no host"),
        ("https://classified@host.net/raw", "a name or password"),
        ("https://name:classified@host.net/raw", "a name or password"),
        ("https://host:port/raw?sig=classified", "can't be read"),
        ("https://host:99999/raw?sig=classified", "can't be read"),
        ("https://[::1/raw?sig=classified", "can't be read"),
        ("ftp://host/raw", "no host"),
    ],
)
def test_says_what_is_wrong_without_the_secret(url: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=f"INPUT_URL can't be used: .*{problem}") as caught:
        parse_container_url(url)
    assert "classified" not in str(caught.value)


@given(st.text(alphabet=st.sampled_from("htps:/?#@[]%.1ab classified"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        address = parse_container_url(f"https://{text}")
    except SettingsError:
        return
    assert address.container
    assert address.account


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_comes_after_the_path_is_never_shown(path: str, secret: str) -> None:
    shown = without_secrets(f"https://name:{'s3cret'}@host/{path}?{secret}")
    assert "s3cret" not in shown
    assert shown == without_secrets(f"https://host/{path}")


@pytest.mark.parametrize("text", ["sample_data/batchai", "C:\\data", "", "ftp://host/x", "httpsfolder"])
def test_a_folder_is_no_url(text: str) -> None:
    assert not is_blob_url(text)

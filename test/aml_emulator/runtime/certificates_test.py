"""Certificates of a state folder, and the variables that lead clients to them."""

import json
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aml_emulator.client_variables import SHELLS, client_variables, format_variables
from aml_emulator.runtime.azurite import AzuriteError, find_script
from aml_emulator.runtime.certificates import create_certificates, ensure_certificates


def test_certificates_are_made_once(tmp_path: Path) -> None:
    first = ensure_certificates(tmp_path)
    content = first.certificate.read_bytes()
    assert ensure_certificates(tmp_path).certificate.read_bytes() == content
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600


def test_a_client_trusts_the_server_for_azures_names_only(tmp_path: Path) -> None:
    create_certificates(tmp_path)
    found = ensure_certificates(tmp_path)
    server, client = ssl.MemoryBIO(), ssl.MemoryBIO()

    def handshake(name: str) -> None:
        ours = found.server_context().wrap_bio(client, server, server_side=True)
        context = ssl.create_default_context(cafile=str(found.authority))
        theirs = context.wrap_bio(server, client, server_hostname=name)
        for _ in range(4):
            for side in (theirs, ours):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        assert theirs.getpeercert()

    handshake("devstoreaccount1.blob.core.windows.net")
    server, client = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLCertVerificationError, match="example"):
        handshake("example.org")


def test_the_bundle_keeps_the_systems_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roots = tmp_path / "roots.pem"
    (tmp_path / "other").mkdir()
    create_certificates(tmp_path / "other")
    roots.write_bytes((tmp_path / "other" / "ca.pem").read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(roots))
    found = ensure_certificates(tmp_path / "own")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(found.bundle)
    assert len(context.get_ca_certs()) == 2
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert found.authority.read_bytes() in ensure_certificates(tmp_path / "own").bundle.read_bytes()


@pytest.mark.parametrize("shell", SHELLS)
def test_variables_are_printed_for_every_shell(shell: str) -> None:
    variables = client_variables("http://127.0.0.1:1", "secret", Path("/a folder/it's.pem"))
    text = format_variables(variables, shell)
    if shell == "json":
        assert json.loads(text) == variables
    elif shell == "powershell":
        assert "$env:SSL_CERT_FILE = '/a folder/it''s.pem'" in text
    else:
        script = f"{text}\nexec {sys.executable} -c 'import os; print(os.environ[\"SSL_CERT_FILE\"])'"
        answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert answer.stdout == "/a folder/it's.pem\n"


def test_a_missing_azurite_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURITE_BLOB", raising=False)
    monkeypatch.setattr("aml_emulator.runtime.azurite.__file__", str(tmp_path / "azurite.py"))
    with pytest.raises(AzuriteError, match="run 'npm ci'"):
        find_script(tmp_path)
    monkeypatch.setenv("AZURITE_BLOB", "/somewhere/main.js")
    assert find_script(tmp_path) == Path("/somewhere/main.js")

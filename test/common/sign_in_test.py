"""Signing in without a secret, as a task of Azure DevOps does that ran ``az login`` by workload identity federation.

A program called ``az`` stands in for the Azure CLI: it is asked as azure-identity asks the real one, and answers in its
form (https://learn.microsoft.com/cli/azure/account#az-account-get-access-token) with a token of the emulator.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aml_emulator.runtime.stack import Stack
from src.common import azureml_adapter
from src.common.errors import CloudError, SettingsError
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.aml_emulator.support import CLIENT, SDK_WARNINGS, SECRET, TENANT, quiet_timers
from test.ml_service.conftest import PROD, emulator, home
from test.support.settings import load_settings

__all__ = ["emulator", "home"]

pytestmark = [pytest.mark.filterwarnings(warning) for warning in SDK_WARNINGS]

SIGNED_IN = f"""#!{sys.executable}
import json, sys, time
from pathlib import Path
import requests
asked = sys.argv[sys.argv.index("--resource") + 1]
with Path(__file__).with_name("asked.txt").open("a") as log:
    print(asked, file=log)
form = {{"grant_type": "client_credentials", "client_id": {CLIENT!r}, "client_secret": {SECRET!r}, "scope": asked}}
answer = requests.post("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token", data=form, timeout=30)
token = answer.json()["access_token"]
expires = int(time.time()) + 3600
text = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.localtime(expires))
print(json.dumps({{"accessToken": token, "expiresOn": text, "expires_on": expires, "tokenType": "Bearer"}}))
"""
SIGNED_OUT = f"""#!{sys.executable}
import sys
sys.exit("ERROR: Please run 'az login' to setup account.")
"""


@pytest.fixture
def secretless(emulator: Stack, monkeypatch: pytest.MonkeyPatch) -> BatchaiSettings:
    """BatchaiSettings that name the workspace, and nobody who signs in."""
    pytest.importorskip("azureml.core", reason="azureml-core is installed on Python 3.10 and 3.11 only")
    quiet_timers()
    for name, value in {**PROD, "TENANT_ID": "", "SP_APP_ID": "", "SP_APP_SECRET": ""}.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def install_az(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program called az before all others. Returns the file with what it was asked for."""
    if os.name == "nt":
        pytest.skip("the program that stands in for az is a POSIX script")
    program = folder / "az"
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder / "asked.txt"


def test_who_is_signed_in_by_the_azure_cli_needs_no_secret(
    secretless: BatchaiSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = install_az(tmp_path, SIGNED_IN, monkeypatch)
    workspace = azureml_adapter.connect(secretless)
    assert workspace.name == secretless.workspace_name
    before = len(asked.read_text().splitlines())
    assert azureml_adapter.AzureRegistry(workspace).newest("absent") is None
    assert set(asked.read_text().splitlines()) <= {
        "https://management.azure.com/",
        "https://management.core.windows.net/",
    }
    assert len(asked.read_text().splitlines()) > before, "asked anew: a run may outlive a token"


def test_who_is_signed_in_nowhere_is_told_how(
    secretless: BatchaiSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_az(tmp_path, SIGNED_OUT, monkeypatch)
    with pytest.raises(CloudError) as refused:
        azureml_adapter.connect(secretless)
    assert refused.value.hint == "sign in with az login, or set TENANT_ID, SP_APP_ID and SP_APP_SECRET"


def test_a_service_principal_without_its_secret_is_named(secretless: BatchaiSettings) -> None:
    with pytest.raises(SettingsError, match="SP_APP_SECRET empty"):
        azureml_adapter.connect(replace(secretless, tenant_id=TENANT, sp_app_id=CLIENT))

"""What the tests of PROD share: the emulator, and settings that lead to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aml_emulator.runtime.stack import Stack
from test.aml_emulator.conftest import emulator, home, sdk, workspace
from test.aml_emulator.support import CLIENT, GROUP, NAME, SDK_WARNINGS, SECRET, SUBSCRIPTION, TENANT

__all__ = ["emulator", "home", "sdk", "workspace"]

PROD = {
    "AML_PIPELINE_EXEC_MODE": "PROD",
    "SUBSCRIPTION_ID": SUBSCRIPTION,
    "RESOURCE_GROUP": GROUP,
    "WORKSPACE_NAME": NAME,
    "TENANT_ID": TENANT,
    "SP_APP_ID": CLIENT,
    "SP_APP_SECRET": SECRET,
}

if TYPE_CHECKING:
    from src.settings.batchai.batchai_settings import BatchaiSettings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the SDK's own warnings pass in the tests that use it; ours stay errors everywhere else."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "sdk" in getattr(item, "fixturenames", ()):
            for warning in SDK_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture
def prod(sdk: Stack, monkeypatch: pytest.MonkeyPatch) -> BatchaiSettings:
    """BatchaiSettings that name the emulator's workspace, as variables of the environment."""
    for name, value in PROD.items():
        monkeypatch.setenv(name, value)
    from test.support.settings import load_settings

    return load_settings()

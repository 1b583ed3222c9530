"""Fixtures that tests of several folders use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dotenv import dotenv_values
from hypothesis import settings

from src.common.console import LOG_VARIABLE
from src.common.made import EPOCH_VARIABLE
from src.common.settings import PROJECT_ROOT, all_variables
from test.support.azurite import azurite
from test.support.browser import browser

__all__ = ["azurite", "browser"]
pytest_plugins = ["test.faults.plugin"]

settings.register_profile("no deadline", deadline=None)  # how long an example takes depends on the machine
settings.load_profile("no deadline")

AGENT_VARIABLES = tuple(dotenv_values(PROJECT_ROOT / ".ci" / "agent.env", interpolate=False))
SIGN_IN = ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID")
"""What azure-identity reads."""


@pytest.fixture(scope="session", autouse=True)
def _plain_surroundings() -> Iterator[None]:
    """Start without what an agent or a developer has set, here and in every process that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in {*AGENT_VARIABLES, *all_variables(), LOG_VARIABLE, *SIGN_IN}:
            patch.delenv(name, raising=False)
        patch.setenv(EPOCH_VARIABLE, "1764547200")  # the same training gives the same bytes, whenever it is
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files that take minutes first, so that no core waits for them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)

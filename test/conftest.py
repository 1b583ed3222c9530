"""Fixtures that tests of several folders use."""

from __future__ import annotations

import pytest

from test.support.azurite import azurite
from test.support.browser import browser

__all__ = ["azurite", "browser"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files that take minutes first, so that no core waits for them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)

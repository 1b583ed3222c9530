"""Fixtures that tests of several folders use."""

from __future__ import annotations

from test.support.azurite import azurite
from test.support.browser import browser

__all__ = ["azurite", "browser"]

"""Fixtures that tests of several folders use."""

from __future__ import annotations

from test.support.azurite import azurite

__all__ = ["azurite"]

"""Fixtures that several tests of cloning use."""

from test.support.clones import container, target

__all__ = ["container", "target"]

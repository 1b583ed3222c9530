"""Patterns of names, as features and files of a location.yml use them."""

from __future__ import annotations

import re

WILD = {"*": ".*", "?": "."}


def as_regex(pattern: str) -> re.Pattern[str]:
    """A pattern with ``*`` and ``?``; brackets and everything else mean themselves."""
    return re.compile("".join(WILD.get(sign) or re.escape(sign) for sign in pattern), re.DOTALL)

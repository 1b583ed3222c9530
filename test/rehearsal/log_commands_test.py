"""Any line is heard or refused; the commands themselves are tested in rules_test.py."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from rehearsal.log_commands import Heard
from rehearsal.results import NotPlayedError


@given(st.text() | st.text().map(lambda text: f"##vso[task.complete {text}]{text}"))
def test_any_line_is_heard_or_refused(line: str) -> None:
    heard = Heard()
    with suppress(NotPlayedError):
        heard.line(line)
        assert heard == Heard() or "##vso" in line

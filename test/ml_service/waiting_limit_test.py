"""Waiting that ends before the run does: by a limit, or by Ctrl-C of somebody who did not start it."""

from __future__ import annotations

import pytest

from ml_service.waiting import Watch
from src.common.errors import CloudError


class GoesOn:
    """A run that never ends."""

    id = "run-7"
    cancelled = False

    def get_status(self) -> str:
        return "Running"

    def get_steps(self) -> list[object]:
        return []

    def get_tags(self) -> dict[str, str]:
        return {}

    def cancel(self) -> None:
        self.cancelled = True


def interrupt(_: float) -> None:
    raise KeyboardInterrupt


def test_waiting_ends_at_its_limit_and_the_run_goes_on() -> None:
    run = GoesOn()
    with pytest.raises(CloudError, match="waiting ends, the run goes on"):
        Watch(run, say=lambda _: None, pause=lambda _: None, limit=0.0).until_end()  # type: ignore[arg-type]
    assert not run.cancelled


@pytest.mark.parametrize("started_it", [True, False])
def test_an_interrupt_cancels_the_run_of_who_started_it(*, started_it: bool) -> None:
    run = GoesOn()
    with pytest.raises(KeyboardInterrupt):
        Watch(run, say=lambda _: None, pause=interrupt, cancels=started_it).until_end()  # type: ignore[arg-type]
    assert run.cancelled == started_it

"""Waiting for a run of a pipeline: for hours, through passing errors, with a line whenever something changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Protocol

from src.common.agent_commands import group
from src.common.azureml_adapter import asking
from src.common.errors import CloudError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_POLL, LONGEST_POLL = 1.0, 15.0
HEARTBEAT_SECONDS = 120.0
PATIENCE_SECONDS = 900.0
"""How long a service may fail to answer before waiting for it ends."""
LOG_LINES = 40


class Outcome(str, Enum):
    """How a run ended."""

    FINISHED = "Finished"
    FAILED = "Failed"
    CANCELLED = "Canceled"


class StepOfRun(Protocol):
    """What is asked of a step's run."""

    name: str

    def get_status(self) -> str:
        """Its status."""

    def get_details_with_logs(self) -> dict[str, Any]:
        """Its details, with the content of each log file."""


class PipelineRunLike(Protocol):
    """What is asked of a pipeline's run; `azureml.pipeline.core.PipelineRun` has it."""

    id: str

    def get_status(self) -> str:
        """Its status."""

    def get_steps(self) -> Sequence[StepOfRun]:
        """The runs of its steps."""

    def get_tags(self) -> dict[str, str]:
        """Its tags."""

    def cancel(self) -> None:
        """Cancel it."""


@dataclass
class Watch:
    """Watches one run until it ends.

    Attributes:
        run: The run.
        say: Prints a line.
        pause: Waits for so many seconds.
        patience: How many seconds the service may fail to answer.
        limit: After how many seconds waiting ends, whether or not the run has ended; None for never.
        cancels: Whether Ctrl-C cancels the run, as who started it expects.
    """

    run: PipelineRunLike
    say: Callable[[str], None] = field(default=lambda text: print(text, flush=True))
    pause: Callable[[float], None] = sleep
    patience: float = PATIENCE_SECONDS
    limit: float | None = None
    cancels: bool = True
    _shown: dict[str, str] = field(default_factory=dict)
    _start: float = field(default_factory=monotonic)
    _last_line: float = field(default_factory=monotonic)

    def until_end(self) -> Outcome:
        """Wait until the run has ended.

        Raises:
            CloudError: The service did not answer for too long, or the limit is reached; the run itself goes on.
            KeyboardInterrupt: Somebody pressed Ctrl-C; the run is cancelled.
        """
        poll = FIRST_POLL
        answered = monotonic()
        with _cancelled_on_interrupt(self.run, self.say) if self.cancels else nullcontext():
            while True:
                try:
                    with asking("the service did not answer"):
                        status = self.run.get_status()
                        self._show_steps()
                    answered = monotonic()
                except CloudError as error:
                    if monotonic() - answered > self.patience:
                        raise CloudError(
                            f"no answer about the run for {self.patience:.0f} s: waiting ends, the run goes on",
                            where=self.run.id,
                            found=error.found,
                            hint="look at it in Azure ML studio, then wait again with the same command",
                        ) from error
                    self._line(f"no answer, asking again: {one_line(error.found, limit=100)}")
                else:
                    if status in [outcome.value for outcome in Outcome]:
                        return Outcome(status)
                if self.limit is not None and monotonic() - self._start > self.limit:
                    raise CloudError(
                        f"the run has not ended after {self.limit / 60:.0f} minutes: waiting ends, the run goes on",
                        where=self.run.id,
                        hint="Rerun failed jobs waits again for the same run; or wait longer: wait_minutes",
                    )
                if monotonic() - self._last_line > HEARTBEAT_SECONDS:
                    self._line("still waiting")
                self.pause(poll)
                poll = min(LONGEST_POLL, poll * 1.25)

    def _show_steps(self) -> None:
        for step in self.run.get_steps():
            status = step.get_status()
            if self._shown.get(step.name) != status:
                self._shown[step.name] = status
                self._line(f"{step.name}: {status}")

    def _line(self, text: str) -> None:
        self._last_line = monotonic()
        seconds = int(self._last_line - self._start)
        self.say(f"[{seconds // 60:3d}:{seconds % 60:02d}] {text}")

    def show_failure(self) -> None:
        """Print the end of the log of each step that failed."""
        with asking("the logs can't be read", where=self.run.id):
            failed = [step for step in self.run.get_steps() if step.get_status() == Outcome.FAILED.value]
            logs = {step.name: step.get_details_with_logs().get("logFiles") or {} for step in failed}
        for name, files in logs.items():
            text = next((content for file, content in files.items() if "std_log" in file or "driver_log" in file), "")
            with group(f"the end of the log of {name}"):
                for line in text.splitlines()[-LOG_LINES:]:
                    self.say(f"  {line}")


@contextmanager
def _cancelled_on_interrupt(run: PipelineRunLike, say: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted: cancelling the run")
        try:
            with asking("the run can't be cancelled", where=run.id):
                run.cancel()
        except CloudError as error:
            print(error, file=sys.stderr, flush=True)
        raise

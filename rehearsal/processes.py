"""Scripts as real processes, with secrets masked in what is kept of their output."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO

from rehearsal.log_commands import Heard
from rehearsal.results import NotPlayedError, Result

INHERITED = ("LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "COMSPEC", "PATHEXT")
MASK = "***"
PATIENCE = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5))
"""What a process is told in turn, and the seconds that it then gets, as the agent's `ProcessInvoker` has them."""


@dataclass
class Alarm:
    """What may stop a process before its end.

    Attributes:
        seconds: After how long it is stopped; None is never.
        cancels: Whether somebody cancels the run once the process is on its way.
    """

    seconds: float | None = None
    cancels: bool = False
    rang: bool = False
    timer: Timer | None = None

    def watch(self, process: subprocess.Popen[str]) -> None:
        """Stop a process when it is time."""
        if self.seconds is not None:
            self.timer = Timer(self.seconds, self._ring, [process])
            self.timer.start()
        if self.cancels:
            self._ring(process)

    def _ring(self, process: subprocess.Popen[str]) -> None:
        self.rang = True
        stop(process)

    def off(self) -> None:
        """The process has ended."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer.join()


@dataclass(frozen=True)
class Shell:
    """A place for scripts.

    Attributes:
        folder: Where they run.
        temporary: Where they are written.
        environment: Variables beside those that a process needs to run at all.
        secrets: Values that are masked.
        path: Folders before all others of the path.
    """

    folder: Path
    temporary: Path
    environment: Mapping[str, str]
    secrets: frozenset[str] = frozenset()
    path: tuple[str, ...] = ()

    def script(
        self,
        text: str,
        flags: Iterable[str],
        log: Path,
        alarm: Alarm,
        *,
        fail_on_stderr: bool,
        failure: str = "Bash exited with code '{}'.",
    ) -> Heard:
        """Run a script with Bash, as the tasks for scripts do.

        https://github.com/microsoft/azure-pipelines-tasks/blob/master/Tasks/CmdLineV2/cmdline.ts

        Returns:
            What it told; its result is that of its last command, unless it said a worse one.

        Raises:
            NotPlayedError: There is no Bash here.
        """
        bash = shutil.which("bash")
        if bash is None:
            raise NotPlayedError("the scripts are for Bash on a Linux agent, and there is no Bash here")
        file = self.temporary / f"{log.stem}.sh"
        file.write_text(text, encoding="utf-8", newline="\n")
        return self.run([bash, *flags, str(file)], log, alarm, fail_on_stderr=fail_on_stderr, failure=failure)

    def run(self, command: list[str], log: Path, alarm: Alarm, *, failure: str, fail_on_stderr: bool = False) -> Heard:
        """Run a command, listen to what it tells, and keep all that it prints.

        Args:
            command: The command.
            log: Where to keep what it prints.
            alarm: What may stop it.
            failure: The error when it fails; ``{}`` stands for its exit code.
            fail_on_stderr: Whether it fails when it writes to standard error.
        """
        heard = Heard()
        log.parent.mkdir(parents=True, exist_ok=True)
        errors = log.with_suffix(".stderr")
        with ExitStack() as stack:
            kept = stack.enter_context(log.open("a", encoding="utf-8"))
            stderr: IO[str] | int = subprocess.STDOUT
            if fail_on_stderr:
                stderr = stack.enter_context(errors.open("w", encoding="utf-8"))
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=os.name != "nt",
                )
            )
            stack.callback(stop, process)
            alarm.watch(process)
            stack.callback(alarm.off)
            self._listen(process.stdout or (), heard, kept.write)
            process.wait()
            said = errors.read_text(encoding="utf-8", errors="replace").splitlines() if fail_on_stderr else []
            self._listen((f"{line}\n" for line in said), heard, kept.write)
        if process.returncode and not alarm.rang:
            heard.ends(Result.FAILED, failure.format(process.returncode))
        if said:
            heard.ends(Result.FAILED, "Bash wrote one or more lines to the standard error stream.")
            heard.errors.append("\n".join(said))
        return heard.ends(Result.SUCCEEDED)

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        programs = (*self.path, str(Path(sys.executable).parent), os.environ.get("PATH", ""))
        return {
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            **inherited,
            **self.environment,
            "PATH": os.pathsep.join(programs),
            "TF_BUILD": "True",
        }

    def _listen(self, lines: Iterable[str], heard: Heard, keep: Callable[[str], int]) -> None:
        for line in lines:
            heard.line(line.rstrip("\n"))
            keep(masked(line, {*self.secrets, *heard.secrets}))


def masked(text: str, secrets: Iterable[str]) -> str:
    """Text without secrets: each becomes three stars, the longest first."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def stop(process: subprocess.Popen[str]) -> None:
    """Tell a process and all that it started to end, and end them if they don't."""
    for number, seconds in PATIENCE:
        if process.poll() is not None:
            return
        _tell(process, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.kill()


def _tell(process: subprocess.Popen[str], number: signal.Signals) -> None:
    if os.name == "nt":
        process.terminate()
    else:
        os.killpg(process.pid, number)

"""Runs scripts of a plant at the same moment, each in a process of its own.

`run_together` starts one process, which has imported everything and forks a child for each script: so hundreds of
rounds take minutes, and the scripts of a round begin within a millisecond.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.common.settings import PROJECT_ROOT


@dataclass(frozen=True)
class Script:
    """A script to run.

    Attributes:
        step: Its name in `test.faults.trained_plant.SCRIPTS`.
        variables: Its environment, beside that of the plant.
        argv: Its arguments.
        killed_at: The call that changes the disk before which it is killed, from 0; None for no kill.
    """

    step: str
    variables: Mapping[str, str]
    argv: tuple[str, ...] = ()
    killed_at: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a script ended.

    Attributes:
        exit_code: Its exit code; negative for a signal.
        said: What it printed.
    """

    exit_code: int
    said: str

    @property
    def is_clear(self) -> bool:
        """Whether it succeeded, or ended with one error of ours."""
        refused = self.exit_code in (2, 3) and self.said.count("error: ") == 1
        return "Traceback" not in self.said and (self.exit_code == 0 or refused)


def run_together(rounds: Sequence[tuple[Path, Sequence[Script]]]) -> list[list[Ended]]:
    """Run rounds one after the other, the scripts of a round together.

    Args:
        rounds: The root of a small plant, and the scripts to run on it.

    Returns:
        How each script of each round ended.
    """
    orders = [
        (str(root), [(script.step, dict(script.variables), script.argv, script.killed_at) for script in scripts])
        for root, scripts in rounds
    ]
    done = subprocess.run(
        [sys.executable, "-m", "test.faults.together"],
        cwd=PROJECT_ROOT,
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [[Ended(*ended) for ended in scripts] for scripts in json.loads(done.stdout)]


def _main() -> None:
    from src.training.batchai.units import backends, training_output  # noqa: F401 - what the children would import
    from test.faults.trained_plant import run
    from test.support.kill_points import die_before
    from test.support.small_plant import SmallPlant

    ended = []
    for number, (root, scripts) in enumerate(json.loads(sys.stdin.read())):
        os.environ.update(SmallPlant(Path(root)).variables)
        start, go = os.pipe()
        children = []
        for place, (step, variables, argv, killed_at) in enumerate(scripts):
            said = Path(root, f".said-{number}-{place}")
            child = os.fork()
            if child == 0:
                descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(descriptor, 1)
                os.dup2(descriptor, 2)
                os.close(go)
                os.environ.update(variables)
                os.read(start, 1)  # ends when the parent has closed the other end
                if killed_at is not None:
                    die_before(killed_at)
                exit_code = 70
                try:
                    exit_code = run(step, *argv)
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(exit_code)
            children.append((child, said))
        os.close(go)
        os.close(start)
        ended.append([_end(child, said) for child, said in children])
    print(json.dumps(ended))


def _end(child: int, said: Path) -> tuple[int, str]:
    exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = said.read_text(encoding="utf-8", errors="replace")
    said.unlink()
    return exit_code, text


if __name__ == "__main__":
    _main()

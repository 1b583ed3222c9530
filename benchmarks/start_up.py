"""How long scripts take when they have nothing to do: ``--help`` of each, and a pipeline with nothing changed.

    python -m benchmarks.start_up [--runs 5]

Prints a table: script, median and longest seconds of the runs. Each run is a process of its own, timed from its start
to its end; one run before them, which fills the caches of the disk and of Python, is not counted. The limits (0.3 s
for ``--help``, 1 s for a pipeline) hold on a machine that does nothing else: look at the median, and measure again
when the longest run is far from it. The pipelines run on the sample, in a folder that is removed at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from src.common.console import Stopwatch, format_table, run_script
from src.common.settings import PROJECT_ROOT

HELP_SECONDS = 0.3
UNCHANGED_SECONDS = 1.0
HEADER = ("script", "median s", "longest s", "limit s", "")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 0 when every median keeps its limit, else 1."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=5, help="how often each script runs (default: 5)")
    runs = parser.parse_args(argv).runs
    rows = []
    with TemporaryDirectory() as folder:
        environment = _environment(Path(folder))
        for script, option in _cases():
            limit = HELP_SECONDS if option else UNCHANGED_SECONDS
            seconds = _measure([str(PROJECT_ROOT / script), *option], environment, runs)
            kept = median(seconds) <= limit
            name = " ".join([script, *option]) if option else f"{script}, nothing changed"
            rows.append((name, round(median(seconds), 3), round(max(seconds), 3), limit, "" if kept else "too slow"))
    print(format_table(HEADER, rows))
    return int(any(row[-1] for row in rows))


def _cases() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every script with its arguments; none for a pipeline with nothing changed."""
    scripts = [
        path.relative_to(PROJECT_ROOT).as_posix()
        for pattern in ("*.py", "src/**/*.py", "ml_service/pipelines/*.py")
        for path in sorted(PROJECT_ROOT.glob(pattern))
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]
    for script in scripts:
        yield script, ("--help",)
    for script in scripts:
        if script.endswith("_training_pipeline.py"):
            yield script, ()


def _environment(folder: Path) -> dict[str, str]:
    """The environment that keeps all results inside a folder."""
    return {
        **os.environ,
        "AML_PIPELINE_EXEC_MODE": "DEV",
        "BATCHAI_INPUT_URL": "sample_data/batchai",
        "DATAPREP_INPUTS_DIR": str(folder / "inputs"),
        "DATAPREP_OUTPUTS_DIR": str(folder / "prepared"),
        "TRAINING_OUTPUT_DIR": str(folder / "results"),
        "OUTPUTS_DIR": str(folder / "outputs"),
    }


def _measure(command: Sequence[str], environment: Mapping[str, str], runs: int) -> list[float]:
    """The seconds of each run, the first one left out."""
    seconds = []
    for _ in range(runs + 1):
        watch = Stopwatch()
        subprocess.run([sys.executable, *command], env=environment, cwd=PROJECT_ROOT, capture_output=True, check=True)
        seconds.append(watch.seconds)
    return seconds[1:]


if __name__ == "__main__":
    sys.exit(run_script(main))

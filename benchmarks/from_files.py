"""Training from files to files, in a process of its own, so that its peak memory is its own.

python -m benchmarks.from_files prepare FOLDER GROUPS ROWS FEATURES TARGETS
python -m benchmarks.from_files train FOLDER REPEATS
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from benchmarks.workloads import FOLDS, Workload, make_location

ROOT = Path(__file__).resolve().parents[1]


def measure(workload: Workload, folder: Path, *, repeats: int) -> dict[str, float]:
    """Prepare a workload's files, then train from them in a process of its own.

    Returns:
        Medians in seconds: ``read`` (only read the files), ``train`` (read, fit, write) and ``train_cpu``; and
        ``peak``, the largest memory of the process in bytes.
    """
    sizes = [str(n) for n in (workload.groups, workload.rows, workload.features, workload.targets)]
    _run(["prepare", str(folder), *sizes])
    measured: dict[str, float] = json.loads(_run(["train", str(folder), str(repeats)]))
    return measured


def _run(arguments: list[str]) -> str:
    environment = {**os.environ, "TRAIN_FOLDS": str(FOLDS), "TRAIN_THREADS": "0", "TRAIN_MIN_BATCHES": "20"}
    command = [sys.executable, "-m", "benchmarks.from_files", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _prepare(folder: Path, workload: Workload) -> None:
    from src.common.committed_folder import replace_folder
    from src.data_preparation.batchai.prepared_data import KIND, write_location

    with replace_folder(folder / "prepared", kind=KIND) as staged:
        write_location(staged, make_location(workload))


def _train(folder: Path, repeats: int) -> dict[str, float]:
    """Time the training script's own `main` against only reading what it reads, part by part."""
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.training.batchai import batchai_training
    from src.training.batchai.location_fit import TrainingOptions
    from src.training.batchai.units.work_units import plan_units

    arguments = ["--prepared_folder", str(folder / "prepared"), "--training_folder", str(folder / "results")]
    arguments += ["--model_folder", str(folder / "model")]
    read, train, cpu = [], [], []
    for _ in range(repeats):
        start = perf_counter()
        prepared = PreparedFolder.open(folder / "prepared")
        for unit in plan_units(prepared, prepared.locations, TrainingOptions()):
            prepared.read(unit.location, product_ids=unit.products)
        read.append(perf_counter() - start)
        start, busy = perf_counter(), process_time()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            batchai_training.main(arguments)
        train.append(perf_counter() - start)
        cpu.append(process_time() - busy)
    return {"read": median(read), "train": median(train), "train_cpu": median(cpu), "peak": _peak_bytes()}


def _peak_bytes() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # on Linux what getrusage says includes the process that started this one
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # not on Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def main() -> int:
    """Do one of the two."""
    task, folder, *numbers = sys.argv[1:]
    if task == "prepare":
        _prepare(Path(folder), Workload("files", *(int(number) for number in numbers)))
    else:
        print(json.dumps(_train(Path(folder), int(numbers[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

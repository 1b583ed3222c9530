"""How fast many ridge regressions are trained, beside what people use instead, measured side by side in one run.

    python benchmarks/training_speed.py [--repeats 3] [--large]

The peers polars, polars-ols and polars-ds are optional: ``pip install -r requirements/benchmarks.txt``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from threadpoolctl import threadpool_limits

from benchmarks import from_files
from benchmarks.measuring import Candidate, Timing, core_count, describe_machine, markdown_table, time_all
from benchmarks.speed_peers import (
    GRID,
    PolarsPeers,
    grid_search,
    has_polars,
    long_frame,
    numpy_loop,
    ridge_cv,
)
from benchmarks.workloads import FOLDS, LARGE, SMALL, WIDE, Workload, make_location
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import TrainingOptions, fit_location

OURS = "Batch AI"
EVERYTHING = "fit, honest errors, borrowed, forward, intervals"
NOTE = (
    f"{FOLDS} folds; the peers choose among {len(GRID)} penalties; medians of the runs; ~: measured on fewer groups\n"
    "and scaled up. CPU time is that of all threads. The last column compares wall time with "
    f'"{OURS}".'
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns its exit code."""
    arguments = _arguments(argv)
    share = arguments.share
    print(describe_machine())
    if not has_polars():
        print("\npolars is left out; for it: pip install -r requirements/benchmarks.txt")
    print(f"\n{NOTE}")
    small, wide, large = (_shrunk(workload, share) for workload in (SMALL, WIDE, LARGE))
    for workload in (small, wide):
        _print_speed(workload, time_all(_candidates(workload), repeats=arguments.repeats))
    if arguments.large:
        _print_growth(small, large, repeats=arguments.repeats)
    _print_files([small, large] if arguments.large else [small], repeats=arguments.repeats, scratch=arguments.scratch)
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; the table shows their medians")
    parser.add_argument("--large", action="store_true", help=f"also {LARGE}, which needs 4 GB on disk")
    parser.add_argument(
        "--share", type=float, default=1.0, help="the share of each workload's groups, for a quick look"
    )
    parser.add_argument(
        "--scratch", type=Path, help="where to write the files (default: the system's temporary folder)"
    )
    return parser.parse_args(argv)


def _shrunk(workload: Workload, share: float) -> Workload:
    return replace(workload, groups=max(2, round(workload.groups * share)))


def _ours(prepared: PreparedLocation) -> object:
    return fit_location(prepared, TrainingOptions(folds=FOLDS, threads=core_count()))


def _candidates(workload: Workload) -> list[Candidate]:
    """Everything that is timed on a workload; the first line is what the others are compared with."""
    prepared = make_location(workload)
    cores, all_groups = core_count(), workload.groups
    found = [Candidate(OURS, EVERYTHING, cores, all_groups, partial(_ours, prepared))]
    loops = (
        ("pandas + GridSearchCV", "choose one penalty for all targets, fit", grid_search, 4),
        ("pandas + RidgeCV", "the same per target, leave-one-out", ridge_cv, 50),
        ("pandas + numpy loop", "choose penalties, fit", numpy_loop, 100),
    )
    for name, work, function, groups in loops:
        some = min(groups, all_groups)
        frame = long_frame(prepared, groups=some, folds=FOLDS)
        found.append(Candidate(name, work, 1, some, partial(_one_core, partial(function, prepared, frame))))
    if has_polars():
        found += _polars_candidates(prepared, all_groups)
    return found


def _polars_candidates(prepared: PreparedLocation, all_groups: int) -> list[Candidate]:
    cores, some = core_count(), min(20, all_groups)
    whole = PolarsPeers(prepared, long_frame(prepared, groups=all_groups, folds=FOLDS))
    part = PolarsPeers(prepared, long_frame(prepared, groups=some, folds=FOLDS))
    return [
        Candidate("polars-ols", "one given penalty, no folds", cores, all_groups, whole.ols_one_penalty),
        Candidate("polars-ds", "one given penalty, no folds", cores, all_groups, whole.ds_one_penalty),
        Candidate("polars-ds, folds × penalties", "fits only, none judged", cores, some, part.ds_all_folds),
    ]


def _one_core(function: Callable[[], object]) -> object:
    with threadpool_limits(limits=1):
        return function()


def _print_speed(workload: Workload, timings: Sequence[Timing]) -> None:
    ours = timings[0]
    rows = []
    for timing in timings:
        candidate = timing.candidate
        scaled = "~" if candidate.groups < workload.groups else ""
        rows.append(
            (
                candidate.name,
                candidate.work,
                str(candidate.cores),
                f"{scaled}{timing.wall * workload.groups:.3g}",
                f"{timing.wall * 1000:.3g}",
                f"{timing.cpu * 1000:.3g}",
                f"{1 / timing.wall:,.0f}",
                f"{timing.wall / ours.wall:.3g}",
            )
        )
    header = ("what", "work", "cores", "s", "ms/group", "CPU ms/group", "groups/s", "time ÷ Batch AI")
    print(f"\n**{workload}**\n\n{markdown_table(header, rows)}", flush=True)


def _print_growth(small: Workload, large: Workload, *, repeats: int) -> None:
    """Seconds per group of the large workload against the small one, in turns."""
    found = []
    for workload in (small, large):
        run = partial(_ours, make_location(workload))
        found.append(Candidate(str(workload), EVERYTHING, core_count(), workload.groups, run))
    timings = time_all(found, repeats=repeats)
    rows = [(t.candidate.name, f"{t.wall * 1000:.3g}", f"{t.cpu * 1000:.3g}") for t in timings]
    ratio = (f"{timings[1].wall / timings[0].wall:.3g}", f"{timings[1].cpu / timings[0].cpu:.3g}")
    table = markdown_table(
        ("everything", "ms/group", "CPU ms/group"), [*rows, (f"{large.name} ÷ {small.name}", *ratio)]
    )
    print(f"\n**Growth**\n\n{table}", flush=True)


def _print_files(workloads: Sequence[Workload], *, repeats: int, scratch: Path | None) -> None:
    """From `DataPrep_outputs` files to `Training_Output` files, in a process of its own."""
    rows = []
    for workload in workloads:
        with TemporaryDirectory(dir=scratch) as folder:
            found = from_files.measure(workload, Path(folder), repeats=repeats)
        rows.append(
            (
                workload.name,
                f"{found['read']:.3g}",
                f"{found['train']:.3g}",
                f"{found['train_cpu']:.3g}",
                f"{workload.groups / found['train']:,.0f}",
                f"{found['peak'] / 1e9:.3g}",
            )
        )
    header = (
        "files to files",
        "only read, s",
        "read, fit, write, s",
        "CPU s",
        "groups/s",
        "peak memory, GB",
    )
    print(f"\n**From files to files**\n\n{markdown_table(header, rows)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""How well many small linear models predict real batches, beside what people use instead, in the same folds.

    python benchmarks/training_accuracy.py [--plants DIR] [--location food-lab]

`DIR` holds further plants as folders, such as tablet-plant and boxcrete-lab (where to get them stands in their
descriptions in src/data_preparation/batchai/locations/).
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(ROOT)

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.accuracy_peers import PEERS, predict_out_of_fold
from benchmarks.measuring import describe_machine, markdown_table
from src.data_preparation.batchai.export_files import read_export
from src.data_preparation.batchai.location_description import find_description, read_description
from src.data_preparation.batchai.preparation import prepare
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location

SAMPLE = ROOT / "sample_data" / "batchai"
OURS = "Batch AI"
MOST_ROWS = 12


@dataclass(frozen=True)
class Judged:
    """One target of one product.

    Attributes:
        product_id: The product.
        target: The target.
        batches: How many batches measured it.
        ratios: By method: the error as a share of the error of predicting the training mean in the same folds.
    """

    product_id: str
    target: str
    batches: int
    ratios: dict[str, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns its exit code."""
    arguments = _arguments(argv)
    folders = sorted(path for path in SAMPLE.iterdir() if path.is_dir())
    if arguments.plants:
        folders += sorted(path for path in arguments.plants.iterdir() if path.is_dir())
    folders = [path for path in folders if arguments.location in (None, path.name)]
    print(describe_machine())
    summary = []
    for folder in folders:
        judged = judge_location(folder, folds=arguments.folds)
        print(f"\n**{folder.name}**: skill, 1 − rmse / rmse of the mean\n\n{_table(judged)}", flush=True)
        summary.append((folder.name, judged))
    print(f"\n**rmse / rmse of the mean**\n\n{_summary(summary)}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--plants", type=Path, help="a folder with further plants")
    parser.add_argument("--location", help="this location only")
    parser.add_argument("--folds", type=int, default=10, help="folds of the cross-validation")
    return parser.parse_args(argv)


def judge_location(folder: Path, *, folds: int, min_batches: int = 20) -> list[Judged]:
    """Predict every target of every product of a location out of fold, by every method.

    Args:
        folder: The location's exports, with or without a description beside them.
        folds: Folds of the cross-validation, by batch.
        min_batches: A target with fewer measured batches is left out.
    """
    description = read_description(find_description(folder), location=folder.name)
    prepared = prepare(read_export(folder, description)).prepared
    options = TrainingOptions(folds=folds, min_batches=min_batches, threads=os.cpu_count() or 1)
    work = [
        delayed(_judge)(fit, target)
        for group in fit_location(prepared, options)
        for target, fit in group.targets.items()
        if isinstance(fit, TargetFit) and fit.problem.own
    ]
    judged: list[Judged] = Parallel(n_jobs=os.cpu_count() or 1)(work)
    return judged


def _judge(fit: TargetFit, target: str) -> Judged:
    problem, predicted = fit.problem, fit.fit.out_of_fold
    values = problem.values[:, fit.place]
    error = _rmse(values, predicted.mean[:, fit.place])
    with threadpool_limits(limits=1):
        ratios = {
            name: _rmse(values, predict_out_of_fold(name, problem.features, values, problem.folds)) / error
            for name in PEERS
        }
    ratios[OURS] = _rmse(values, predicted.predicted[:, fit.place]) / error
    return Judged(problem.product_id, target, problem.batches, ratios)


def _rmse(values: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((values - predicted) ** 2)))


def _table(judged: Sequence[Judged]) -> str:
    """The skill for each product and target; of many, the medians by target."""
    methods = (*PEERS, OURS)
    if len(judged) <= MOST_ROWS:
        header = ("product_id", "target", "batches", *methods)
        rows = [
            (one.product_id, one.target, str(one.batches), *(f"{1 - one.ratios[name]:.2f}" for name in methods))
            for one in judged
        ]
        return markdown_table(header, rows)
    rows = []
    for target in dict.fromkeys(one.target for one in judged):
        mine = [one for one in judged if one.target == target]
        skills = (f"{median(1 - one.ratios[name] for one in mine):.2f}" for name in methods)
        rows.append((f"median of {len(mine)}", target, f"{median(one.batches for one in mine):g}", *skills))
    return markdown_table(("products", "target", "batches", *methods), rows)


def _summary(locations: Sequence[tuple[str, Sequence[Judged]]]) -> str:
    """The median and mean ratio of each method at each location, and the worst."""
    rows = []
    for name, judged in locations:
        for what, choose in (("median", median), ("mean", mean), ("worst", max)):
            shares = (f"{choose([one.ratios[method] for one in judged]):.3f}" for method in (*PEERS, OURS))
            rows.append((name, what, str(len(judged)), *shares))
    return markdown_table(("location", "of product × target", "number", *PEERS, OURS), rows)


if __name__ == "__main__":
    sys.exit(main())

"""How well many small linear models predict real batches, beside what people use instead, in the same folds.

    python benchmarks/training_accuracy.py [--plants DIR] [--location food-lab] [--without EBM]

`DIR` holds further plants as folders, such as tablet-plant and boxcrete-lab (where to get them stands in their
descriptions in src/data_preparation/batchai/locations/). Peers that are not installed are named and left out.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(ROOT)

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks.accuracy_peers import (
    PEERS,
    PRETRAINED,
    REASONS,
    Array,
    missing_peers,
    predict_out_of_fold,
    predict_pretrained,
)
from benchmarks.measuring import describe_machine, markdown_table
from src.data_preparation.batchai.export_files import read_export
from src.data_preparation.batchai.location_description import find_description, read_description
from src.data_preparation.batchai.preparation import prepare
from src.settings.batchai.batchai_settings import Terms
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
        ratios: By method: the error as a share of the error of predicting the training mean in the same folds; a
            method that could not be tried has none.
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
    missing = missing_peers()
    for name in missing:
        print(f"- left out: {name}: {REASONS[name]}")
    methods = [name for name in (*PEERS, PRETRAINED) if name not in {*missing, *arguments.without}]
    summary = []
    for folder in folders:
        judged = judge_location(folder, methods, folds=arguments.folds, terms=Terms(arguments.terms))
        table = _table(judged, [*methods, OURS])
        print(f"\n**{folder.name}**: skill, 1 − rmse / rmse of the mean\n\n{table}", flush=True)
        summary.append((folder.name, judged))
    print(f"\n**rmse / rmse of the mean**\n\n{_summary(summary, [*methods, OURS])}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--plants", type=Path, help="a folder with further plants")
    parser.add_argument("--location", help="this location only")
    parser.add_argument("--without", nargs="*", default=[], metavar="PEER", help="peers to leave out")
    names = [terms.value for terms in Terms]
    parser.add_argument("--terms", choices=names, default=names[0], help="what our models consist of (linear)")
    parser.add_argument("--folds", type=int, default=10, help="folds of the cross-validation")
    return parser.parse_args(argv)


def judge_location(
    folder: Path, methods: Sequence[str], *, folds: int, terms: Terms, min_batches: int = 20
) -> list[Judged]:
    """Predict every target of every product of a location out of fold, by every method.

    Args:
        folder: The location's exports, with or without a description beside them.
        methods: Names of `PEERS`, and `PRETRAINED` if that is wanted.
        folds: Folds of the cross-validation, by batch.
        terms: What our models consist of.
        min_batches: A target with fewer measured batches is left out.
    """
    description = read_description(find_description(folder), location=folder.name)
    prepared = prepare(read_export(folder, description)).prepared
    options = TrainingOptions(folds=folds, min_batches=min_batches, threads=os.cpu_count() or 1, terms=terms)
    fits: dict[str, list[TargetFit]] = {}
    for group in fit_location(prepared, options):
        for target, fit in group.targets.items():
            if isinstance(fit, TargetFit) and fit.problem.own:
                fits.setdefault(target, []).append(fit)
    work = [delayed(_judge)(fit, target, methods) for target, part in fits.items() for fit in part]
    judged: list[Judged] = Parallel(n_jobs=os.cpu_count() or 1)(work)
    if PRETRAINED in methods:
        several = [part for part in fits.values() if len(part) > 1]
        ratios = Parallel(n_jobs=os.cpu_count() or 1)(delayed(_judge_pretrained)(part) for part in several)
        found = {(fit.problem.product_id, _target(fit)): ratio for part in ratios for fit, ratio in part}
        for one in judged:
            if (one.product_id, one.target) in found:
                one.ratios[PRETRAINED] = found[one.product_id, one.target]
    return judged


def _judge(fit: TargetFit, target: str, methods: Sequence[str]) -> Judged:
    problem, values = fit.problem, _values(fit)
    error = _rmse(values, fit.fit.out_of_fold.mean[:, fit.place])
    with threadpool_limits(limits=1):
        ratios = {
            name: _rmse(values, predict_out_of_fold(name, problem.features, values, problem.folds)) / error
            for name in methods
            if name in PEERS
        }
    ratios[OURS] = _rmse(values, fit.fit.out_of_fold.predicted[:, fit.place]) / error
    return Judged(problem.product_id, target, problem.batches, ratios)


def _judge_pretrained(fits: Sequence[TargetFit]) -> list[tuple[TargetFit, float]]:
    """The ratios of one target of all products, which the pretrained lasso learns together."""
    with threadpool_limits(limits=1):
        found = predict_pretrained([(fit.problem.features, _values(fit), fit.problem.folds) for fit in fits])
    errors = [_rmse(_values(fit), fit.fit.out_of_fold.mean[:, fit.place]) for fit in fits]
    return [
        (fit, _rmse(_values(fit), predicted) / error) for fit, predicted, error in zip(fits, found, errors, strict=True)
    ]


def _target(fit: TargetFit) -> str:
    return fit.problem.targets[fit.place]


def _values(fit: TargetFit) -> Array:
    return fit.problem.values[:, fit.place]


def _rmse(values: Array, predicted: Array) -> float:
    return float(np.sqrt(np.mean((values - predicted) ** 2)))


def _table(judged: Sequence[Judged], methods: Sequence[str]) -> str:
    """The skill for each product and target; of many, the medians by target."""
    if len(judged) <= MOST_ROWS:
        header = ("product_id", "target", "batches", *methods)
        rows = [
            (one.product_id, one.target, str(one.batches), *(_shown([one], name, _skill, digits=2) for name in methods))
            for one in judged
        ]
        return markdown_table(header, rows)
    rows = []
    for target in dict.fromkeys(one.target for one in judged):
        mine = [one for one in judged if one.target == target]
        skills = (_shown(mine, name, _skill, digits=2) for name in methods)
        rows.append((f"median of {len(mine)}", target, f"{median(one.batches for one in mine):g}", *skills))
    return markdown_table(("products", "target", "batches", *methods), rows)


def _summary(locations: Sequence[tuple[str, Sequence[Judged]]], methods: Sequence[str]) -> str:
    """The median and mean ratio of each method at each location, and the worst."""
    rows = []
    for name, judged in locations:
        choices: dict[str, Callable[[Sequence[float]], float]] = {"median": median, "mean": mean, "worst": max}
        for what, choose in choices.items():
            shares = (_shown(judged, method, choose, digits=3) for method in methods)
            rows.append((name, what, str(len(judged)), *shares))
    return markdown_table(("location", "of product × target", "number", *methods), rows)


def _skill(ratios: Sequence[float]) -> float:
    return 1 - median(ratios)


def _shown(judged: Sequence[Judged], method: str, choose: Callable[[Sequence[float]], float], *, digits: int) -> str:
    """A number that is chosen from a method's ratios; a dash where the method could not be tried on all."""
    ratios = [one.ratios[method] for one in judged if method in one.ratios]
    return f"{choose(ratios):.{digits}f}" if len(ratios) == len(judged) else "–"


if __name__ == "__main__":
    sys.exit(main())

"""What training says where the truth is known: nothing to learn, effects of known size, drift, one outlier.

    python benchmarks/training_controls.py [--repeats 20]

Each line is what an honest method must show. Negative controls: noise has no skill, also where products share runs.
Recovery: the intervals of coefficients hold the truth, for real effects and for zeros.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import describe_machine, markdown_table
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location

Array: TypeAlias = NDArray[np.float64]
Products: TypeAlias = Mapping[str, tuple[Array, Array]]
Row: TypeAlias = tuple[str, str, str, str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the controls. Returns the exit code."""
    arguments = _arguments(argv)
    print(describe_machine())
    rows = [control(arguments.repeats) for control in CONTROLS]
    print(f"\n{markdown_table(('plant', 'what', 'must show', 'shows'), rows)}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--repeats", type=int, default=20, help="how many plants of each kind")
    return parser.parse_args(argv)


def fits_of(products: Products, *, shared_runs: bool = False) -> list[TargetFit]:
    """Train products by name, each with features (rows, features) and one target (rows, 1); a batch in each row."""
    groups = []
    for name, (features, values) in products.items():
        ids = np.array([f"{'run' if shared_runs else name}-{row:04d}" for row in range(len(values))], dtype=object)
        pending = FeatureRows(np.empty(0, dtype=object), np.empty((0, features.shape[1])))
        groups.append(PreparedGroup(name, ids, features, values, pending))
    names = tuple(f"x{place}" for place in range(groups[0].features.shape[1]))
    prepared = PreparedLocation("plant", names, (PreparedTarget("y"),), tuple(groups))
    fits = fit_location(prepared, TrainingOptions(threads=os.cpu_count() or 1))
    return [fit for group in fits for fit in group.targets.values() if isinstance(fit, TargetFit)]


def _shared_runs(repeats: int) -> Row:
    found = []
    for seed in range(repeats):
        chance = np.random.default_rng(seed)
        features, effect = chance.normal(size=(40, 20)), chance.normal(size=(40, 1))
        products = {name: (features, effect + chance.normal(size=(40, 1))) for name in "ABCD"}
        found += [fit.skill for fit in fits_of(products, shared_runs=True)]
    return ("noise, 4 products of the same 40 runs, 20 features", "largest skill", "at most 0.03", f"{max(found):.3f}")


def _noise(repeats: int) -> Row:
    chance = np.random.default_rng(1)
    ratios = [
        1 - fit.skill
        for _ in range(repeats)
        for fit in fits_of({"P": (chance.normal(size=(40, 12)), chance.normal(size=(40, 1)))})
    ]
    shown = f"{np.median(ratios):.3f}, {max(ratios):.3f}"
    return ("noise, 40 batches, 12 features", "error / that of the mean: median, worst", "1.00, at most 1.05", shown)


def _outlier(repeats: int) -> Row:
    chance = np.random.default_rng(2)
    ratios = []
    for _ in range(repeats):
        values = np.where(np.arange(34) == chance.integers(34), 0.06, 0.05)[:, None]
        ratios += [fit.rmse / fit.rmse_mean for fit in fits_of({"P": (chance.normal(size=(34, 60)), values)})]
    return ("one batch of 34 differs, 60 features", "worst error / that of the mean", "1.00", f"{max(ratios):.3f}")


def _recovery(name: str, effects: Callable[[np.random.Generator], Array], mixing: float) -> Callable[[int], Row]:
    def control(repeats: int) -> Row:
        chance = np.random.default_rng(3)
        held: dict[bool, list[bool]] = {True: [], False: []}
        common = effects(chance)
        products, truth = {}, []
        for number in range(3 * repeats):
            own = common * (1 + 0.2 * chance.normal(size=15))
            features = chance.normal(size=(100, 15)) @ (np.eye(15) + mixing * chance.normal(size=(15, 15)))
            products[f"P{number}"] = (features, (features @ own + 2 * chance.normal(size=100))[:, None])
            truth.append(own)
        for fit, true in zip(fits_of(products), truth, strict=True):
            inside = (fit.intervals[0] <= true) & (true <= fit.intervals[1])
            for real in (True, False):
                held[real] += inside[(true != 0) == real].tolist()
        shares = " / ".join(f"{np.mean(part):.3f}" if part else "none" for part in (held[True], held[False]))
        return (name, "95 % intervals hold: real effects / zeros", "0.90 to 0.97", shares)

    return control


def _drift(repeats: int) -> Row:
    chance = np.random.default_rng(4)
    found = []
    for _ in range(repeats):
        features = chance.normal(size=(100, 5))
        level = 2.0 * (np.arange(100) >= 50)
        found += fits_of({"P": (features, (features[:, 0] + level + 0.5 * chance.normal(size=100))[:, None])})
    ratio = float(np.mean([fit.rmse_forward / fit.rmse for fit in found]))
    return ("the level shifts at half time", "forward error / cross-validated", "above 1", f"{ratio:.2f}")


CONTROLS: tuple[Callable[[int], Row], ...] = (
    _shared_runs,
    _noise,
    _outlier,
    _recovery("3 of 15 effects, 100 batches", lambda chance: np.r_[chance.uniform(0.5, 1, 3), np.zeros(12)], 0.0),
    _recovery("15 small effects, 100 batches", lambda chance: 0.3 * chance.normal(size=15), 0.0),
    _recovery("3 of 15, features mixed", lambda chance: np.r_[chance.uniform(0.5, 1, 3), np.zeros(12)], 0.3),
    _drift,
)


if __name__ == "__main__":
    sys.exit(main())

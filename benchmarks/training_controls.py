"""What training says where the truth is known: nothing to learn, effects of known size, mixtures, drift, heavy tails.

    python benchmarks/training_controls.py [--repeats 20]

Each line is what an honest method must show, and why. Negative controls: noise has no skill, also where products share
runs. Recovery: intervals hold the truth, for real effects and for zeros, and the error comes near that of the noise.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from benchmarks.known_plants import Array, Control, as_location, fits_of, options
from benchmarks.measuring import describe_machine, markdown_table
from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import fit_location

Effects: TypeAlias = Callable[[np.random.Generator], Array]
BATCHES = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Run the controls. Returns the exit code: 1 where a figure is outside its bounds."""
    arguments = _arguments(argv)
    print(describe_machine())
    shown = [control.measure(arguments.repeats) for control in CONTROLS]
    rows = [
        (control.plant, control.figure, _bounds(control), f"{figure:.3f}", "yes" if control.holds(figure) else "NO")
        for control, figure in zip(CONTROLS, shown, strict=True)
    ]
    print(f"\n{markdown_table(('plant', 'figure', 'must be', 'is', 'holds'), rows)}")
    return 0 if all(control.holds(figure) for control, figure in zip(CONTROLS, shown, strict=True)) else 1


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--repeats", type=int, default=20, help="how many plants of each kind")
    return parser.parse_args(argv)


def _bounds(control: Control) -> str:
    return f"{control.at_least:g} to {control.at_most:g}"


def _shared_runs(choose: Callable[[Sequence[float]], float]) -> Callable[[int], float]:
    """Skills on noise that four products of the same 40 runs have partly in common."""

    def measure(repeats: int) -> float:
        found = []
        for seed in range(4 * repeats):
            chance = np.random.default_rng(seed)
            features, effect = chance.normal(size=(40, 20)), chance.normal(size=(40, 1))
            products = {name: (features, effect + chance.normal(size=(40, 1))) for name in "ABCD"}
            found += [fit.skill for fit in fits_of(products, shared_runs=True)]
        return float(choose(found))

    return measure


def _noise(choose: Callable[[Sequence[float]], float], *, tails: float, features: int) -> Callable[[int], float]:
    """Student's t with `tails` degrees of freedom, which has nothing to do with the features; infinite: normal."""

    def measure(repeats: int) -> float:
        chance = np.random.default_rng(1)
        ratios = []
        for _ in range(10 * repeats):
            values = chance.standard_t(tails, size=(40, 1)) if np.isfinite(tails) else chance.normal(size=(40, 1))
            ratios += [1 - fit.skill for fit in fits_of({"P": (chance.normal(size=(40, features)), values)})]
        return float(choose(ratios))

    return measure


def _outlier(repeats: int) -> float:
    chance = np.random.default_rng(2)
    ratios = []
    for _ in range(repeats):
        values = np.where(np.arange(34) == chance.integers(34), 0.06, 0.05)[:, None]
        ratios += [fit.rmse / fit.rmse_mean for fit in fits_of({"P": (chance.normal(size=(34, 60)), values)})]
    return max(ratios)


def _sparse(chance: np.random.Generator) -> Array:
    return np.concatenate([chance.uniform(0.5, 1, 3), np.zeros(12)])


def _dense(chance: np.random.Generator) -> Array:
    return 0.3 * chance.normal(size=15)


def _coverage(effects: Effects, *, real: bool, mixing: float = 0.0) -> Callable[[int], float]:
    """How often the 95 % intervals of coefficients hold the truth, of real effects or of zeros."""

    def measure(repeats: int) -> float:
        chance = np.random.default_rng(3)
        held: list[bool] = []
        common = effects(chance)
        products, truth = {}, []
        for number in range(3 * repeats):
            own = common * (1 + 0.2 * chance.normal(size=15))
            features = chance.normal(size=(BATCHES, 15)) @ (np.eye(15) + mixing * chance.normal(size=(15, 15)))
            products[f"P{number}"] = (features, (features @ own + 2 * chance.normal(size=BATCHES))[:, None])
            truth.append(own)
        for fit, true in zip(fits_of(products), truth, strict=True):
            inside = (fit.intervals[0] <= true) & (true <= fit.intervals[1])
            held += inside[(true != 0) == real].tolist()
        return float(np.mean(held))

    return measure


def _new_batches(repeats: int) -> float:
    """The share of batches that nobody has seen whose 90 % interval holds what they measure."""
    chance = np.random.default_rng(5)
    held: list[bool] = []
    for _ in range(2 * repeats):
        effects = _sparse(chance)
        features = chance.normal(size=(1000 + BATCHES, 15))
        values = features @ effects + chance.normal(size=len(features))
        prepared = as_location({"P": (features[:BATCHES], values[:BATCHES, None])})
        model = location_model(prepared, fit_location(prepared, options())).group("P").targets["y"]
        lower, upper = model.interval(model.predict(features[BATCHES:]))
        held += ((lower <= values[BATCHES:]) & (values[BATCHES:] <= upper)).tolist()
    return float(np.mean(held))


def _mixture(repeats: int) -> float:
    """Error over noise where the features are five fractions that add up to one."""
    chance = np.random.default_rng(6)
    ratios = []
    for _ in range(2 * repeats):
        fractions = chance.dirichlet(np.ones(5), size=BATCHES)
        values = fractions @ np.array([10.0, 5.0, 0.0, -5.0, 2.0]) + 0.5 * chance.normal(size=BATCHES)
        ratios += [fit.rmse / 0.5 for fit in fits_of({"P": (fractions, values[:, None])})]
    return float(np.sqrt(np.mean(np.square(ratios))))


def _shaped(shape: Callable[[Array], Array], terms: Terms) -> Callable[[int], float]:
    """Error over noise where the target follows a known shape of five features that are spread evenly over 0 to 1."""

    def measure(repeats: int) -> float:
        chance = np.random.default_rng(7)
        ratios = []
        for _ in range(repeats):
            features = chance.uniform(size=(2 * BATCHES, 5))
            values = shape(features) + 0.5 * chance.normal(size=2 * BATCHES)
            ratios += [fit.rmse / 0.5 for fit in fits_of({"P": (features, values[:, None])}, terms=terms)]
        return float(np.sqrt(np.mean(np.square(ratios))))

    return measure


def _straight(features: Array) -> Array:
    return 2 * features[:, 0] - features[:, 1]


def _hill(features: Array) -> Array:
    return 2 * features[:, 1] - 8 * (features[:, 0] - 0.5) ** 2


def _together(features: Array) -> Array:
    return 2 * features[:, 0] - features[:, 1] + 8 * (features[:, 0] - 0.5) * (features[:, 1] - 0.5)


def _drift(shift: float) -> Callable[[int], float]:
    """Forward error over cross-validated error where the level shifts at half time."""

    def measure(repeats: int) -> float:
        chance = np.random.default_rng(4)
        found = []
        for _ in range(repeats):
            features = chance.normal(size=(BATCHES, 5))
            level = shift * (np.arange(BATCHES) >= BATCHES // 2)
            values = features[:, 0] + level + 0.5 * chance.normal(size=BATCHES)
            found += fits_of({"P": (features, values[:, None])})
        return float(np.mean([fit.rmse_forward / fit.rmse for fit in found]))

    return measure


def _skilled(skills: Sequence[float]) -> float:
    return float(np.mean(np.asarray(skills) > 0.03))


def _far_above_one(ratios: Sequence[float]) -> float:
    return float(np.mean(np.asarray(ratios) > 1.05))


NO_EFFECT = "the mean is the best prediction; what is fitted to noise can only cost"
RARE = "no more often than a test at 5 % finds something in noise"
HELD = "90 % are promised, and intervals are widened after misses but never made narrower"
PROMISED = "95 % are promised"
WIDE = "95 % are promised; wider ones are honest, but not sharp"
SHIFTED = "blocks 6 to 10 are off by 5/5, 5/6, 5/7, 5/8, 5/9 of the shift, all batches by half of it: 1.43"
SHARED_NOISE = "noise, 4 products of the same 40 runs with an effect in common, 20 features"
NORMAL_NOISE = "noise, 40 batches, 12 features"
HEAVY_NOISE = "noise with heavy tails (t, 2 degrees of freedom), 40 batches, 20 features"
MEDIAN, SHARE = "error / that of the mean: median", "share of plants where it is above 1.05"
REAL, ZEROS = "95 % intervals hold real effects", "95 % intervals hold zeros"
SPARSE, MIXED = "3 of 15 effects, 100 batches", "3 of 15 effects, features strongly mixed"

STRAIGHT, OVER_NOISE = "2 of 5 effects, straight, 200 batches", "error / noise"
_normal = partial(_noise, tails=np.inf, features=12)
_heavy = partial(_noise, tails=2, features=20)
AS_LINES = "as for lines alone: √(1 + 6/194) = 1.02"
CURVED = "three columns more for each feature, and ten pairs: √(1 + 31/169) = 1.09, and twice 0.016 for ten plants"
_rows: list[tuple[str, str, float, float, str, Callable[[int], float]]] = [
    (SHARED_NOISE, "mean skill", -0.03, 0, NO_EFFECT, _shared_runs(np.mean)),
    (SHARED_NOISE, "share of models with a skill above 0.03", 0, 0.05, RARE, _shared_runs(_skilled)),
    (NORMAL_NOISE, MEDIAN, 0.99, 1.01, NO_EFFECT, _normal(np.median)),
    (NORMAL_NOISE, SHARE, 0, 0.05, RARE, _normal(_far_above_one)),
    (HEAVY_NOISE, MEDIAN, 0.99, 1.01, NO_EFFECT, _heavy(np.median)),
    (HEAVY_NOISE, SHARE, 0, 0.05, RARE, _heavy(_far_above_one)),
    ("one batch of 34 differs, 60 features", "worst error / that of the mean", 0.99, 1.005, NO_EFFECT, _outlier),
    (SPARSE, REAL, 0.90, 0.97, PROMISED, _coverage(_sparse, real=True)),
    (SPARSE, ZEROS, 0.90, 0.97, PROMISED, _coverage(_sparse, real=False)),
    ("15 small effects, 100 batches", REAL, 0.90, 0.97, PROMISED, _coverage(_dense, real=True)),
    (MIXED, REAL, 0.90, 0.99, WIDE, _coverage(_sparse, real=True, mixing=0.3)),
    (MIXED, ZEROS, 0.90, 0.99, WIDE, _coverage(_sparse, real=False, mixing=0.3)),
    (SPARSE, "90 % intervals hold new batches", 0.88, 0.94, HELD, _new_batches),
    ("5 fractions that add up to one, 100 batches", OVER_NOISE, 0.97, 1.08, "√(1 + 5/90) = 1.03", _mixture),
    (
        f"{STRAIGHT}, curves allowed",
        OVER_NOISE,
        0.95,
        1.05,
        "as for lines: √(1 + 6/194) = 1.02",
        _shaped(_straight, Terms.CURVES),
    ),
    (
        f"{STRAIGHT}, pairs allowed",
        OVER_NOISE,
        0.95,
        1.05,
        "as for lines: √(1 + 6/194) = 1.02",
        _shaped(_straight, Terms.PAIRS),
    ),
    ("a hill along one of 5 features, 200 batches", OVER_NOISE, 0.95, 1.12, CURVED, _shaped(_hill, Terms.CURVES)),
    ("2 of 5 features act together, 200 batches", OVER_NOISE, 0.95, 1.12, CURVED, _shaped(_together, Terms.PAIRS)),
    ("the level shifts by 4 × the noise", "forward error / cross-validated", 1.3, 1.55, SHIFTED, _drift(2.0)),
    ("a stable process", "forward error / cross-validated", 0.95, 1.1, "fewer batches cost a little", _drift(0.0)),
]
CONTROLS: tuple[Control, ...] = tuple(Control(*row) for row in _rows)


if __name__ == "__main__":
    sys.exit(main())

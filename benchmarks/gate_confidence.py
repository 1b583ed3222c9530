"""What the claims about the gate rest on: how often it lets a challenger pass, where the truth is known.

Run with ``python -m benchmarks.gate_confidence [RUNS]``. Each run makes a plant with products whose target depends on
two features, trains a champion and a challenger as the pipeline does, and asks the gate.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from src.common.model_registry import RegisteredModel
from src.common.setting_values import GatePolicy
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.evaluation.batchai.product_comparisons import Contender, compare
from src.evaluation.comparison import ComparedOn, Comparison, compared
from src.evaluation.gate import CONFIDENCE, ROUNDING, Rule, decide
from src.evaluation.paired_errors import errors_by_batch
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location
from src.training.batchai.model import LocationModel, Model
from src.training.batchai.out_of_fold import OutOfFold

OPTIONS = TrainingOptions(folds=5, min_batches=20)
CHAMPION = RegisteredModel("batchai", 1)
Challenge = Callable[[np.random.Generator], list[Comparison]]
MARGIN = 0.02
RULES = (Rule(), Rule(GatePolicy.FRESH, margin=MARGIN))
PAIRED, SIZE, CORRELATIONS = 60, 0.5, (0.9, 0.99)
"""Batches, the size of the champion's errors where that of the mean's are 1, and how alike both models err."""
PRODUCTS, BATCHES, NEWER = 3, 60, 20
BOTH = ("strong", "weak")
NAMES = ("strong", "weak", "noise", "other noise")
WEIGHTS = (1.0, 0.4, 0.0, 0.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate. Returns 0."""
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=int, nargs="?", default=200, help="how many plants of each kind (default: 200)")
    runs: int = parser.parse_args(argv).runs
    print(f"{runs} runs, {PRODUCTS} products of {BATCHES} batches; newer: {NEWER} batches more; margin {MARGIN}")
    print("  passes as better and as fresh, and how often the improvement is above zero")
    for what, challenge in CASES.items():
        found = [challenge(np.random.default_rng(seed)) for seed in range(runs)]
        better, fresh = (np.mean([decide(parts, CHAMPION, rule=rule).better for parts in found]) for rule in RULES)
        improvements = np.array([decide(parts, CHAMPION, rule=RULES[0]).improvement for parts in found])
        print(
            f"  {what}: better {better:.1%}, fresh {fresh:.1%} (± {sqrt(0.25 / runs):.1%} at the most),"
            f" above zero {(improvements > ROUNDING).mean():.1%},"
            f" on average {improvements.mean():+.4f} ± {improvements.std():.4f}",
            flush=True,
        )
    print("  paired errors of 60 newer batches, drawn without training: passes as fresh, and what theory expects")
    for worse in (MARGIN, 0.0):
        for correlation in CORRELATIONS:
            passed = passes_as_fresh(np.random.default_rng(7), 20 * runs, worse=worse, correlation=correlation)
            expected = expected_as_fresh(worse=worse, correlation=correlation)
            print(f"  worse by {worse:g}, errors correlated by {correlation:g}: {passed:.1%}, expected {expected:.1%}")
    return 0


def passes_as_fresh(chance: np.random.Generator, times: int, *, worse: float, correlation: float) -> float:
    """How often a challenger passes whose true skill is smaller by `worse`: errors are normal, and paired."""
    passed = 0
    for _ in range(times):
        errors = chance.normal(size=(3, PAIRED))
        theirs, ours = (
            SIZE * errors[0],
            (SIZE + worse) * (correlation * errors[0] + sqrt(1 - correlation**2) * errors[1]),
        )
        ids = np.array([str(row) for row in range(PAIRED)], dtype=object)
        parts = [errors_by_batch(ids, part, 0.0) for part in (theirs, ours, errors[2])]
        comparison = compared(("plant", "P", "y"), ComparedOn.NEWER, *parts)
        passed += decide([comparison], CHAMPION, rule=RULES[1]).better
    return passed / times


def expected_as_fresh(*, worse: float, correlation: float) -> float:
    """What theory expects.

    A root mean square of normal errors has the variance σ² / 2n, squares of two errors have the squared correlation of
    these, and the error of the mean is 1: where the two others differ, its variance adds to that of their difference.
    """
    ours, theirs = SIZE + worse, SIZE
    variance = (ours**2 + theirs**2 - 2 * correlation**2 * ours * theirs + worse**2) / (2 * PAIRED)
    return NormalDist().cdf((MARGIN - worse) / sqrt(variance) - NormalDist().inv_cdf(CONFIDENCE))


def plant(chance: np.random.Generator, batches: int) -> PreparedLocation:
    """A location: y = strong + 0.4 weak + noise of the same size as strong."""
    groups = []
    for product in range(PRODUCTS):
        features = chance.normal(size=(batches, len(NAMES)))
        values = (features @ np.array(WEIGHTS) + chance.normal(size=batches))[:, None]
        ids = np.array([f"B{row}" for row in range(batches)], dtype=object)
        groups.append(PreparedGroup(f"P{product}", ids, features, values, _nothing(features)))
    return PreparedLocation("plant", NAMES, (PreparedTarget("y"),), tuple(groups))


def _nothing(features: NDArray[np.float64]) -> FeatureRows:
    return FeatureRows(np.empty(0, dtype=object), np.empty((0, features.shape[1])))


def seen(location: PreparedLocation, *names: str, rows: int | None = None) -> PreparedLocation:
    """What remains with some of the features, and the first rows only."""
    places = [NAMES.index(name) for name in names]
    groups = []
    for group in location.groups:
        features = group.features[:rows, places]
        cut = replace(group, batch_ids=group.batch_ids[:rows], features=features, targets=group.targets[:rows])
        groups.append(replace(cut, pending=_nothing(features)))
    return replace(location, feature_names=names, groups=tuple(groups))


def shuffled(location: PreparedLocation, chance: np.random.Generator) -> PreparedLocation:
    """The measured values belong to other batches."""
    groups = (replace(group, targets=chance.permutation(group.targets)) for group in location.groups)
    return replace(location, groups=tuple(groups))


def refit(location: PreparedLocation) -> LocationModel:
    """Train a location."""
    return location_model(location, fit_location(location, OPTIONS))


def trained(location: PreparedLocation) -> Contender:
    """What training makes of a location."""
    fits = fit_location(location, OPTIONS)
    found = {}
    for group, fit in zip(location.groups, fits, strict=True):
        target = fit.targets["y"]
        if isinstance(target, TargetFit):
            key = (location.location, group.product_id, "y")
            held = target.fit.out_of_fold
            found[key] = OutOfFold(group.batch_ids, held.measured[:, 0], held.predicted[:, 0], held.mean[:, 0])
    return Contender(Model({location.location: location_model(location, fits)}, "0123456789ab", {}), found)


def judge(challenger: PreparedLocation, champion: PreparedLocation) -> list[Comparison]:
    """Compare as the evaluation does."""
    return compare(trained(challenger), trained(champion), [challenger], refit)


def _fewer(location: PreparedLocation, products: int) -> PreparedLocation:
    return replace(location, groups=location.groups[:products])


def _with_noise(chance: np.random.Generator) -> list[Comparison]:
    """The champion lacks a product of which nothing can be learned."""
    known = seen(plant(chance, BATCHES), "strong", "weak", "noise")
    last = replace(known.groups[-1], targets=chance.normal(size=known.groups[-1].targets.shape))
    return judge(replace(known, groups=(*known.groups[:-1], last)), _fewer(known, PRODUCTS - 1))


def _between(challenger: tuple[str, ...], champion: tuple[str, ...], *, newer: int = 0) -> Challenge:
    def challenge(chance: np.random.Generator) -> list[Comparison]:
        known = plant(chance, BATCHES + newer)
        return judge(seen(known, *challenger), seen(known, *champion, rows=BATCHES))

    return challenge


def _drifting(size: float, *names: str) -> Challenge:
    """The level of the target moves by `size` from the first newer batch to the last."""

    def challenge(chance: np.random.Generator) -> list[Comparison]:
        known = plant(chance, BATCHES + NEWER)
        moved = np.concatenate([np.zeros(BATCHES), np.linspace(0, size, NEWER)])[:, None]
        groups = tuple(replace(group, targets=group.targets + moved) for group in known.groups)
        known = replace(known, groups=groups)
        return judge(seen(known, *names), seen(known, *BOTH, rows=BATCHES))

    return challenge


def _permuted(chance: np.random.Generator) -> list[Comparison]:
    known = seen(plant(chance, BATCHES), "strong", "weak")
    return judge(shuffled(known, chance), known)


def _without_a_product(chance: np.random.Generator) -> list[Comparison]:
    known = seen(plant(chance, BATCHES), "strong", "weak")
    return judge(_fewer(known, PRODUCTS - 1), known)


CASES: dict[str, Challenge] = {
    "equal: another feature of noise": _between((*BOTH, "other noise"), (*BOTH, "noise")),
    "equal: the very same": _between(BOTH, BOTH),
    "worse: one feature of noise more": _between((*BOTH, "noise"), BOTH),
    "worse: lacks the weak feature": _between(("strong",), BOTH),
    "worse: permuted targets": _permuted,
    "worse: noise alone": _between(("noise", "other noise"), BOTH),
    "worse: a product is lost": _without_a_product,
    "no better: a new product of noise": _with_noise,
    "better: the weak feature is new": _between(BOTH, ("strong",)),
    "better: newer batches, the same method": _between(BOTH, BOTH, newer=NEWER),
    "newer batches, and the weak feature is gone": _between(("strong",), BOTH, newer=NEWER),
    "drifting by 2 standard deviations of the noise, the same method": _drifting(2.0, *BOTH),
    "drifting by 4, the same method": _drifting(4.0, *BOTH),
    "drifting by 2, and the weak feature is gone": _drifting(2.0, "strong"),
    "newer batches, another feature of noise": _between((*BOTH, "other noise"), (*BOTH, "noise"), newer=NEWER),
}

if __name__ == "__main__":
    sys.exit(main())

"""What the claims about the gate rest on: how often it lets a challenger pass, where the truth is known.

Run with ``python -m benchmarks.gate_confidence [RUNS]``. Each run makes a plant with products whose target depends on
two features, trains a champion and a challenger as the pipeline does, and asks the gate.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from src.common.model_registry import RegisteredModel
from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.evaluation.batchai.product_comparisons import Contender, compare
from src.evaluation.gate import Decision, Rule, decide
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location
from src.training.batchai.model import LocationModel, Model
from src.training.batchai.out_of_fold import OutOfFold

OPTIONS = TrainingOptions(folds=5, min_batches=20)
CHAMPION = RegisteredModel("batchai", 1)
PRODUCTS, BATCHES, NEWER = 3, 60, 20
NAMES = ("strong", "weak", "noise", "other noise")
WEIGHTS = (1.0, 0.4, 0.0, 0.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate. Returns 0."""
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=int, nargs="?", default=200, help="how many plants of each kind (default: 200)")
    runs: int = parser.parse_args(argv).runs
    print(f"{runs} runs, {PRODUCTS} products of {BATCHES} batches; newer: {NEWER} batches more")
    for what, challenge in CASES.items():
        decisions = [challenge(np.random.default_rng(seed)) for seed in range(runs)]
        passed = np.mean([decision.better for decision in decisions])
        above = np.mean([decision.improvement > decision.min_improvement for decision in decisions])
        mean = np.mean([decision.improvement for decision in decisions])
        error = sqrt(passed * (1 - passed) / runs)
        print(
            f"  {what}: better {passed:.1%} (± {error:.1%}), above zero {above:.1%}, on average {mean:+.4f}", flush=True
        )
    return 0


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


def judge(challenger: PreparedLocation, champion: PreparedLocation) -> Decision:
    """Ask the gate."""
    comparisons = compare(trained(challenger), trained(champion), [challenger], refit)
    return decide(comparisons, CHAMPION, rule=Rule(min_improvement=0.0))


def _fewer(location: PreparedLocation, products: int) -> PreparedLocation:
    return replace(location, groups=location.groups[:products])


def _with_noise(chance: np.random.Generator) -> Decision:
    """The champion lacks a product of which nothing can be learned."""
    known = seen(plant(chance, BATCHES), "strong", "weak", "noise")
    last = replace(known.groups[-1], targets=chance.normal(size=known.groups[-1].targets.shape))
    return judge(replace(known, groups=(*known.groups[:-1], last)), _fewer(known, PRODUCTS - 1))


def _between(challenger: tuple[str, ...], champion: tuple[str, ...], *, newer: int = 0) -> Callable[..., Decision]:
    def challenge(chance: np.random.Generator) -> Decision:
        known = plant(chance, BATCHES + newer)
        return judge(seen(known, *challenger), seen(known, *champion, rows=BATCHES))

    return challenge


def _permuted(chance: np.random.Generator) -> Decision:
    known = seen(plant(chance, BATCHES), "strong", "weak")
    return judge(shuffled(known, chance), known)


def _without_a_product(chance: np.random.Generator) -> Decision:
    known = seen(plant(chance, BATCHES), "strong", "weak")
    return judge(_fewer(known, PRODUCTS - 1), known)


BOTH = ("strong", "weak")
CASES: dict[str, Callable[[np.random.Generator], Decision]] = {
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
    "newer batches, another feature of noise": _between((*BOTH, "other noise"), (*BOTH, "noise"), newer=NEWER),
}

if __name__ == "__main__":
    sys.exit(main())

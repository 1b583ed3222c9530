"""What the claims about monitoring rest on: how often it is wrong, and how soon it is right, where the truth is known.

Run with ``python -m benchmarks.monitoring_alarms [--products N]``. Each case makes a plant with products of 60 batches
and three targets, trains on the first 40 or on all, and monitors as the step of the pipeline does.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from src.data_preparation.batchai.group_tables import FeatureRows
from src.data_preparation.batchai.prepared_data import PreparedGroup, PreparedLocation, PreparedTarget
from src.monitoring.batchai.inputs import inputs_of
from src.monitoring.batchai.monitoring_tables import format_charts, format_inputs, format_signals
from src.monitoring.batchai.series import series_of
from src.monitoring.batchai.signals import BATCH, FEATURE, SIGNAL_LEVEL, Watched, in_training, since_training
from src.training.batchai.fitted_model import location_model
from src.training.batchai.input_space import LEVEL
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location
from src.training.batchai.model import LocationModel
from src.training.batchai.out_of_fold import OutOfFold

BATCHES, KNOWN, SOON, FEATURES, TARGETS = 60, 40, 12, 12, 3
OLD_RULE = 0.85
"""The rule before: the process drifts where intervals held fewer of the later batches of training than this."""
RESIDUAL = 1.2
"""The standard deviation of residuals: that of the noise is 1, and the coefficients are uncertain, too."""
Array = NDArray[np.float64]
Change = Callable[[Array, Array], None]
"""Changes features, shape (products, batches, features), and noise, (products, batches, targets), in place."""


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate. Returns 0."""
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--products", type=int, default=270, help="products of each plant (default: 270)")
    products: int = parser.parse_args(argv).products
    print(f"{products} products, {TARGETS} targets, {FEATURES} features, {BATCHES} batches")
    for what, change in CASES.items():
        plant = make_plant(products, change)
        print(f"{what}:")
        print(f"  trained on {KNOWN}: {_since(plant)}")
        print(f"  trained on all: {_before(plant)}")
    _time()
    return 0


def stable(_: Array, __: Array) -> None:
    """Nothing changes."""


def level(_: Array, noise: Array) -> None:
    """The level of every target rises by one standard deviation of its residuals."""
    noise[:, KNOWN:] += RESIDUAL


def slope(_: Array, noise: Array) -> None:
    """It rises by 0.1 from batch to batch."""
    noise[:, KNOWN:] += 0.1 * np.arange(1, BATCHES - KNOWN + 1)[:, None]


def spread(_: Array, noise: Array) -> None:
    """Residuals spread twice as far."""
    noise[:, KNOWN:] *= 2


def sensor(features: Array, _: Array) -> None:
    """The sensor of one feature reads two standard deviations too high; the process is as it was."""
    features[:, KNOWN:, 0] += 2


CASES: dict[str, Change] = {
    "stable": stable,
    "level up by one standard deviation": level,
    "slope of a tenth per batch": slope,
    "twice the spread": spread,
    "one sensor two deviations off": sensor,
}


def make_plant(products: int, change: Change, *, seed: int = 1) -> PreparedLocation:
    """Products with linear targets whose noise has a standard deviation of 1."""
    chance = np.random.default_rng(seed)
    features = chance.standard_normal((products, BATCHES, FEATURES))
    noise = chance.standard_normal((products, BATCHES, TARGETS))
    coefficients = chance.standard_normal((products, FEATURES, TARGETS)) * (np.arange(FEATURES) < 6)[:, None]
    targets = features @ coefficients
    change(features, noise)  # a sensor that is off does not change what the process does
    targets += noise
    none = FeatureRows(np.empty(0, dtype=object), np.empty((0, FEATURES)))
    groups = [
        PreparedGroup(
            f"P{place:04}", np.array([f"{place}-{row:03}" for row in range(BATCHES)], dtype=object), x, y, none
        )
        for place, (x, y) in enumerate(zip(features, targets, strict=True))
    ]
    names = tuple(f"x{place}" for place in range(FEATURES))
    return PreparedLocation("plant", names, tuple(PreparedTarget(f"y{i}") for i in range(TARGETS)), tuple(groups))


@dataclass(frozen=True)
class Champion:
    """A registered model, and its out-of-fold predictions."""

    model: LocationModel
    out_of_fold: dict[tuple[str, str, str], OutOfFold]

    @classmethod
    def of(cls, location: PreparedLocation) -> "Champion":
        """Train it."""
        fits = fit_location(location, TrainingOptions(threads=os.cpu_count() or 1))
        found = {}
        for group, fit in zip(location.groups, fits, strict=True):
            for name, target in fit.targets.items():
                if isinstance(target, TargetFit):
                    held, place = target.fit.out_of_fold, target.place
                    found[location.location, group.product_id, name] = OutOfFold(
                        group.batch_ids, held.measured[:, place], held.predicted[:, place], held.mean[:, place]
                    )
        return cls(location_model(location, fits), found)


def _first(location: PreparedLocation, batches: int) -> PreparedLocation:
    rows = np.arange(batches)
    return replace(location, groups=tuple(group.take(rows) for group in location.groups))


def _since(location: PreparedLocation) -> str:
    """Train on the first batches, and watch the others."""
    champion = Champion.of(_first(location, KNOWN))
    series = list(series_of(location, champion.model, champion.out_of_fold))
    _, watched = since_training(series)
    early = list(series_of(_first(location, KNOWN + SOON), champion.model, champion.out_of_fold))
    soon = _found(since_training(early)[1])
    inputs = list(inputs_of(location, champion.model))
    batches = Watched(BATCH, [one for part in inputs for one in part.unusual()], hint_below=LEVEL)
    shifts = Watched(FEATURE, [one for part in inputs for one in part.shifted()])
    old = _old_rule(champion.model)
    hints = np.mean([one.chance <= watched.hint_below for one in watched.findings])
    return (
        f"models with a signal {_found(watched):.1%} (after {SOON} batches {soon:.1%}), at 5 % {hints:.1%};"
        f" products with a signal {_found(watched, by_product=True):.1%}; shifted features {_found(shifts):.2%},"
        f" unusual batches {_found(batches):.2%},"
        f" at 1 % {np.mean([one.chance <= LEVEL for one in batches.findings]):.2%};"
        f" the old rule warns of {old:.1%}"
    )


def _before(location: PreparedLocation) -> str:
    """Train on all batches, and look for a change in them."""
    champion = Champion.of(location)
    series = list(series_of(location, champion.model, champion.out_of_fold))
    _, watched = in_training(series)
    old = _old_rule(champion.model)
    hints = np.mean([one.chance <= watched.hint_below for one in watched.findings])
    return f"models with a signal {_found(watched):.1%}, at 5 % {hints:.1%}; the old rule warns of {old:.1%}"


def _old_rule(model: LocationModel) -> float:
    """The share of models that the rule before warned of."""
    targets = [target for group in model.groups.values() for target in group.targets.values()]
    return sum(target.forward_coverage < OLD_RULE for target in targets) / len(targets)


def _found(watched: Watched, *, by_product: bool = False) -> float:
    """The share of what was watched that has a signal; by product: that has one for some target."""
    signals = [one for found, one in watched.judged() if found == SIGNAL_LEVEL]
    if by_product:
        return len({one.product_id for one in signals}) / max(1, len({one.product_id for one in watched.findings}))
    return len(signals) / max(1, len(watched.findings))


def _time() -> None:
    """How long monitoring takes, without training."""
    location = make_plant(1_000, stable)
    champion = Champion.of(_first(location, KNOWN))
    start = perf_counter()
    series = list(series_of(location, champion.model, champion.out_of_fold))
    charted, since = since_training(series)
    excursions, before = in_training(series)
    inputs = list(inputs_of(location, champion.model))
    watched = [since, before, Watched(BATCH, [one for part in inputs for one in part.unusual()], hint_below=LEVEL)]
    size = len(format_charts(series, charted, excursions)) + len(format_inputs(inputs)) + len(format_signals(watched))
    print(
        f"1,000 products, {TARGETS} targets, 20 new batches each: {perf_counter() - start:.1f} s, {size / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())

"""Fits of training sets, averaged over all candidates by their evidence (see `evidence` and `families`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.ridge.evidence import PENALTIES, SHARES, log_likelihoods
from src.training.batchai.ridge.families import Family, find_families
from src.training.batchai.ridge.hardly_shrunk import estimate_widely
from src.training.batchai.ridge.training_sets import TrainingSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_CARRIERS = 3.0
"""Where the variance of a target is carried by fewer batches than this, the mean is predicted: the likelihood of normal
errors takes one outlier for proof of whatever happened to be unusual in it. Their number is ``(Σd²)² / Σd⁴``, over the
deviations ``d`` from the mean: all batches if all deviate alike, 1 if a single one does."""
LEAST_WEIGHT = 1e-3
"""A family of further columns with less weight than this gets none, so that a linear model is one to the last digit."""


@dataclass(frozen=True)
class Averaged:
    """Fits of training sets, averaged over the candidates; in the sets' standardised units.

    Attributes:
        coefficients: Shape (sets, features, targets); with those of further columns behind those of the features.
        level: Shape (sets, targets): what is added to the plain mean of the targets.
        variance: Shape (sets, targets): ``σ²``.
        share: Shape (sets, targets): how much of what the other products say was taken, from 0 to 1.
        shrinkage: Shape (sets, targets): the geometric mean of ``α``; infinite where the infinite one has more weight.
        wide: Shape (3, features, targets): of the first set, the estimates that are hardly shrunk, their standard
            errors, and (the same in each row) the degrees of freedom of these.
        knot_errors: Shape (curves, knots, targets): of the first set, the standard errors of the curves at their knots.
    """

    coefficients: NDArray[np.float64]
    level: NDArray[np.float64]
    variance: NDArray[np.float64]
    share: NDArray[np.float64]
    shrinkage: NDArray[np.float64]
    wide: NDArray[np.float64]
    knot_errors: NDArray[np.float64]


def average(
    every: Sequence[TrainingSets], toward: Sequence[NDArray[np.float64] | None], *, own: bool
) -> list[Averaged]:
    """Fit training sets, each by its own evidence; those of several problems of one shape at once where that is quick.

    Args:
        every: For each problem, its training sets.
        toward: For each, what the other products say, in the sets' standardised units: shape (sets, features,
            targets); None where there is nothing to borrow.
        own: Whether the products have coefficients of their own; if not, they take what the others say.

    Returns:
        The fits of each problem, the same whatever else is fitted with it.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, (sets, given) in enumerate(zip(every, toward, strict=True)):
        some = sets.summed is not None or sets.further is not None
        alone = place if sets.has_repeats or not some or len(sets.taken) == 1 else -1
        rows = 0 if sets.further is None else len(sets.batch)
        key = (alone, given is None, sets.width, sets.unit.shape[1], sets.knots, rows)
        alike.setdefault(key, []).append(place)
    found: dict[int, Averaged] = {}
    for places in alike.values():
        parts = _average_alike([every[place] for place in places], [toward[place] for place in places], own=own)
        found.update(zip(places, parts, strict=True))
    return [found[place] for place in range(len(every))]


def _average_alike(
    every: Sequence[TrainingSets], toward: Sequence[NDArray[np.float64] | None], *, own: bool
) -> list[Averaged]:
    import numpy as np

    sizes = [len(sets.taken) for sets in every]
    first, ends = np.cumsum([0, *sizes[:-1]]), np.cumsum(sizes[:-1])
    rows, unit = np.concatenate([sets.rows for sets in every]), np.concatenate([sets.unit for sets in every])
    features = every[0].width
    borrowed = [part for part in toward if part is not None]
    given = np.concatenate(borrowed) if borrowed else np.zeros((len(rows), features, unit.shape[1]))
    freedom = rows - 1
    penalties = rows[:, None] * np.asarray(PENALTIES)
    fits = []
    for family in find_families(every, given, borrows=bool(borrowed)):
        logs, sums = log_likelihoods(family.found, family.toward, penalties, freedom, beyond=family.beyond)
        fits.append((family, logs + family.log_determinant[:, None, None, None], sums))
    outlier = np.concatenate([sets.fewer_carriers(FEWEST_CARRIERS) for sets in every])
    logs = np.stack([fit[1] for fit in fits]) + _allowed(outlier, borrows=bool(borrowed), own=own)
    weights = np.exp(logs - logs.max(axis=(0, 2, 3), keepdims=True))
    weights /= weights.sum(axis=(0, 2, 3), keepdims=True)
    if every[0].further is not None:
        weights *= weights.sum(axis=(2, 3), keepdims=True) >= LEAST_WEIGHT
        weights /= weights.sum(axis=(0, 2, 3), keepdims=True)
    coefficients, levels = np.zeros_like(given), np.zeros_like(unit)
    variance = np.zeros_like(unit)
    for weight, (family, _, sums) in zip(weights, fits, strict=True):
        part = _combine(family, given, penalties, weight)
        coefficients += part
        if family.level is not None:
            levels += weight.sum(axis=(1, 2)) * family.level[:, features:]
            levels -= np.einsum("sf,sft->st", family.level[:, :features], part)
        variance += (weight * sums).sum(axis=(1, 2)) / np.maximum(freedom, 1)[:, None]
    of_fits = [fit[0] for fit in fits], [fit[2] for fit in fits]
    wide, knot_errors = estimate_widely(every, *of_fits, weights, given=given, freedom=freedom, first=first)
    finite = weights[:, :, :, :-1].sum(axis=(0, 2))
    mass = finite.sum(axis=1)
    mean = (finite * np.log(penalties)[:, :, None]).sum(axis=1) / np.where(mass > 0, mass, 1)
    whole = (
        coefficients,
        levels,
        variance,
        np.einsum("csrpt,r->st", weights, np.asarray(SHARES)),
        np.where(mass > 0.5, np.exp(mean), np.inf),
    )
    parts = zip(*(np.split(part, ends) for part in whole), wide, knot_errors, strict=True)
    return [Averaged(*part) for part in parts]


def _allowed(outlier: NDArray[np.bool_], *, borrows: bool, own: bool) -> NDArray[np.float64]:
    """0 for a candidate that is one, minus infinity for the others; broadcasts against the logarithms.

    Args:
        outlier: Shape (sets, targets): where only the mean is one.
        borrows: Whether there is something to borrow.
        own: Whether the products have coefficients of their own.
    """
    import numpy as np

    allowed = np.zeros((1, len(SHARES), len(PENALTIES) + 1, 1))
    if not borrows:
        allowed[:, 1:] = -np.inf
    if not own:
        allowed[:, :, :-1] = -np.inf
        return allowed
    if not outlier.any():
        return allowed
    mean = np.zeros_like(allowed, dtype=bool)
    mean[:, 0, -1] = True
    return np.where(outlier[:, None, None] & ~mean, -np.inf, allowed)


def _combine(
    family: Family, given: NDArray[np.float64], penalties: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The sum of all candidates' coefficients, each times its weight. Shape (sets, columns, targets)."""
    import numpy as np

    found, toward, share = family.found, family.toward, np.asarray(SHARES)
    shrink = 1 / (found.squares[:, :, None] + penalties[:, None])
    taken = np.einsum("srpt,r->st", weights, share)[:, None]
    own = shrink @ weights[:, :, :-1].sum(axis=1)
    less = shrink @ np.einsum("srpt,r->spt", weights[:, :, :-1], share)
    if family.scale is not None:
        moved: NDArray[np.float64] = taken * given
        inside = found.cross * own - found.squares[:, :, None] * toward * less
        moved[:, family.scale > 0] += found.directions @ inside * family.scale[family.scale > 0][:, None]
        return moved
    inside = taken * toward + found.cross * own - found.squares[:, :, None] * toward * less
    coefficients: NDArray[np.float64] = found.directions @ inside
    if found.directions.shape[1] > found.directions.shape[2]:  # what the rows don't show is as the others say
        coefficients += taken * (given - found.directions @ toward)
    return coefficients

"""Fits of training sets, averaged over all candidates by their evidence (see `evidence`).

Each family of candidates comes from one decomposition: one for each ratio of the batch effect and, where training sets
have further columns, for each ratio of these columns' variance to that of the lines. Zero is one, so that a model
stays linear where the data say no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.training.batchai.ridge.evidence import (
    PENALTIES,
    SHARES,
    Decomposed,
    decompose,
    decompose_products,
    log_likelihoods,
)
from src.training.batchai.ridge.training_sets import TrainingSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_CARRIERS = 3.0
"""Where the variance of a target is carried by fewer batches than this, the mean is predicted: the likelihood of normal
errors takes one outlier for proof of whatever happened to be unusual in it. Their number is ``(Σd²)² / Σd⁴``, over the
deviations ``d`` from the mean: all batches if all deviate alike, 1 if a single one does."""
BATCH_EFFECTS = (0.0, 0.1, 0.5, 2.0, 8.0)
"""``θ``: the variance of the effect that a batch's rows have in common, as a multiple of that of a row."""
OWN_TERMS = ((0.0, 0.0), (0.3, 0.0), (0.3, 0.1))
"""The variance of what is a product's own in a curve and in a pair, as multiples of that of its lines."""
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


@dataclass(frozen=True)
class Family:
    """Candidates that one decomposition gives.

    Attributes:
        found: The decomposed sets.
        level: Shape (sets, columns): see `Whitened`; None where it is zero.
        log_determinant: Shape (sets,): see `Whitened`.
        toward: Shape (sets, directions, targets): ``Q'β₀``.
        beyond: Shape (2, sets, targets): see `log_likelihoods`.
        scale: Shape (columns,): by how much columns were multiplied; 0 for those that are left out. None: by 1.
    """

    found: Decomposed
    level: NDArray[np.float64] | None
    log_determinant: NDArray[np.float64]
    toward: NDArray[np.float64]
    beyond: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None


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
    for family in _families(every, given, borrows=bool(borrowed)):
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
    wide, knot_errors = _wide(every, *of_fits, weights, given=given, freedom=freedom, first=first)
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


def _families(every: Sequence[TrainingSets], given: NDArray[np.float64], *, borrows: bool) -> Iterator[Family]:
    """For each batch effect and each variance of further columns: candidates, without their weights."""
    import numpy as np

    sets = every[0]
    if sets.further is not None:
        yield from _families_of_terms(every, given if borrows else None)
    elif sets.summed is None or sets.has_repeats:
        for effect in BATCH_EFFECTS if sets.has_repeats else BATCH_EFFECTS[:1]:
            rows = sets.whiten(effect)
            found = decompose(rows.columns, sets.width)
            yield Family(found, rows.level, rows.log_determinant, found.directions.transpose(0, 2, 1) @ given)
    else:
        products = np.concatenate([part.summed for part in every if part.summed is not None])
        total = np.einsum("scc->sc", products)[:, sets.width :]
        rows_of = np.concatenate([part.rows for part in every])
        found = decompose_products(products[:, : sets.width], total)
        yield Family(found, None, -0.5 * np.log(rows_of), found.directions.transpose(0, 2, 1) @ given)


def _families_of_terms(every: Sequence[TrainingSets], given: NDArray[np.float64] | None) -> Iterator[Family]:
    """Where there are further columns.

    What is borrowed may lie in columns that a family leaves out, so its effect on the rows is projected as targets are.
    """
    import numpy as np

    sets = every[0]
    width, targets = sets.width, sets.unit.shape[1]
    for effect in BATCH_EFFECTS if sets.has_repeats else BATCH_EFFECTS[:1]:
        whitened = [one.whiten(effect) for one in every]
        columns = np.concatenate([rows.columns for rows in whitened])
        level = np.concatenate([rows.level for rows in whitened])
        log_determinant = np.concatenate([rows.log_determinant for rows in whitened])
        offset = columns[:, :, width:] * 0 if given is None else columns[:, :, :width] @ given
        columns = np.concatenate([columns, offset], axis=2)
        total = np.square(columns[:, :, width:]).sum(axis=1)
        both = (columns[:, :, width:-targets] * offset).sum(axis=1)
        products = columns[:, :, :width].transpose(0, 2, 1) @ columns if width <= columns.shape[1] else None
        for scale in sets.column_scales(OWN_TERMS):
            used = scale > 0
            if products is not None:
                scaled = products[:, used] * scale[used][:, None]
                inner = scaled[:, :, :width][:, :, used] * scale[used]
                found = decompose_products(np.concatenate([inner, scaled[:, :, width:]], axis=2), total)
            else:
                some = columns[:, :, :width][:, :, used] * scale[used]
                found = decompose(np.concatenate([some, columns[:, :, width:]], axis=2), int(used.sum()))
            cross, moved = found.cross[:, :, :targets], found.cross[:, :, targets:]
            toward = found.inverse[:, :, None] * moved
            beyond = np.stack([both - (cross * toward).sum(axis=1), total[:, targets:] - (moved * toward).sum(axis=1)])
            found = replace(found, cross=cross, total=total[:, :targets])
            prior = sets.further.log_prior if sets.further is not None and used.all() else 0.0
            yield Family(found, level, log_determinant + prior, toward, None if given is None else beyond, scale)


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


def _wide(
    every: Sequence[TrainingSets],
    families: Sequence[Family],
    sums: Sequence[NDArray[np.float64]],
    weights: NDArray[np.float64],
    *,
    given: NDArray[np.float64],
    freedom: NDArray[np.float64],
    first: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the first set of each problem, `Averaged.wide` and `Averaged.knot_errors`; the problems are the first axis.

    Where there are further columns, a family that leaves out some of them has its weight where nothing is borrowed in
    these; else the one that uses all has it. The errors of curves are those of the latter: what the data can't tell
    apart is no less unknown where the evidence is for a line.
    """
    import numpy as np

    further = every[0].further
    alike = 1 if further is None else len(every[0].column_scales(OWN_TERMS))
    effects = range(0, len(families), alike)
    shapes = (len(first), 3, every[0].width, weights.shape[-1]), (len(first), *every[0].knots, weights.shape[-1])
    wide, errors = (np.zeros(shape) for shape in shapes)
    every_variance = None if further is None else np.einsum("csrpt,csrpt->st", weights[:, first], _some(sums, first))
    for start in effects:
        part = weights[start : start + alike, first].sum(axis=0)
        mass = part.sum(axis=(1, 2))
        if every_variance is None:
            variance = (part * sums[start][first]).sum(axis=(1, 2)) / np.maximum(mass, np.finfo(np.float64).tiny)
        else:
            variance = every_variance
        variance = variance[:, None] / np.maximum(freedom[first][:, None, None], 1)
        *less, whole = families[start : start + alike]
        estimates, at_knots = _hardly_shrunk(every, whole, variance, freedom[first], first)
        errors += mass[:, None, None] * at_knots
        for family, weight in zip(less, weights[start:, first].sum(axis=(2, 3)), strict=False):
            borrowed = given[first][:, family.scale == 0].any(axis=1)
            own = np.where(borrowed, 0, weight)
            wide += own[:, None, None] * _hardly_shrunk(every, family, variance, freedom[first], first)[0]
            mass = mass - own
        wide += mass[:, None, None] * estimates
    return wide, errors


def _some(sums: Sequence[NDArray[np.float64]], first: NDArray[np.int64]) -> NDArray[np.float64]:
    import numpy as np

    return np.stack([part[first] for part in sums])


def _hardly_shrunk(
    every: Sequence[TrainingSets],
    family: Family,
    variance: NDArray[np.float64],
    freedom: NDArray[np.float64],
    first: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimates of some sets for intervals: shrinkage would pull them, and the intervals with them, toward zero.

    Their prior says no more than that one standard deviation of a feature moves the target by about one at the most:
    ``β ~ N(0, 1)``, so ``α = σ²``. With few collinear features this is least squares; where the rows don't tell two
    features apart, the standard error says so, and is never infinite.

    Returns:
        Shape (some, 3, columns, targets): as `Averaged.wide`; and (some, curves, knots, targets): errors of curves.
    """
    import numpy as np

    found, free = family.found, freedom[:, None, None]
    squares, directions = found.squares[first][:, :, None], found.directions[first]
    shrink = 1 / np.maximum(squares + variance, np.finfo(np.float64).tiny)
    estimate = directions @ (found.cross[first] * shrink)
    shown = np.square(directions)
    spread = variance * (shown @ shrink) + np.maximum(1 - shown.sum(axis=2), 0)[:, :, None]
    used = (squares * shrink).sum(axis=1)[:, None]
    freedoms = np.broadcast_to(np.maximum(free - used, 1), estimate.shape)
    wide = np.stack([estimate, np.sqrt(spread), freedoms], axis=1)
    if family.scale is None:
        return wide, np.zeros((len(first), *every[0].knots, estimate.shape[2]))
    return _of_all_columns(wide, family.scale), _errors_at_knots(every, family.scale, directions, variance * shrink)


def _of_all_columns(wide: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the columns of a family to all, in their own units; those that are left out are 0 ± 0."""
    import numpy as np

    used = scale > 0
    found = np.zeros((*wide.shape[:2], len(scale), wide.shape[3]))
    found[:, :2, used] = wide[:, :2] * scale[used][:, None]
    found[:, 2] = wide[:, 2, :1]
    return found


def _errors_at_knots(
    every: Sequence[TrainingSets],
    scale: NDArray[np.float64],
    directions: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The standard errors of curves: shape (some, curves, knots, targets).

    Args:
        every: The training sets of each problem.
        scale: Shape (columns,): of the family.
        directions: Shape (some, used columns, directions).
        spread: Shape (some, directions, targets): the variance of each direction.
    """
    import numpy as np

    at_knots = np.stack([one.further.at_knots for one in every if one.further is not None])
    some, curves, _, columns = at_knots.shape
    start = every[0].scale.shape[1]
    place = slice(start, start + curves * columns)
    every_direction = np.zeros((some, len(scale), directions.shape[2]))
    every_direction[:, scale > 0] = directions * scale[scale > 0][:, None]
    shown = np.square(at_knots @ every_direction[:, place].reshape(some, curves, columns, directions.shape[2]))
    prior = np.square(at_knots * scale[place].reshape(curves, 1, columns)).sum(axis=3)
    not_shown = np.maximum(prior - shown.sum(axis=3), 0)[:, :, :, None]
    errors: NDArray[np.float64] = np.sqrt(shown @ spread[:, None] + not_shown)
    return errors

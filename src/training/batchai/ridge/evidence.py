"""Coefficients by evidence: how strongly they are shrunk, and toward what, follows from the data's likelihood.

The model of a training set with `n` standardised rows ``X``, ``y`` about their level is

    y = Xβ + noise,    β ~ N(ρβ₀, λσ²I),    noise ~ N(0, σ²I)

with ``β₀`` what the other products of the location say, ``ρ`` how much of it is taken, and ``λ`` how far the product's
own coefficients go from there. Every pair (ρ, λ) is a candidate. One is (0, 0), which predicts the mean.
Its restricted likelihood (REML; Patterson & Thompson, Biometrika 58 (1971) 545-554; Harville, Journal of the American
Statistical Association 72 (1977) 320-338), with ``σ²`` at its maximum, ``r = y - ρXβ₀``, ``α = 1/λ`` and ``X'X = Q
diag(s²) Q'``, follows from one decomposition:

    log p = -½ ((n - 1) log(r'r - Σ (Q'X'r)² / (s² + α)) + Σ log(1 + s²/α))

Candidates are averaged, each weighted by its likelihood (Hoeting, Madigan, Raftery & Volinsky, Statistical Science 14
(1999) 382-417): the average of linear models is a linear model. No fold is needed to choose anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.ridge.training_sets import TrainingSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PENALTIES = tuple(10 ** (step / 2) for step in range(-14, 7))
"""``α`` per row, and beside them an infinite one: all are as likely beforehand. The least is what double precision
bears with collinear features; with the largest, ten features together explain a hundredth of the target's variance, and
less can't be told from nothing."""
SHARES = (0.0, 0.5, 1.0)
"""``ρ``: how much of what the other products say is taken."""
BATCH_EFFECTS = (0.0, 0.1, 0.5, 2.0, 8.0)
"""``θ``: the variance of the effect that a batch's rows have in common, as a multiple of that of a row."""
FEWEST_CARRIERS = 3.0
"""Where the variance of a target is carried by fewer batches than this, the mean is predicted: the likelihood of normal
errors takes one outlier for proof of whatever happened to be unusual in it. Their number is ``(Σd²)² / Σd⁴``, over the
deviations ``d`` from the mean: all batches if all deviate alike, 1 if a single one does."""
ZERO = 1e-13
"""An eigenvalue below this share of the largest counts as zero."""
LEFT = 1e-14
"""The least share of a target's sum of squares that is left unexplained; below it only rounding is explained."""


@dataclass(frozen=True)
class Decomposed:
    """``X'X = Q diag(s²) Q'`` of training sets, and what is needed of their targets.

    Attributes:
        squares: Shape (sets, directions): ``s²``; 0 for a direction that the rows don't show.
        directions: Shape (sets, features, directions): ``Q``; as many as features, or rows if fewer.
        cross: Shape (sets, directions, targets): ``Q'X'y``.
        total: Shape (sets, targets): ``y'y``.
    """

    squares: NDArray[np.float64]
    directions: NDArray[np.float64]
    cross: NDArray[np.float64]
    total: NDArray[np.float64]

    @property
    def inverse(self) -> NDArray[np.float64]:
        """Shape (sets, directions): ``1/s²``, 0 where that is zero."""
        import numpy as np

        return np.divide(1, self.squares, where=self.squares > 0, out=np.zeros_like(self.squares))


@dataclass(frozen=True)
class Averaged:
    """Fits of training sets, averaged over the candidates; in the sets' standardised units.

    Attributes:
        coefficients: Shape (sets, features, targets).
        level: Shape (sets, targets): what is added to the plain mean of the targets.
        variance: Shape (sets, targets): ``σ²``.
        share: Shape (sets, targets): how much of what the other products say was taken, from 0 to 1.
        shrinkage: Shape (sets, targets): the geometric mean of ``α``; infinite where the infinite one has more weight.
        wide: Shape (3, features, targets): of the first set, the estimates that are hardly shrunk, their standard
            errors, and (the same in each row) the degrees of freedom of these.
    """

    coefficients: NDArray[np.float64]
    level: NDArray[np.float64]
    variance: NDArray[np.float64]
    share: NDArray[np.float64]
    shrinkage: NDArray[np.float64]
    wide: NDArray[np.float64]


def decompose(columns: NDArray[np.float64], features: int) -> Decomposed:
    """Decompose training sets.

    Args:
        columns: Shape (sets, rows, features + targets).
        features: How many of the columns are features.
    """
    import numpy as np

    x, y = columns[:, :, :features], columns[:, :, features:]
    total = np.square(y).sum(axis=1)
    if features <= x.shape[1]:
        return decompose_products(x.transpose(0, 2, 1) @ columns, total)
    squares, rows = np.linalg.eigh(x @ x.transpose(0, 2, 1))
    squares = _without_rounding(squares)
    per_root = np.divide(1, np.sqrt(squares), where=squares > 0, out=np.zeros_like(squares))
    directions = x.transpose(0, 2, 1) @ (rows * per_root[:, None])
    cross = np.sqrt(squares)[:, :, None] * (rows.transpose(0, 2, 1) @ y)
    return Decomposed(squares, directions, cross, total)


def decompose_products(products: NDArray[np.float64], total: NDArray[np.float64]) -> Decomposed:
    """Decompose training sets whose cross-products are known.

    Args:
        products: Shape (sets, features, features + targets): of the features with all columns.
        total: Shape (sets, targets): the sums of squares of the targets.
    """
    import numpy as np

    features = products.shape[1]
    squares, directions = np.linalg.eigh(products[:, :, :features])
    squares = _without_rounding(squares)
    cross = directions.transpose(0, 2, 1) @ products[:, :, features:]
    return Decomposed(squares, directions, np.where(squares[:, :, None] > 0, cross, 0), total)


def _without_rounding(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    if not squares.shape[1]:
        return squares
    return np.where(squares > ZERO * squares[:, -1:], squares, 0)


def log_likelihoods(
    found: Decomposed, toward: NDArray[np.float64], penalties: NDArray[np.float64], freedom: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The restricted likelihood of every candidate.

    Args:
        found: The decomposed training sets.
        toward: Shape (sets, directions, targets): ``Q'β₀``.
        penalties: Shape (sets, penalties): ``α``; an infinite one is added as the last.
        freedom: Shape (sets,): ``n - 1``.

    Returns:
        The logarithms and the sums of squares that are left; each (sets, shares, penalties + 1, targets).
    """
    import numpy as np

    squares = found.squares
    ratio = squares[:, None] / penalties[:, :, None]
    left = np.concatenate([1 / (1 + ratio), np.ones((len(squares), 1, squares.shape[1]))], axis=1)
    explained = found.inverse[:, :, None] * np.square(found.cross)
    moved = squares[:, :, None] * toward
    parts = np.concatenate([explained, found.cross * toward, moved * toward], axis=2)
    own, both, given = np.split(left @ parts, 3, axis=2)
    floor = LEFT * np.maximum(found.total, np.finfo(np.float64).tiny)
    rest = np.maximum(found.total - explained.sum(axis=1), floor)[:, None, None]
    share = np.asarray(SHARES)[:, None, None]
    sums = rest + own[:, None] - 2 * share * both[:, None] + share**2 * given[:, None]
    sums = np.maximum(sums, floor[:, None, None])
    spread = np.concatenate([np.log1p(ratio).sum(axis=2), np.zeros((len(squares), 1))], axis=1)
    return -0.5 * (freedom[:, None, None, None] * np.log(sums) + spread[:, None, :, None]), sums


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
        alone = place if sets.has_repeats or sets.summed is None or len(sets.taken) == 1 else -1
        key = (alone, given is None, sets.scale.shape[1], sets.unit.shape[1])
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
    features = every[0].scale.shape[1]
    borrowed = [part for part in toward if part is not None]
    given = np.concatenate(borrowed) if borrowed else np.zeros((len(rows), features, unit.shape[1]))
    freedom = rows - 1
    penalties = rows[:, None] * np.asarray(PENALTIES)
    fits = []
    for found, level, log_determinant in _decompositions(every):
        logs, sums = log_likelihoods(found, found.directions.transpose(0, 2, 1) @ given, penalties, freedom)
        fits.append((found, level, logs + log_determinant[:, None, None, None], sums))
    outlier = np.concatenate([sets.fewer_carriers(FEWEST_CARRIERS) for sets in every])
    logs = np.stack([fit[2] for fit in fits]) + _allowed(outlier, borrows=bool(borrowed), own=own)
    weights = np.exp(logs - logs.max(axis=(0, 2, 3), keepdims=True))
    weights /= weights.sum(axis=(0, 2, 3), keepdims=True)
    coefficients, levels = np.zeros_like(given), np.zeros_like(unit)
    variance, wide = np.zeros_like(unit), np.zeros((len(first), 3, features, unit.shape[1]))
    for weight, (found, level, _, sums) in zip(weights, fits, strict=True):
        part = _combine(found, given, penalties, weight)
        coefficients += part
        if level is not None:
            levels += weight.sum(axis=(1, 2)) * level[:, features:]
            levels -= np.einsum("sf,sft->st", level[:, :features], part)
        variance += (weight * sums).sum(axis=(1, 2)) / np.maximum(freedom, 1)[:, None]
        mass = weight[first].sum(axis=(1, 2))
        wide += mass[:, None, None] * _hardly_shrunk(found, sums, weight, freedom, first)
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
    parts = zip(*(np.split(part, ends) for part in whole), wide, strict=True)
    return [Averaged(*part) for part in parts]


def _decompositions(
    every: Sequence[TrainingSets],
) -> Iterator[tuple[Decomposed, NDArray[np.float64] | None, NDArray[np.float64]]]:
    """For each batch effect: the decomposed sets, the level and the log-determinant as in `Whitened`."""
    import numpy as np

    sets = every[0]
    features = sets.scale.shape[1]
    if sets.summed is None or sets.has_repeats:
        for effect in BATCH_EFFECTS if sets.has_repeats else BATCH_EFFECTS[:1]:
            rows = sets.whiten(effect)
            yield decompose(rows.columns, features), rows.level, rows.log_determinant
        return
    products = np.concatenate([part.summed for part in every if part.summed is not None])
    total = np.einsum("scc->sc", products)[:, features:]
    rows_of = np.concatenate([part.rows for part in every])
    yield decompose_products(products[:, :features], total), None, -0.5 * np.log(rows_of)


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
    found: Decomposed, given: NDArray[np.float64], penalties: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The sum of all candidates' coefficients, each times its weight. Shape (sets, features, targets)."""
    import numpy as np

    share = np.asarray(SHARES)
    back = found.directions.transpose(0, 2, 1)
    toward = back @ given
    shrink = 1 / (found.squares[:, :, None] + penalties[:, None])
    taken = np.einsum("srpt,r->st", weights, share)[:, None]
    own = shrink @ weights[:, :, :-1].sum(axis=1)
    less = shrink @ np.einsum("srpt,r->spt", weights[:, :, :-1], share)
    inside = taken * toward + found.cross * own - found.squares[:, :, None] * toward * less
    coefficients: NDArray[np.float64] = found.directions @ inside
    if found.directions.shape[1] > found.directions.shape[2]:  # what the rows don't show is as the others say
        coefficients += taken * (given - found.directions @ toward)
    return coefficients


def _hardly_shrunk(
    found: Decomposed,
    sums: NDArray[np.float64],
    weights: NDArray[np.float64],
    freedom: NDArray[np.float64],
    first: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Estimates of some sets for intervals: shrinkage would pull them, and the intervals with them, toward zero.

    Their prior says no more than that one standard deviation of a feature moves the target by about one at the most:
    ``β ~ N(0, 1)``, so ``α = σ²``. With few collinear features this is least squares; where the rows don't tell two
    features apart, the standard error says so, and is never infinite.

    Returns:
        Shape (some, 3, features, targets): see `Averaged.wide`.
    """
    import numpy as np

    weights, free = weights[first], freedom[first][:, None, None]
    mass = np.maximum(weights.sum(axis=(1, 2)), np.finfo(np.float64).tiny)
    variance = ((weights * sums[first]).sum(axis=(1, 2)) / mass)[:, None] / np.maximum(free, 1)
    squares, directions = found.squares[first][:, :, None], found.directions[first]
    shrink = 1 / np.maximum(squares + variance, np.finfo(np.float64).tiny)
    estimate = directions @ (found.cross[first] * shrink)
    shown = np.square(directions)
    spread = variance * (shown @ shrink) + np.maximum(1 - shown.sum(axis=2), 0)[:, :, None]
    used = (squares * shrink).sum(axis=1)[:, None]
    return np.stack([estimate, np.sqrt(spread), np.broadcast_to(np.maximum(free - used, 1), estimate.shape)], axis=1)

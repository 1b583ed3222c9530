"""All penalties of many ridge regressions from their cross-products: one eigen-decomposition serves the whole grid.

With the correlation-like matrix of a training set ``XᵀX = U Λ Uᵀ`` (features standardised on that set), ``d = UᵀXᵀy``
and a prior ``u₀ = Uᵀβ₀``, the coefficients in the eigenbasis are ``c(α) = (d + α u₀) / (Λ + α)``, and the squared error
on held-out rows is ``yᵀy − 2 cᵀ(Xᵀy) + cᵀ(XᵀX)c`` of their own cross-products: no row is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from src.training.batchai.ridge.candidates import PENALTIES
from src.training.batchai.ridge.exact_ridge import CONSTANT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ILL_CONDITIONED = 1e-9
"""Where rounding, ``eps · λmax / (λmin + α)`` or ``eps / variance``, is more than this, a problem is solved by singular
values instead."""
TINY = 1e-300
CACHE_NUMBERS = 200_000
"""So many numbers stay in a core's cache."""
CANCELLED = 1e-6
"""Where a held-out error is less than this share of the target's own sum of squares, it has cancelled."""


@dataclass(frozen=True)
class Decomposition:
    """Training sets of many problems, ready for any penalty.

    Attributes:
        mean: Shape (problems, sets, features): of the training rows, in the problem's standardised units.
        target_mean: Shape (problems, sets, targets).
        basis: Shape (problems, sets, features, features): eigenvectors, scaled so that ``basis @ c`` are coefficients
            in the problem's standardised units.
        eigenvalues: Shape (problems, sets, features).
        projected: Shape (problems, sets, features, targets): ``d``.
        toward: Shape (problems, sets, priors, features, targets): ``u₀``.
        ill_conditioned: Shape (problems, sets).
    """

    mean: NDArray[np.float64]
    target_mean: NDArray[np.float64]
    basis: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    projected: NDArray[np.float64]
    toward: NDArray[np.float64]
    ill_conditioned: NDArray[np.bool_]

    def __getitem__(self, sets: slice) -> Decomposition:
        """Some of the training sets of all problems."""
        return Decomposition(*(getattr(self, part.name)[:, sets] for part in fields(self)))

    def coefficients(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """The coefficients of one candidate per target, in the problem's standardised units.

        Args:
            chosen: Shape (problems, sets, targets): the chosen candidates.

        Returns:
            Shape (problems, sets, features, targets).
        """
        import numpy as np

        penalty = np.asarray(PENALTIES)[chosen % len(PENALTIES)][:, :, None]
        prior = (chosen // len(PENALTIES))[:, :, None, None]
        toward = np.take_along_axis(self.toward, prior, axis=2)[:, :, 0]
        finite = np.where(np.isfinite(penalty), penalty, 0)
        moved = (self.projected + finite * toward) / np.maximum(self.eigenvalues[..., None] + finite, TINY)
        coefficients: NDArray[np.float64] = self.basis @ np.where(np.isfinite(penalty), moved, toward)
        return coefficients


def decompose(products: NDArray[np.float64], features: int, toward: NDArray[np.float64]) -> Decomposition:
    """Prepare training sets for every penalty.

    Args:
        products: Shape (problems, sets, 1 + features + targets, the same): cross-products of the training rows.
        features: How many features there are.
        toward: Shape (problems, priors, features, targets): coefficients to shrink toward, in the problem's
            standardised units, for a target whose standard deviation is 1; the first prior is zero.
    """
    import numpy as np

    count = products[:, :, 0, 0, None]
    mean = products[:, :, 0, 1 : 1 + features] / count
    target_mean = products[:, :, 0, 1 + features :] / count
    sums = products[:, :, 0, 1 : 1 + features, None]
    inner = products[:, :, 1 : 1 + features, 1 : 1 + features] - sums * mean[:, :, None]
    cross = products[:, :, 1 : 1 + features, 1 + features :] - sums * target_mean[:, :, None]
    place = np.arange(features)
    variance = inner[:, :, place, place] / count
    varies = variance > CONSTANT
    deviation = np.where(varies, np.sqrt(np.where(varies, variance, 1)), 0)
    per_deviation = np.divide(1, deviation, where=varies, out=np.zeros_like(deviation))
    inner *= per_deviation[..., None]
    inner *= per_deviation[:, :, None]
    inner[:, :, place, place] = count  # exactly, also for a constant feature, whose coefficient is zero in any case
    eigenvalues, vectors = np.linalg.eigh(inner)
    eigenvalues = np.maximum(eigenvalues, 0)
    rounding = np.finfo(np.float64).eps * eigenvalues[..., -1] / (eigenvalues[..., 0] + PENALTIES[0])
    # what is left of a variance where one row had nearly all of it is a difference of large numbers
    rounding = np.maximum(rounding, np.finfo(np.float64).eps / np.where(varies, variance, 1).min(axis=2))
    turned = vectors.swapaxes(2, 3)
    targets = np.arange(1 + features, products.shape[2])
    squares = products[:, :, targets, targets] - count * target_mean**2
    spread = np.sqrt(np.maximum(squares, 0) / count)
    moved = np.zeros((*inner.shape[:2], *toward.shape[1:]))
    if toward.shape[1] > 1:
        prior = toward[:, None, 1:] * deviation[:, :, None, :, None] * spread[:, :, None, None]
        moved[:, :, 1:] = turned[:, :, None] @ prior
    return Decomposition(
        mean=mean,
        target_mean=target_mean,
        basis=per_deviation[..., None] * vectors,
        eigenvalues=eigenvalues,
        projected=turned @ (per_deviation[..., None] * cross),
        toward=moved,
        ill_conditioned=rounding > ILL_CONDITIONED,
    )


def held_out_errors(
    fitted: Decomposition, products: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The sums of squared errors of every candidate on held-out rows, from their cross-products.

    With ``r = d − Λu₀`` and ``s(α) = 1 / (Λ + α)`` a candidate is ``c(α) = u₀ + s(α)∘r``. So with ``H`` and ``g`` for
    the held-out ``XᵀX`` and ``Xᵀy`` in the eigenbasis, its error differs from that of ``u₀`` by
    ``sᵀ(H∘rrᵀ)s + 2sᵀ(r∘(Hu₀ − g))``: the products of the entries of ``s(α)`` are the same for all targets, priors
    and held-out parts, and one matrix product gives all errors.

    Args:
        fitted: The training sets.
        products: Shape (problems, sets, parts, 1 + features + targets, the same): for each training set, the
            cross-products of some parts of the held-out rows.

    Returns:
        Shape (problems, sets, parts, priors, penalties, targets), and shape (problems, sets, parts): where an error has
        cancelled and can't be trusted.
    """
    import numpy as np

    problems, sets, parts = products.shape[:3]
    *_, priors, features, targets = fitted.toward.shape
    inner, cross, squares, raw = _about_training_means(fitted, products)
    turned = fitted.basis.swapaxes(2, 3)[:, :, None]
    inner = turned @ inner @ fitted.basis[:, :, None]
    cross = turned @ cross
    moves = np.repeat(fitted.projected[:, :, :, None], priors, axis=3)
    slope = np.repeat(-cross[:, :, :, :, None], priors, axis=4)
    of_prior = np.repeat(squares[:, :, :, None], priors, axis=3)
    if priors > 1:
        toward = fitted.toward[:, :, 1:].swapaxes(2, 3)  # the first prior is zero
        moves[:, :, :, 1:] -= fitted.eigenvalues[..., None, None] * toward
        flat = toward.reshape(problems, sets, 1, features, -1)
        slope[..., 1:, :] += (inner @ flat).reshape(problems, sets, parts, features, priors - 1, targets)
        of_prior[:, :, :, 1:] += (toward[:, :, None] * (slope[..., 1:, :] - cross[:, :, :, :, None])).sum(axis=3)
    every, columns = problems * sets, priors * targets
    errors = _errors_of_path(
        eigenvalues=fitted.eigenvalues.reshape(every, features),
        inner=inner.reshape(every, parts, features, features),
        moves=moves.reshape(every, features, columns),
        slope=slope.reshape(every, parts, features, columns),
        of_prior=of_prior.reshape(every, parts * columns),
    ).reshape(problems, sets, len(PENALTIES), parts, priors, targets)
    cancelled = (errors.min(axis=2).min(axis=3) < CANCELLED * raw).any(axis=3)
    return errors.transpose(0, 1, 3, 4, 2, 5), cancelled


def _errors_of_path(
    *,
    eigenvalues: NDArray[np.float64],
    inner: NDArray[np.float64],
    moves: NDArray[np.float64],
    slope: NDArray[np.float64],
    of_prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The errors of all penalties, of a few training sets at a time, so that what is large in between stays in cache.

    Args:
        eigenvalues: Shape (sets, features).
        inner: Shape (sets, parts, features, features): ``H``; it is changed.
        moves: Shape (sets, features, priors · targets): ``r``.
        slope: Shape (sets, parts, features, priors · targets): ``Hu₀ − g``.
        of_prior: Shape (sets, parts · priors · targets): the errors of ``u₀``.

    Returns:
        Shape (sets, penalties, parts · priors · targets).
    """
    import numpy as np

    sets, parts, features, columns = slope.shape
    pairs = features * (features + 1) // 2
    penalties = len(PENALTIES)
    place = np.arange(features)
    inner *= 2  # a pair stands for both of its orders
    inner[..., place, place] /= 2
    slope = 2 * (moves[:, None] * slope).swapaxes(1, 2).reshape(sets, features, -1)
    length = max(1, min(sets, CACHE_NUMBERS // ((pairs + features + 1) * (penalties + parts * columns))))
    factors = np.empty((length, pairs + features + 1, penalties))
    factors[:, -1] = 1
    terms = np.empty((length, pairs + features + 1, parts * columns))
    errors = np.empty((sets, penalties, parts * columns))
    for start in range(0, sets, length):
        some = slice(start, min(start + length, sets))
        used = slice(0, some.stop - start)
        _shrinkage_products(eigenvalues[some], out=factors[used])
        _move_products(inner[some], moves[some], out=terms[used, :pairs])
        terms[used, pairs:-1] = slope[some]
        terms[used, -1] = of_prior[some]
        np.matmul(factors[used].swapaxes(1, 2), terms[used], out=errors[some])
    return errors


def _shrinkage_products(eigenvalues: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Products of the entries of ``s(α)``, pair by pair, then the entries; nothing is left by the infinite penalty.

    Args:
        eigenvalues: Shape (sets, features).
        out: Shape (sets, pairs + features + 1, penalties); the last row is left as it is.
    """
    import numpy as np

    features = eigenvalues.shape[1]
    single = out[:, -1 - features : -1]
    np.divide(1, eigenvalues[..., None] + np.asarray(PENALTIES), out=single)
    for first, rows in _pairs(features):
        np.multiply(single[:, first:], single[:, first : first + 1], out=out[:, rows])


def _move_products(inner: NDArray[np.float64], moves: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """``H∘rrᵀ``, pair by pair.

    Args:
        inner: Shape (sets, parts, features, features).
        moves: Shape (sets, features, columns).
        out: Shape (sets, pairs, parts · columns).
    """
    import numpy as np

    sets, parts, features, _ = inner.shape
    halves = inner.transpose(0, 2, 3, 1)[..., None]
    out = out.reshape(sets, -1, parts, moves.shape[2])
    for first, rows in _pairs(features):
        both = moves[:, first:] * moves[:, first : first + 1]
        np.multiply(halves[:, first, first:], both[:, :, None], out=out[:, rows])


def _pairs(features: int) -> Iterator[tuple[int, slice]]:
    """The pairs of features, without order: the first of each, and the places of those with itself and later ones."""
    start = 0
    for first in range(features):
        yield first, slice(start, start + features - first)
        start += features - first


def _about_training_means(
    fitted: Decomposition, products: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Held-out ``XᵀX``, ``Xᵀy`` and ``yᵀy`` about the means of the training rows, and ``yᵀy`` as it was.

    Returns:
        Shapes (problems, sets, parts, features, features), (problems, sets, parts, features, targets), and two of
        (problems, sets, parts, targets).
    """
    import numpy as np

    features = fitted.mean.shape[2]
    count = products[:, :, :, 0, 0, None]
    sums = products[:, :, :, 0, 1 : 1 + features]
    target_sums = products[:, :, :, 0, 1 + features :]
    mean, target_mean = fitted.mean[:, :, None], fitted.target_mean[:, :, None]
    away = (count * mean - sums)[..., None]
    inner = products[:, :, :, 1 : 1 + features, 1 : 1 + features] - mean[..., None] * sums[..., None, :]
    inner += away * mean[..., None, :]
    cross = products[:, :, :, 1 : 1 + features, 1 + features :] - mean[..., None] * target_sums[..., None, :]
    cross += away * target_mean[..., None, :]
    place = np.arange(1 + features, products.shape[3])
    raw = products[:, :, :, place, place]
    squares = raw - 2 * target_mean * target_sums + count * target_mean**2
    return inner, cross, squares, raw

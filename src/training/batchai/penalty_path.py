"""All penalties of many ridge regressions from their cross-products: one eigen-decomposition serves the whole grid.

With the correlation-like matrix of a training set ``XᵀX = U Λ Uᵀ`` (features standardised on that set), ``d = UᵀXᵀy``
and a prior ``u₀ = Uᵀβ₀``, the coefficients in the eigenbasis are ``c(α) = (d + α u₀) / (Λ + α)``, and the squared error
on held-out rows is ``yᵀy − 2 cᵀ(Xᵀy) + cᵀ(XᵀX)c`` of their own cross-products: no row is looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.candidates import PENALTIES
from src.training.batchai.exact_ridge import CONSTANT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ILL_CONDITIONED = 1e-9
"""Where rounding, ``eps · λmax / (λmin + α)``, is more than this, a problem is solved by singular values instead."""
TINY = 1e-300
CANCELLED = 1e-6
"""Where a held-out error is less than this share of the target's own sum of squares, it has cancelled."""


@dataclass(frozen=True)
class Decomposition:
    """Training sets of many problems, ready for any penalty.

    Attributes:
        mean: Shape (problems, features): of the training rows, in the problem's standardised units.
        target_mean: Shape (problems, targets).
        basis: Shape (problems, features, features): eigenvectors, scaled so that ``basis @ c`` are coefficients in the
            problem's standardised units.
        eigenvalues: Shape (problems, features).
        projected: Shape (problems, features, targets): ``d``.
        toward: Shape (problems, priors, features, targets): ``u₀``.
        ill_conditioned: Shape (problems,).
    """

    mean: NDArray[np.float64]
    target_mean: NDArray[np.float64]
    basis: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    projected: NDArray[np.float64]
    toward: NDArray[np.float64]
    ill_conditioned: NDArray[np.bool_]

    def coefficients(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """The coefficients of one candidate per target, in the problem's standardised units.

        Args:
            chosen: Shape (problems, targets): the chosen candidates.

        Returns:
            Shape (problems, features, targets).
        """
        import numpy as np

        penalty = np.asarray(PENALTIES)[chosen % len(PENALTIES)][:, None, :]
        prior = (chosen // len(PENALTIES))[:, None, None, :]
        toward = np.take_along_axis(self.toward, prior, axis=1)[:, 0]
        finite = np.where(np.isfinite(penalty), penalty, 0)
        moved = (self.projected + finite * toward) / np.maximum(self.eigenvalues[:, :, None] + finite, TINY)
        coefficients: NDArray[np.float64] = self.basis @ np.where(np.isfinite(penalty), moved, toward)
        return coefficients


def decompose(products: NDArray[np.float64], features: int, toward: NDArray[np.float64]) -> Decomposition:
    """Prepare training sets for every penalty.

    Args:
        products: Shape (problems, 1 + features + targets, the same): cross-products of the training rows.
        features: How many features there are.
        toward: Shape (problems, priors, features, targets): coefficients to shrink toward, in the problem's
            standardised units, for a target whose standard deviation is 1; the first prior is zero.
    """
    import numpy as np

    count = products[:, 0, 0][:, None]
    mean = products[:, 0, 1 : 1 + features] / count
    target_mean = products[:, 0, 1 + features :] / count
    inner = products[:, 1 : 1 + features, 1 : 1 + features] - count[:, :, None] * mean[:, :, None] * mean[:, None]
    cross = products[:, 1 : 1 + features, 1 + features :] - count[:, :, None] * mean[:, :, None] * target_mean[:, None]
    variance = np.einsum("gpp->gp", inner) / count
    varies = variance > CONSTANT
    deviation = np.where(varies, np.sqrt(np.where(varies, variance, 1)), 0)
    per_deviation = np.divide(1, deviation, where=varies, out=np.zeros_like(deviation))
    inner = inner * per_deviation[:, :, None] * per_deviation[:, None]
    place = np.arange(features)
    inner[:, place, place] = count  # exactly, also for a constant feature, whose coefficient is zero in any case
    eigenvalues, vectors = np.linalg.eigh(inner)
    eigenvalues = np.maximum(eigenvalues, 0)
    rounding = np.finfo(np.float64).eps * eigenvalues[:, -1] / (eigenvalues[:, 0] + PENALTIES[0])
    squares = np.einsum("gtt->gt", products[:, 1 + features :, 1 + features :]) - count * target_mean**2
    spread = np.sqrt(np.maximum(squares, 0) / count)
    prior = toward * deviation[:, None, :, None] * spread[:, None, None]
    return Decomposition(
        mean=mean,
        target_mean=target_mean,
        basis=per_deviation[:, :, None] * vectors,
        eigenvalues=eigenvalues,
        projected=vectors.transpose(0, 2, 1) @ (per_deviation[:, :, None] * cross),
        toward=vectors.transpose(0, 2, 1)[:, None] @ prior if toward.shape[1] > 1 else np.zeros_like(toward),
        ill_conditioned=rounding > ILL_CONDITIONED,
    )


def held_out_errors(
    fitted: Decomposition, products: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The sums of squared errors of every candidate on held-out rows, from their cross-products.

    With ``r = d − Λu₀`` and ``s(α) = 1 / (Λ + α)`` a candidate is ``c(α) = u₀ + s(α)∘r``. So with ``H`` and ``g`` for
    the held-out ``XᵀX`` and ``Xᵀy`` in the eigenbasis, its error differs from that of ``u₀`` by
    ``sᵀ(H∘rrᵀ)s + 2sᵀ(r∘(Hu₀ − g))``: the products of the entries of ``s(α)`` are the same for all targets, priors
    and held-out sets, and one matrix product gives all errors.

    Args:
        fitted: The training sets.
        products: Shape (problems, sets, 1 + features + targets, the same): cross-products of sets of held-out rows.

    Returns:
        Shape (problems, sets, candidates, targets), the penalties of one prior after the other, and shape
        (problems, sets): where an error has cancelled and can't be trusted.
    """
    import numpy as np

    problems, sets = products.shape[:2]
    _, priors, features, targets = fitted.toward.shape
    penalties = len(PENALTIES) - 1
    inner, cross, squares = _about_training_means(fitted, products)
    turned = fitted.basis.transpose(0, 2, 1)[:, None]
    inner = turned @ inner @ fitted.basis[:, None]
    cross = np.tile(turned @ cross, priors)
    moves = fitted.projected[:, None] - fitted.eigenvalues[:, None, :, None] * fitted.toward
    toward, moves = (
        part.transpose(0, 2, 1, 3).reshape(problems, features, priors * targets) for part in (fitted.toward, moves)
    )
    slope = inner @ toward[:, None] - cross
    of_prior = np.tile(squares, priors) + (toward[:, None] * (slope - cross)).sum(axis=2)
    gains = _shrinkage_products(fitted.eigenvalues).transpose(0, 2, 1) @ _error_terms(inner, moves, slope)
    errors = np.empty((problems, sets, priors, penalties + 1, targets))
    by_prior = of_prior.reshape(problems, sets, priors, 1, targets)
    by_penalty = gains.reshape(problems, penalties, sets, priors, targets).transpose(0, 2, 3, 1, 4)
    np.add(by_penalty, by_prior, out=errors[:, :, :, :-1])
    errors[:, :, :, -1:] = by_prior
    raw = np.einsum("gstt->gst", products[:, :, 1 + features :, 1 + features :])
    cancelled = (errors.min(axis=(2, 3)) < CANCELLED * raw).any(axis=2)
    return errors.reshape(problems, sets, priors * (penalties + 1), targets), cancelled


def _shrinkage_products(eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of the entries of ``s(α)``, pair by pair, then the entries.

    Args:
        eigenvalues: Shape (problems, features).

    Returns:
        Shape (problems, pairs + features, finite penalties).
    """
    import numpy as np

    features = eigenvalues.shape[1]
    first, second = np.triu_indices(features)
    both = np.empty((len(eigenvalues), len(first) + features, len(PENALTIES) - 1))
    single = both[:, len(first) :]
    np.divide(1, eigenvalues[:, :, None] + np.asarray(PENALTIES[:-1]), out=single)
    np.multiply(single.take(first, axis=1), single.take(second, axis=1), out=both[:, : len(first)])
    return both


def _error_terms(
    inner: NDArray[np.float64], moves: NDArray[np.float64], slope: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What the products of `_shrinkage_products` are multiplied with: ``H∘rrᵀ``, pair by pair, then ``2r∘(Hu₀ − g)``.

    Args:
        inner: Shape (problems, sets, features, features): ``H``.
        moves: Shape (problems, features, priors · targets): ``r``.
        slope: Shape (problems, sets, features, priors · targets): ``Hu₀ − g``.

    Returns:
        Shape (problems, pairs + features, sets · priors · targets).
    """
    import numpy as np

    problems, sets, features, columns = slope.shape
    first, second = np.triu_indices(features)
    twice = np.where(first == second, 1, 2)  # a pair stands for both of its orders
    halves = inner.reshape(problems, sets, -1).take(first * features + second, axis=2) * twice
    pairs = moves.take(first, axis=1) * moves.take(second, axis=1)
    terms = np.empty((problems, len(first) + features, sets, columns))
    np.multiply(pairs[:, :, None], halves.transpose(0, 2, 1)[..., None], out=terms[:, : len(first)])
    np.multiply(2 * moves[:, :, None], slope.transpose(0, 2, 1, 3), out=terms[:, len(first) :])
    return terms.reshape(problems, len(first) + features, sets * columns)


def _about_training_means(
    fitted: Decomposition, products: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Held-out ``XᵀX``, ``Xᵀy`` and ``yᵀy`` about the means of the training rows.

    Returns:
        Shapes (problems, sets, features, features), (problems, sets, features, targets) and (problems, sets, targets).
    """
    import numpy as np

    features = fitted.mean.shape[1]
    count = products[:, :, 0, 0][..., None]
    sums = products[:, :, 0, 1 : 1 + features]
    target_sums = products[:, :, 0, 1 + features :]
    mean, target_mean = fitted.mean[:, None], fitted.target_mean[:, None]
    inner = products[:, :, 1 : 1 + features, 1 : 1 + features] - mean[..., None] * sums[:, :, None]
    inner += (count * mean - sums)[..., None] * mean[:, :, None]
    cross = products[:, :, 1 : 1 + features, 1 + features :] - mean[..., None] * target_sums[:, :, None]
    cross += (count * mean - sums)[..., None] * target_mean[:, :, None]
    raw = np.einsum("gstt->gst", products[:, :, 1 + features :, 1 + features :])
    squares = raw - 2 * target_mean * target_sums + count * target_mean**2
    return inner, cross, squares

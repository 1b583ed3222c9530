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

    def candidates(self) -> NDArray[np.float64]:
        """Every candidate's coefficients in the eigenbasis.

        Returns:
            Shape (problems, features, candidates, targets); the penalties of one prior after the other.
        """
        import numpy as np

        finite = np.asarray(PENALTIES[:-1])
        problems, features, targets = self.projected.shape
        priors = self.toward.shape[1]
        shrinkage = 1 / (self.eigenvalues[:, :, None] + finite)
        all_of_them = np.empty((problems, features, priors, len(PENALTIES), targets))
        moved = self.projected[:, :, None, :] * shrinkage[..., None]
        all_of_them[:, :, :, :-1] = moved[:, :, None]
        if priors > 1:  # the first prior is zero
            pulled = (finite * shrinkage)[:, :, None, :, None] * self.toward[:, 1:].transpose(0, 2, 1, 3)[:, :, :, None]
            all_of_them[:, :, 1:, :-1] += pulled
        all_of_them[:, :, :, -1] = self.toward.transpose(0, 2, 1, 3)
        return all_of_them.reshape(problems, features, priors * len(PENALTIES), targets)

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
    fitted: Decomposition, candidates: NDArray[np.float64], products: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The sums of squared errors of every candidate on held-out rows, from their cross-products.

    Args:
        fitted: The training sets.
        candidates: What `fitted.candidates` returned.
        products: Shape (problems, 1 + features + targets, the same): cross-products of the held-out rows.

    Returns:
        Shape (problems, candidates, targets), and shape (problems,): where an error has cancelled and can't be trusted.
    """
    import numpy as np

    features = fitted.mean.shape[1]
    count = products[:, 0, 0][:, None]
    sums = products[:, 0, 1 : 1 + features]
    target_sums = products[:, 0, 1 + features :]
    mean, target_mean = fitted.mean, fitted.target_mean
    # about the means of the training rows
    inner = products[:, 1 : 1 + features, 1 : 1 + features] - mean[:, :, None] * sums[:, None]
    inner += (count * mean - sums)[:, :, None] * mean[:, None]
    cross = products[:, 1 : 1 + features, 1 + features :] - mean[:, :, None] * target_sums[:, None]
    cross += (count * mean - sums)[:, :, None] * target_mean[:, None]
    raw = np.einsum("gtt->gt", products[:, 1 + features :, 1 + features :])
    squares = raw - 2 * target_mean * target_sums + count * target_mean**2
    turned = fitted.basis.transpose(0, 2, 1)
    inner = turned @ inner @ fitted.basis
    cross = turned @ cross
    flat = candidates.reshape(*candidates.shape[:2], -1)
    product = (inner @ flat).reshape(candidates.shape)
    product -= 2 * cross[:, :, None]
    errors = np.einsum("gpct,gpct->gct", candidates, product) + squares[:, None]
    cancelled = (errors < CANCELLED * raw[:, None]).any(axis=(1, 2))
    return errors, cancelled

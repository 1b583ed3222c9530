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

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PENALTIES = tuple(10 ** (step / 2) for step in range(-14, 7))
"""``α`` per row, and beside them an infinite one: all are as likely beforehand. The least is what double precision
bears with collinear features; with the largest, ten features together explain a hundredth of the target's variance, and
less can't be told from nothing."""
SHARES = (0.0, 0.5, 1.0)
"""``ρ``: how much of what the other products say is taken."""
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
    found: Decomposed,
    toward: NDArray[np.float64],
    penalties: NDArray[np.float64],
    freedom: NDArray[np.float64],
    *,
    beyond: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The restricted likelihood of every candidate.

    Args:
        found: The decomposed training sets.
        toward: Shape (sets, directions, targets): ``Q'β₀``.
        penalties: Shape (sets, penalties): ``α``; an infinite one is added as the last.
        freedom: Shape (sets,): ``n - 1``.
        beyond: Shape (2, sets, targets): what no direction shows of ``y'Xβ₀`` and of ``β₀'X'Xβ₀``; None if nothing.

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
    if beyond is not None:
        sums += share**2 * beyond[1][:, None, None] - 2 * share * beyond[0][:, None, None]
    sums = np.maximum(sums, floor[:, None, None])
    spread = np.concatenate([np.log1p(ratio).sum(axis=2), np.zeros((len(squares), 1))], axis=1)
    return -0.5 * (freedom[:, None, None, None] * np.log(sums) + spread[:, None, :, None]), sums

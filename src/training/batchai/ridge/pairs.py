"""Which products of two features a training set has: those with the largest coefficients in a fit of all of them.

Where there are very many, those that are most correlated with what lines and curves leave unexplained are fitted (sure
independence screening; Fan & Lv, Journal of the Royal Statistical Society B 70 (2008) 849-911).
"""

from __future__ import annotations

from math import lgamma
from typing import TYPE_CHECKING

from src.training.batchai.ridge.evidence import PENALTIES, decompose, log_likelihoods

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CURVED, PAIRED = 0.3, 0.1
"""The variances of curves and of pairs as multiples of that of lines, while pairs are looked for."""
FLAT = 1e-12
"""A product of standardised features with no more variance than this is constant."""
MOST = 200
"""So many pairs more than features are fitted together at the most."""


def count_pairs(features: int) -> int:
    """How many pairs a model may have: as many as features, if there are so many."""
    return min(features, features * (features - 1) // 2)


def log_prior(features: int) -> float:
    """The logarithm of one over the number of ways to choose the pairs.

    Pairs that were chosen by the targets seem to explain more than they do. That any choice is as likely beforehand
    takes this back: it is a factor of the likelihood.
    """
    every, chosen = features * (features - 1) // 2, count_pairs(features)
    return lgamma(chosen + 1) + lgamma(every - chosen + 1) - lgamma(every + 1)


def choose_pairs(
    lines: NDArray[np.float64], curves: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Choose pairs.

    Args:
        lines: Shape (rows, features): standardised features, about the means of their products.
        curves: Shape (rows, columns): about the means of their products.
        values: Shape (rows, 1): standardised targets, about the means of their products.

    Returns:
        Shape (pairs, 2), sorted.
    """
    import numpy as np

    rows, features = lines.shape
    one, other = np.triu_indices(features, 1)
    most, wanted = MOST + features, count_pairs(features)
    variance = np.square(lines).T @ np.square(lines) / rows - np.square(lines.T @ lines / rows)
    known = np.concatenate([lines, np.sqrt(CURVED) * curves], axis=1)
    per_spread = np.divide(1, np.sqrt(np.abs(variance)), where=variance > FLAT, out=np.zeros_like(variance))[one, other]
    if len(one) > most:
        left = values - known @ _fit(known, values)
        some = _largest(((lines * left).T @ lines)[one, other] * per_spread, most)
        one, other, per_spread = one[some], other[some], per_spread[some]
    products = lines[:, one] * lines[:, other]
    products = (products - products.mean(axis=0)) * per_spread
    fit = _fit(np.concatenate([known, np.sqrt(PAIRED) * products], axis=1), values)
    best = _largest(fit[known.shape[1] :, 0], wanted)
    return np.stack([one[best], other[best]], axis=1)


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The places of the largest, whatever their sign, in their order; of equal ones the first."""
    import numpy as np

    places: NDArray[np.int64] = np.sort(np.argsort(-np.abs(values), kind="stable")[:count])
    return places


def _fit(columns: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ridge fit with the most likely penalty. Shape (columns, 1)."""
    import numpy as np

    found = decompose(np.concatenate([columns, values], axis=1)[None], columns.shape[1])
    penalties = len(columns) * np.asarray(PENALTIES)[None]
    logs, _ = log_likelihoods(found, np.zeros_like(found.cross), penalties, np.array([len(columns) - 1.0]))
    penalty = np.append(penalties, np.inf)[logs[0, 0, :, 0].argmax()]
    fit: NDArray[np.float64] = found.directions[0] @ (found.cross[0] / (found.squares[0] + penalty)[:, None])
    return fit

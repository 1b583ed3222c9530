"""What a model adds to its lines: curves of single features and products of two.

``prediction = intercept + Σ βⱼ xⱼ + Σ fⱼ(xⱼ) + Σ γⱼₖ (xⱼ − mⱼ)(xₖ − mₖ)``, where x are the clipped and imputed values
and m the means of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Curve:
    """How far a feature's effect deviates from a straight line.

    The curve is the natural cubic spline through the points (knot, value), straight beyond the outer knots:
    ``scipy.interpolate.CubicSpline(knots, values, bc_type="natural")`` between them.

    Attributes:
        feature: The place of the feature.
        knots: Shape (knots,), rising; two at least.
        values: Shape (knots,), in the unit of the target.
        errors: Shape (knots,): the standard errors of the values.
    """

    feature: int
    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]

    @cached_property
    def _bends(self) -> NDArray[np.float64]:
        """The second derivatives at the knots, zero at the outer ones (de Boor, *A Practical Guide to Splines*, IV)."""
        import numpy as np

        bends = np.zeros(len(self.knots))
        widths = np.diff(self.knots)
        if len(widths) > 1:
            system = np.diag(2 * (widths[:-1] + widths[1:])) + np.diag(widths[1:-1], 1) + np.diag(widths[1:-1], -1)
            bends[1:-1] = np.linalg.solve(system, 6 * np.diff(np.diff(self.values) / widths))
        return bends

    def at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The deviation at values of the feature of shape (rows,), in the unit of the target. Returns shape (rows,)."""
        import numpy as np

        inside = np.clip(values, self.knots[0], self.knots[-1])
        place = np.clip(np.searchsorted(self.knots, inside, side="right") - 1, 0, len(self.knots) - 2)
        width = self.knots[place + 1] - self.knots[place]
        right = (inside - self.knots[place]) / width
        left = 1 - right
        first, second = self._bends[place] * width**2 / 6, self._bends[place + 1] * width**2 / 6
        low, high = self.values[place], self.values[place + 1]
        curve = left * low + right * high + (left**3 - left) * first + (right**3 - right) * second
        slope = (high - low - (3 * left**2 - 1) * first + (3 * right**2 - 1) * second) / width
        deviation: NDArray[np.float64] = curve + slope * (values - inside)
        return deviation


@dataclass(frozen=True)
class Pair:
    """How two features act together: the coefficient of the product of their distances from their means.

    Attributes:
        first: The place of one feature.
        second: The place of the other.
        coefficient: Target unit / (unit of one · unit of the other).
        error: Its standard error.
    """

    first: int
    second: int
    coefficient: float
    error: float

"""The scale on which a target is fitted, and the way back to the plant's unit.

A target that varies by factors (counts, viscosities, impurities) is fitted as its natural logarithm: its terms
multiply, and its errors are shares. What comes back is exp(predicted logarithm), the median of such batches: half of
them measure more. Their mean is larger, for normal errors of the logarithm by the factor exp(σ²/2), σ being its
standard deviation (Aitchison & Brown, *The Lognormal Distribution*, Cambridge University Press (1957), section 2.3),
whatever their distribution by the mean of exp(residual) (Duan, *J. American Statistical Association* 78 (1983)
605-610). The median is not corrected to the mean: an interval and a specification ask where a batch will lie, and the
median lies in the middle of the interval whatever its width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.data_preparation.batchai.target_description import LOG

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_scale(values: NDArray[np.float64], logs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values of some targets, as they are fitted.

    Args:
        values: Shape (..., targets), above zero where a target is fitted as a logarithm; NaN where not measured.
        logs: Shape (targets,): which of them are.
    """
    import numpy as np

    if not logs.any():
        return values
    return np.where(logs, np.log(np.where(logs, values, 1)), values)


def to_unit(values: NDArray[np.float64], logs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The way back: see `to_scale`."""
    import numpy as np

    if not logs.any():
        return values
    return np.where(logs, np.exp(np.where(logs, values, 0)), values)


def one_to_scale(values: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Values of one target of any shape, as it is fitted; zero becomes minus infinity."""
    import numpy as np

    if scale != LOG:
        return values
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def one_to_unit(values: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """The way back: see `one_to_scale`."""
    import numpy as np

    return np.asarray(np.exp(values)) if scale == LOG else values


def logarithmic_mean(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(a - b) / ln(a / b)``, and `a` where both are the same. Shapes as given, values above zero.

    A change of the logarithm by `c` out of a whole of ``ln(a / b)`` takes ``c`` times this of ``a - b``, so that what
    several changes take adds up (the logarithmic mean Divisia index: Ang, *Energy Policy* 32 (2004) 1131-1139).
    """
    import numpy as np

    ratio = np.log(first / second)
    small = np.abs(ratio) < 1e-5  # there the mean is b (1 + r/2), exact to r²/6, and the quotient is not
    quotient = np.divide(first - second, ratio, out=np.zeros_like(ratio), where=~small)
    return np.where(small, second * (1 + ratio / 2), quotient)

"""What values outside the range of training count as.

An instrument may read 0 once, and a linear model follows it anywhere. So a value beyond the range
that was seen in training counts as it is only a little way; further out it is clipped; and far out it is
no measurement: it counts as missing, and is filled with the mean of training. In any case it is flagged. Without the
little way, features that move together (the wavelengths of a spectrum) would be torn apart at the edge of the range.
A prediction, too, goes only a little way beyond what has been measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MARGIN = 0.25
"""How far beyond the range seen in training a value counts as it is, as a share of the range's width."""
DOUBT = 0.5
"""How far beyond it a value counts as a measurement at all."""
TARGET_MARGIN = 0.1
"""How far beyond the range of what was measured a prediction may go, as a share of that range's width."""
ROUNDING = 1e-9
"""A value at a limit itself is within it, whatever units it was rounded in."""


def clip_and_impute(
    features: NDArray[np.float64],
    minimum: NDArray[np.float64],
    maximum: NDArray[np.float64],
    fill: NDArray[np.float64],
    *,
    margin: float = MARGIN,
    doubt: float = DOUBT,
) -> NDArray[np.float64]:
    """Clip values, and impute missing ones and those that are too far out to be measurements.

    Args:
        features: Shape (..., rows, features), NaN where missing.
        minimum: The smallest value of each feature seen in training; a shape that broadcasts against `features`.
        maximum: The largest.
        fill: The mean of training.
        margin: See `MARGIN`.
        doubt: See `DOUBT`.

    Returns:
        The shape of `features`, without NaN.
    """
    import numpy as np

    lower, upper = widened(minimum, maximum, share=margin)
    least, most = widened(minimum, maximum, share=doubt)
    plausible = (features >= least) & (features <= most)
    return np.where(plausible, np.clip(features, lower, upper), fill)


def clip_prediction(
    predicted: NDArray[np.float64],
    lowest: NDArray[np.float64] | float,
    highest: NDArray[np.float64] | float,
    *,
    margin: float = TARGET_MARGIN,
) -> NDArray[np.float64]:
    """Limit predictions to what was measured in training, and a little way beyond.

    Args:
        predicted: Shape (..., rows, targets).
        lowest: The smallest measured value of each target; a shape that broadcasts against `predicted`.
        highest: The largest.
        margin: See `TARGET_MARGIN`.
    """
    import numpy as np

    room = margin * (highest - lowest)
    limited: NDArray[np.float64] = np.clip(predicted, lowest - room, highest + room)
    return limited


def widened(
    minimum: NDArray[np.float64], maximum: NDArray[np.float64], *, share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The range seen in training, made wider at both ends by a share of its width; any shape."""
    room = (share + ROUNDING) * (maximum - minimum)
    return minimum - room, maximum + room

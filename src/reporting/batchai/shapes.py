"""What a feature does to a target, line and curve together, in words: ``rises up to 35, then falls``."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SWING = 0.1
"""A turn counts where the effect then moves by more than this share of its whole range: less can't be seen."""
BENT = 3.0
"""A slope that is this many times as large at one end as at the other is called so."""
MOST_TURNS = 3


def in_words(places: NDArray[np.float64], effect: NDArray[np.float64]) -> str:
    """Describe an effect that is given at rising places; both of shape (places,)."""
    turns = _turns(effect)
    if len(turns) < 2:
        return "does nothing"
    if len(turns) > MOST_TURNS + 2:
        return "goes up and down"
    verbs = ["rises" if effect[end] > effect[start] else "falls" for start, end in pairwise(turns)]
    if len(verbs) == 1:
        return verbs[0] + _bend(places, effect)
    parts = [f"{verb} up to {places[end]:.3g}" for verb, end in zip(verbs[:-1], turns[1:-1], strict=True)]
    return f"{', '.join(parts)}, then {verbs[-1]}"


def _turns(effect: NDArray[np.float64]) -> list[int]:
    """Where the effect begins, turns and ends: swings of less than `SWING` of its range are passed over."""
    least = SWING * float(effect.max() - effect.min())
    if least == 0:
        return [0]
    turns = [0]
    lowest = highest = 0
    rising: bool | None = None
    for place in range(1, len(effect)):
        lowest = place if effect[place] < effect[lowest] else lowest
        highest = place if effect[place] > effect[highest] else highest
        if rising is not False and effect[highest] - effect[place] > least:
            turns += [highest] if highest > turns[-1] else []
            rising, lowest = False, place
        elif rising is not True and effect[place] - effect[lowest] > least:
            turns += [lowest] if lowest > turns[-1] else []
            rising, highest = True, place
    last = highest if rising else lowest
    turns += [last] if last > turns[-1] else []
    return turns


def _bend(places: NDArray[np.float64], effect: NDArray[np.float64]) -> str:
    """How a rise or fall changes on its way; empty where it hardly does."""
    third = len(places) // 3
    first, last = (
        abs(effect[end] - effect[start]) / (places[end] - places[start])
        for start, end in ((0, third), (len(places) - 1 - third, len(places) - 1))
    )
    if first > BENT * last:
        return ", less and less"
    return ", more and more" if last > BENT * first else ""

"""Challenger against champion, part by part: who predicts the same batches with the smaller error?

A part is what a model gives a number of its own: a product and one of its targets, or the one target of a small model.
Each model's evaluation says which batches its parts are compared on; the gate (`src.evaluation.gate`) decides by them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from math import isfinite, isnan

from src.evaluation.paired_errors import BatchErrors, influences, rms

Key = tuple[str, str, str]
"""Location, product and target. A model without locations or products leaves them empty."""
NAN = float("nan")
LOWEST_SKILL = -1.0
"""What a skill counts at the least. A few newer batches close to the mean make the mean's error tiny, and any skill
against it hugely negative: one such group would outweigh all others."""
OVERLAP = 2.0
"""How much larger the variance of cross-validated errors is than that of as many independent ones, since the folds'
training sets overlap: ``1 + folds / (folds - 1)`` (Nadeau & Bengio, Machine Learning 52 (2003) 239-281, section 3)."""


class ComparedOn(str, Enum):
    """What two models were compared on."""

    NEWER = "newer batches"
    CROSS_VALIDATED = "cross-validated"
    ONLY_CHALLENGER = "only challenger"
    ONLY_CHAMPION = "only champion"
    FIRST = "first model"


@dataclass(frozen=True)
class Comparison:
    """The errors of both models on the same batches of one product and target.

    Attributes:
        key: Location, product and target.
        compared_on: What they were compared on.
        batches: How many batches.
        rmse_champion: In the unit of the target; NaN if it does not know the product and target. Infinite or NaN
            otherwise means that an error is too large for a number; see `computed`.
        rmse_challenger: The same.
        rmse_mean: The error of predicting the mean of what both were trained on.
        influences: By batch, how much the difference of the skills depends on it (see `paired_errors`).
        last_batch_lost: Whether the champion's last batch is gone from the data, so that nobody can tell newer ones.
    """

    key: Key
    compared_on: ComparedOn
    batches: int
    rmse_champion: float
    rmse_challenger: float
    rmse_mean: float
    influences: Mapping[str, float] = field(default_factory=dict, kw_only=True, repr=False)
    last_batch_lost: bool = field(default=False, kw_only=True)

    @property
    def computed(self) -> bool:
        """Whether every error of a model that knows the target is a finite number."""
        known = [self.rmse_mean]
        if self.compared_on is not ComparedOn.ONLY_CHAMPION:
            known.append(self.rmse_challenger)
        if self.compared_on not in (ComparedOn.ONLY_CHALLENGER, ComparedOn.FIRST):
            known.append(self.rmse_champion)
        return all(map(isfinite, known))

    @property
    def skill_champion(self) -> float:
        """1 − rmse / rmse_mean, `LOWEST_SKILL` at the least; 0, as good as the mean, where it lacks the target."""
        return _skill(self.rmse_champion, self.rmse_mean) if self.computed else LOWEST_SKILL

    @property
    def skill_challenger(self) -> float:
        """The same of the challenger. What only one of the two knows speaks for it as far as it beats the mean."""
        return _skill(self.rmse_challenger, self.rmse_mean) if self.computed else LOWEST_SKILL


@dataclass(frozen=True)
class Compared:
    """How two models compare.

    Attributes:
        parts: Every part that either of them knows.
        changes: What has changed in the data since the champion was trained, by location, in sentences.
    """

    parts: Sequence[Comparison]
    changes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def _skill(rmse: float, rmse_mean: float) -> float:
    if isnan(rmse):
        return 0.0
    if rmse_mean == 0:  # all batches measured the mean itself: only a prediction of just that is no worse
        return 0.0 if rmse == 0 else LOWEST_SKILL
    return max(LOWEST_SKILL, 1 - rmse / rmse_mean)


def compared(
    key: Key,
    compared_on: ComparedOn,
    champion: BatchErrors | None,
    challenger: BatchErrors | None,
    mean: BatchErrors,
) -> Comparison:
    """Compare errors; None where a model lacks the target."""
    rmse_champion, rmse_challenger = (NAN if errors is None else rms(errors) for errors in (champion, challenger))
    found = Comparison(key, compared_on, len(mean), rmse_champion, rmse_challenger, rms(mean))
    if not found.computed:
        return found
    depends: defaultdict[str, float] = defaultdict(float, dict.fromkeys(mean, 0.0))
    scale = 1.0 if compared_on is ComparedOn.NEWER else OVERLAP**0.5
    for errors, skill, sign in ((champion, found.skill_champion, 1), (challenger, found.skill_challenger, -1)):
        if errors is not None and skill > LOWEST_SKILL:
            for batch, value in influences(errors, mean).items():
                depends[batch] += sign * scale * value
    return replace(found, influences=depends)

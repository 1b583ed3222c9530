"""Challenger against champion, group by group: who predicts the same batches with the smaller error?

Where there are batches that the champion was not trained on, both predict exactly those: the champion as it was
registered, the challenger refitted without what it predicts (see `newer_batches`). Where there are none, the
cross-validated errors of both on the same batches are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import isfinite, isnan

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.evaluation.batchai.newer_batches import ROUNDS, Key, NewerBatches, Refit, predict_newer
from src.evaluation.batchai.paired_errors import BatchErrors, errors_by_batch, influences, only, rms
from src.training.batchai.model import LocationModel, Model
from src.training.batchai.out_of_fold import OutOfFold

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
class Contender:
    """A model, and what was predicted for its training batches without them.

    Attributes:
        model: The model.
        out_of_fold: By location, product and target.
    """

    model: Model
    out_of_fold: Mapping[Key, OutOfFold]


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


def _skill(rmse: float, rmse_mean: float) -> float:
    if isnan(rmse):
        return 0.0
    if rmse_mean == 0:  # all batches measured the mean itself: only a prediction of just that is no worse
        return 0.0 if rmse == 0 else LOWEST_SKILL
    return max(LOWEST_SKILL, 1 - rmse / rmse_mean)


def compare(
    challenger: Contender,
    champion: Contender | None,
    data: Iterable[PreparedLocation],
    refit: Refit,
    *,
    rounds: int = ROUNDS,
) -> list[Comparison]:
    """Compare two models on everything that either of them knows.

    Args:
        challenger: The new model, trained on `data`.
        champion: The registered one; None if there is none yet.
        data: The prepared data of every location that the challenger knows.
        refit: Trains the challenger's way on other data of a location.
        rounds: Into how many parts newer batches are cut, see `newer_batches`.

    Returns:
        The comparisons, sorted by location, product and target.
    """
    if champion is None:
        found = [_alone(key, part, ComparedOn.FIRST) for key, part in challenger.out_of_fold.items()]
        return sorted(found, key=lambda comparison: comparison.key)
    found = []
    lost: set[tuple[str, str]] = set()
    for prepared in data:
        known = champion.model.locations.get(prepared.location)
        lost |= _lost(prepared, known)
        if known is not None:
            predicted = predict_newer(prepared, known, refit, rounds=rounds)
            found += [_judged(part) for part in predicted if part.key in challenger.out_of_fold]
    done = {comparison.key for comparison in found}
    for key in {*challenger.out_of_fold, *champion.out_of_fold} - done:
        found.append(_cross_validated(key, challenger.out_of_fold.get(key), champion.out_of_fold.get(key)))
    return sorted((_marked(part, lost) for part in found), key=lambda comparison: comparison.key)


def _marked(part: Comparison, lost: Collection[tuple[str, str]]) -> Comparison:
    compared = part.compared_on is ComparedOn.CROSS_VALIDATED
    return replace(part, last_batch_lost=compared and part.key[:2] in lost)


def _lost(prepared: PreparedLocation, champion: LocationModel | None) -> set[tuple[str, str]]:
    """The products whose last batch, as the champion knew it, is gone from the data."""
    return {
        (prepared.location, group.product_id)
        for group in prepared.groups
        if champion is not None
        and group.product_id in champion.groups
        and champion.groups[group.product_id].last_batch not in set(group.batch_ids.tolist())
    }


def _judged(part: NewerBatches) -> Comparison:
    """The errors of both models on newer batches."""
    champion, challenger, mean = (
        errors_by_batch(part.batch_ids, part.measured, predicted)
        for predicted in (part.champion, part.challenger, part.mean)
    )
    return _compared(part.key, ComparedOn.NEWER, champion, challenger, mean)


def _cross_validated(key: Key, challenger: OutOfFold | None, champion: OutOfFold | None) -> Comparison:
    if challenger is None or champion is None:
        if challenger is not None:
            return _alone(key, challenger, ComparedOn.ONLY_CHALLENGER)
        assert champion is not None  # noqa: S101 - a key comes from one of the two
        return _alone(key, champion, ComparedOn.ONLY_CHAMPION)
    errors = [
        errors_by_batch(champion.batch_ids, champion.measured, champion.predicted),
        errors_by_batch(challenger.batch_ids, challenger.measured, challenger.predicted),
        errors_by_batch(challenger.batch_ids, challenger.measured, challenger.mean),
    ]
    common = set(errors[0]) & set(errors[1])
    if common:  # else no batch has kept its id, and each model is judged on its own
        errors = [only(part, common) for part in errors]
    return _compared(key, ComparedOn.CROSS_VALIDATED, *errors)


def _alone(key: Key, part: OutOfFold, compared_on: ComparedOn) -> Comparison:
    """The cross-validated error of the one model that knows a target; worse than the mean counts as the mean."""
    errors, mean = (errors_by_batch(part.batch_ids, part.measured, values) for values in (part.predicted, part.mean))
    alone = ComparedOn.ONLY_CHAMPION, ComparedOn.ONLY_CHALLENGER
    if compared_on in alone and isfinite(rms(errors)) and rms(errors) > rms(mean):
        errors = mean
    of_champion = compared_on is ComparedOn.ONLY_CHAMPION
    return _compared(key, compared_on, errors if of_champion else None, None if of_champion else errors, mean)


def _compared(
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

"""The products of a location, challenger against champion: on which batches are they compared?

Where there are batches that the champion was not trained on, both predict exactly those: the champion as it was
registered, the challenger refitted without what it predicts (see `newer_batches`). Where there are none, the
cross-validated errors of both on the same batches are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.evaluation.batchai.newer_batches import ROUNDS, NewerBatches, Refit, predict_newer
from src.evaluation.comparison import ComparedOn, Comparison, Key, compared
from src.evaluation.paired_errors import errors_by_batch, only, rms
from src.training.batchai.model import LocationModel, Model
from src.training.batchai.out_of_fold import OutOfFold


@dataclass(frozen=True)
class Contender:
    """A model, and what was predicted for its training batches without them.

    Attributes:
        model: The model.
        out_of_fold: By location, product and target.
    """

    model: Model
    out_of_fold: Mapping[Key, OutOfFold]


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
    return compared(part.key, ComparedOn.NEWER, champion, challenger, mean)


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
    return compared(key, ComparedOn.CROSS_VALIDATED, *errors)


def _alone(key: Key, part: OutOfFold, compared_on: ComparedOn) -> Comparison:
    """The cross-validated error of the one model that knows a target; worse than the mean counts as the mean."""
    errors, mean = (errors_by_batch(part.batch_ids, part.measured, values) for values in (part.predicted, part.mean))
    alone = ComparedOn.ONLY_CHAMPION, ComparedOn.ONLY_CHALLENGER
    if compared_on in alone and isfinite(rms(errors)) and rms(errors) > rms(mean):
        errors = mean
    of_champion = compared_on is ComparedOn.ONLY_CHAMPION
    return compared(key, compared_on, errors if of_champion else None, None if of_champion else errors, mean)

"""The products of a location, challenger against champion: on which batches are they compared?

Where there are batches that the champion was not trained on, both predict exactly those: the champion as it was
registered, the challenger refitted without what it predicts (see `newer_batches`). Where there are none, the
cross-validated errors of both on the same batches are compared (see `data_changes` for values that have changed).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.evaluation.batchai.data_changes import Common, changes_of_location, compare_values
from src.evaluation.batchai.location_parts import Data, parts_of
from src.evaluation.batchai.newer_batches import ROUNDS, NewerBatches, predict_newer
from src.evaluation.comparison import ComparedOn, Comparison, Key, compared
from src.evaluation.paired_errors import BatchErrors, errors_by_batch, only, rms
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
    data: Iterable[Data],
    refit: Callable[[Data], LocationModel],
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
        alone = [_alone(key, part, ComparedOn.FIRST) for key, part in challenger.out_of_fold.items()]
        return sorted(alone, key=lambda comparison: comparison.key)
    found: list[Comparison] = []
    theirs: Mapping[Key, OutOfFold] = champion.out_of_fold
    lost: set[tuple[str, str]] = set()
    common = common_of(challenger, champion)
    for location in data:
        known = champion.model.locations.get(location.location)
        if known is not None:
            lost |= {product for part in parts_of(location) for product in _lost(part, known)}
            predicted = predict_newer(location, known, refit, rounds=rounds)
            found += [_judged(part, common.get(part.key)) for part in predicted if part.key in challenger.out_of_fold]
    done = {comparison.key for comparison in found}
    for key in {*challenger.out_of_fold, *theirs} - done:
        found.append(_cross_validated(key, challenger.out_of_fold.get(key), theirs.get(key)))
    return sorted((_marked(part, lost) for part in found), key=lambda comparison: comparison.key)


def common_of(challenger: Contender, champion: Contender) -> dict[Key, Common]:
    """How the values of batches that both know have changed, by location, product and target."""
    return {
        key: compare_values(part, challenger.out_of_fold[key])
        for key, part in champion.out_of_fold.items()
        if key in challenger.out_of_fold
    }


def changes(challenger: Contender, champion: Contender, failed: Mapping[str, str]) -> dict[str, list[str]]:
    """Say by location what has changed since the champion was trained; locations without a change are left out.

    Args:
        challenger: The new model.
        champion: The registered one.
        failed: Why locations could not be prepared.
    """
    common = common_of(challenger, champion)
    found = {}
    for name in sorted({*challenger.model.locations, *champion.model.locations}):
        ours, theirs = challenger.model.locations.get(name), champion.model.locations.get(name)
        if ours is None:
            found[name] = [f"not in this training: {failed.get(name, 'there is no prepared data of it')}"]
        elif theirs is None:
            found[name] = ["new"]
        else:
            found[name] = list(changes_of_location(theirs, ours, common))
    return {name: sentences for name, sentences in found.items() if sentences}


def _marked(part: Comparison, lost: Collection[tuple[str, str]]) -> Comparison:
    compared = part.compared_on is ComparedOn.CROSS_VALIDATED
    return replace(part, last_batch_lost=compared and part.key[:2] in lost)


def _lost(prepared: PreparedLocation, champion: LocationModel) -> Iterator[tuple[str, str]]:
    """The products whose last batch, as the champion knew it, is gone from the data."""
    for group in prepared.groups:
        known = champion.groups.get(group.product_id)
        if known is not None and known.last_batch not in set(group.batch_ids.tolist()):
            yield prepared.location, group.product_id


def _judged(part: NewerBatches, common: Common | None) -> Comparison:
    """The errors of both models on newer batches."""
    converted = part.champion if common is None else common.factor * part.champion + common.shift
    champion, challenger, mean = (
        errors_by_batch(part.batch_ids, part.measured, predicted)
        for predicted in (converted, part.challenger, part.mean)
    )
    return compared(part.key, ComparedOn.NEWER, champion, challenger, mean)


def _cross_validated(key: Key, challenger: OutOfFold | None, champion: OutOfFold | None) -> Comparison:
    if challenger is None or champion is None:
        if challenger is not None:
            return _alone(key, challenger, ComparedOn.ONLY_CHALLENGER)
        assert champion is not None  # noqa: S101 - a key comes from one of the two
        return _alone(key, champion, ComparedOn.ONLY_CHAMPION)
    values = compare_values(champion, challenger)
    ours, mean, theirs, their_mean = (
        errors_by_batch(part.batch_ids, part.measured, predicted)
        for part in (challenger, champion)
        for predicted in (part.predicted, part.mean)
    )
    common = set(ours) & set(theirs)
    if common:  # else no batch has kept its id, and each model is judged on its own
        ours, mean, theirs, their_mean = (only(errors, common) for errors in (ours, mean, theirs, their_mean))
    if values.is_converted:
        theirs = _scaled(theirs, values.factor**2)
    elif (values.changed or not common) and rms(their_mean) > 0:
        theirs = _scaled(theirs, (rms(mean) / rms(their_mean)) ** 2)
    return compared(key, ComparedOn.CROSS_VALIDATED, theirs, ours, mean)


def _scaled(errors: BatchErrors, factor: float) -> BatchErrors:
    return {batch: (factor * error, rows) for batch, (error, rows) in errors.items()}


def _alone(key: Key, part: OutOfFold, compared_on: ComparedOn) -> Comparison:
    """The cross-validated error of the one model that knows a target; worse than the mean counts as the mean."""
    errors, mean = (errors_by_batch(part.batch_ids, part.measured, values) for values in (part.predicted, part.mean))
    alone = ComparedOn.ONLY_CHAMPION, ComparedOn.ONLY_CHALLENGER
    if compared_on in alone and isfinite(rms(errors)) and rms(errors) > rms(mean):
        errors = mean
    of_champion = compared_on is ComparedOn.ONLY_CHAMPION
    return compared(key, compared_on, errors if of_champion else None, None if of_champion else errors, mean)

"""Challenger against champion, group by group: who predicts the same batches with the smaller error?

Where there are batches that the champion was not trained on, both predict exactly those: the champion as it was
registered, the challenger refitted without what it predicts (see `newer_batches`). Where there are none, the
cross-validated errors of both on the same batches are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import isfinite, isnan
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.evaluation.batchai.newer_batches import ROUNDS, Key, NewerBatches, Refit, predict_newer
from src.training.batchai.model import LocationModel, Model
from src.training.batchai.out_of_fold import OutOfFold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAN = float("nan")
LOWEST_SKILL = -1.0
"""What a skill counts at the least. A few newer batches close to the mean make the mean's error tiny, and any skill
against it hugely negative: one such group would outweigh all others."""


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
        last_batch_lost: Whether the champion's last batch is gone from the data, so that nobody can tell newer ones.
    """

    key: Key
    compared_on: ComparedOn
    batches: int
    rmse_champion: float
    rmse_challenger: float
    rmse_mean: float
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
    return Comparison(
        key=part.key,
        compared_on=ComparedOn.NEWER,
        batches=len(set(part.batch_ids.tolist())),
        rmse_champion=_rms(part.measured, part.champion),
        rmse_challenger=_rms(part.measured, part.challenger),
        rmse_mean=_rms(part.measured, part.mean),
    )


def _cross_validated(key: Key, challenger: OutOfFold | None, champion: OutOfFold | None) -> Comparison:
    if challenger is None or champion is None:
        if challenger is not None:
            return _alone(key, challenger, ComparedOn.ONLY_CHALLENGER)
        assert champion is not None  # noqa: S101 - a key comes from one of the two
        return _alone(key, champion, ComparedOn.ONLY_CHAMPION)
    errors = (
        _errors_by_batch(champion, champion.predicted),
        _errors_by_batch(challenger, challenger.predicted),
        _errors_by_batch(challenger, challenger.mean),
    )
    # where no batch has kept its id, each model is judged on its own
    common = set(errors[0]) & set(errors[1]) or None
    rmse = [_rms_of(part, common) for part in errors]
    return Comparison(key, ComparedOn.CROSS_VALIDATED, len(common or errors[1]), *rmse)


def _alone(key: Key, part: OutOfFold, compared_on: ComparedOn) -> Comparison:
    """The cross-validated error of the one model that knows a target; worse than the mean counts as the mean."""
    rmse, mean = _rms(part.measured, part.predicted), _rms(part.measured, part.mean)
    alone = ComparedOn.ONLY_CHAMPION, ComparedOn.ONLY_CHALLENGER
    if compared_on in alone and isfinite(rmse):
        rmse = min(rmse, mean)
    of_champion = compared_on is ComparedOn.ONLY_CHAMPION
    champion, challenger = (rmse, NAN) if of_champion else (NAN, rmse)
    return Comparison(key, compared_on, len(set(part.batch_ids.tolist())), champion, challenger, mean)


def _errors_by_batch(part: OutOfFold, predicted: NDArray[np.float64]) -> dict[str, tuple[float, int]]:
    """The sum of squared errors of each batch, and its number of rows."""
    found: dict[str, tuple[float, int]] = {}
    for batch, error in zip(part.batch_ids.tolist(), _squares(part.measured, predicted).tolist(), strict=True):
        total, rows = found.get(batch, (0.0, 0))
        found[batch] = (total + error, rows + 1)
    return found


def _rms_of(errors: Mapping[str, tuple[float, int]], batches: Collection[str] | None) -> float:
    """The root of the mean square over the rows of some batches; None for all. In the order of the first model."""
    parts = [errors[batch] for batch in errors if batches is None or batch in batches]
    return float((sum(error for error, _ in parts) / sum(rows for _, rows in parts)) ** 0.5)


def _rms(measured: NDArray[np.float64], predicted: NDArray[np.float64] | float) -> float:
    squares = _squares(measured, predicted).tolist()
    return float((sum(squares) / len(squares)) ** 0.5)


def _squares(measured: NDArray[np.float64], predicted: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The squared errors; infinite where they are too large for a number."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        squares: NDArray[np.float64] = (measured - predicted) ** 2
    return squares

"""The fit of a problem: on all its rows, and without each fold and each part of time, to say how wrong it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.ridge.averaging import Averaged, average
from src.training.batchai.ridge.borrowing import LocationPool
from src.training.batchai.ridge.designs import find_design
from src.training.batchai.ridge.expansion import Expanded, band_errors, expand
from src.training.batchai.ridge.fitted import Fitted, ProblemFit
from src.training.batchai.ridge.fitted_terms import FittedTerms
from src.training.batchai.ridge.folds import BLOCKS
from src.training.batchai.ridge.problems import FIRST_JUDGED, Problem, count_batches, earlier_rows
from src.training.batchai.ridge.scores import HeldOut, Scores, score
from src.training.batchai.ridge.training_sets import TrainingSets, training_sets
from src.training.batchai.target_scale import to_scale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_NUMBERS = 8_000_000
"""So many numbers of training sets are in memory at once; one set may be larger."""
MOST_COLUMNS = 10
"""So many numbers are made of a value where there are curves and pairs."""
LEVEL = 0.95
"""How many of the intervals of coefficients hold the truth."""


@dataclass(frozen=True)
class _Asked:
    """Which training sets a problem has: all rows, all but each fold, and all before each time.

    Attributes:
        problem: The problem.
        held: The folds.
        times: The parts of time that are predicted from those before.
    """

    problem: Problem
    held: list[int]
    times: list[int]

    @classmethod
    def of(cls, problem: Problem) -> _Asked:
        known = count_batches(problem, earlier_rows(problem)) > 1
        judged = range(FIRST_JUDGED, BLOCKS)
        times = [at for at, several in zip(judged, known, strict=True) if several and (problem.blocks == at).any()]
        return cls(problem, sorted(set(problem.folds.tolist())), times)

    @property
    def numbers(self) -> int:
        """How many numbers the rows of one training set are."""
        problem = self.problem
        columns = problem.features.shape[1] * (1 if problem.terms is Terms.LINEAR else MOST_COLUMNS)
        return max(1, len(problem.features) * (columns + problem.values.shape[1]))

    @property
    def count(self) -> int:
        """How many training sets there are."""
        return 1 + len(self.held) + len(self.times)

    def masks(self, some: slice) -> list[NDArray[np.bool_]]:
        """Which rows are in some of the training sets."""
        folds, blocks = self.problem.folds, self.problem.blocks
        return [folds >= 0, *(folds != fold for fold in self.held), *(blocks < at for at in self.times)][some]

    def pooled(self, some: slice) -> list[int]:
        """Which of the pool's sets they are; those of time are the last ones, or none where products share no time."""
        times = [at - BLOCKS for at in self.times] if self.problem.timed else []
        return [0, *(fold + 1 for fold in self.held), *times][some]


def fit_problems(problems: Sequence[Problem], pool: LocationPool | None) -> list[ProblemFit]:
    """Fit problems.

    Args:
        problems: The problems; each result is the same whatever else is among them.
        pool: What the products of the location say; None where nothing is borrowed.
    """
    asked = [_Asked.of(problem) for problem in problems]
    some: dict[tuple[bool, int], list[int]] = {}
    for place, one in enumerate(asked):
        alone = place if one.numbers * one.count * len(asked) > MOST_NUMBERS else -1
        some.setdefault((one.problem.own, alone), []).append(place)
    fits: dict[int, ProblemFit] = {}
    for places in some.values():
        fits.update(zip(places, _fit_some([asked[place] for place in places], pool), strict=True))
    return [fits[place] for place in range(len(asked))]


def _fit_some(asked: Sequence[_Asked], pool: LocationPool | None) -> list[ProblemFit]:
    """Fit some problems whose training sets fit in memory together, or one alone, some of its sets at a time."""
    length = max(1, MOST_NUMBERS // asked[0].numbers) if len(asked) == 1 else max(one.count for one in asked)
    parts = []
    for start in reversed(range(0, max(one.count for one in asked), length)):  # the first is looked at once more
        part = slice(start, start + length)
        made = [_made(one, pool, part) for one in asked]
        toward = [_toward(one.problem, own, pool, one.pooled(part)) for one, own in zip(asked, made, strict=True)]
        averaged = average([own.sets for own in made], toward, own=asked[0].problem.own)
        parts.append([_in_original_units(*both) for both in zip(made, averaged, strict=True)])
    fitted = [Fitted.joined(one[::-1]) for one in zip(*parts, strict=True)]
    judged = [_judge(*both) for both in zip(asked, fitted, strict=True)]
    logs = [one.problem.logs for one in asked]
    scores = score([(*both, one.problem.batches, log) for both, one, log in zip(judged, asked, logs, strict=True)])
    scored = [(rows.in_units(log), errors) for (rows, _), errors, log in zip(judged, scores, logs, strict=True)]
    every = zip(made, toward, averaged, fitted, scored, strict=True)
    return [_fit_of_all_rows(*one) for one in every]


def _made(asked: _Asked, pool: LocationPool | None, some: slice) -> Expanded:
    """Some training sets of a problem, with the curves and pairs that it may have."""
    import numpy as np

    problem, masks = asked.problem, asked.masks(some)
    sets = training_sets(problem, masks)
    if problem.terms is Terms.LINEAR:
        return Expanded(sets)
    shared = None if pool is None or pool.designs is None else pool.designs.of_problem(problem)
    place = [] if shared is None else asked.pooled(some)
    own = np.array(masks[len(place) :], dtype=bool).reshape(-1, len(problem.features))
    if shared is None:
        design = find_design(problem, own)
    elif len(own):
        design = shared.take(place).plus(find_design(problem, own, like=shared))
    else:
        design = shared.take(place)
    return expand(problem, sets, design)


def _judge(asked: _Asked, fitted: Fitted) -> tuple[HeldOut, HeldOut]:
    """Predict all rows, each without its fold; and the later ones, each from those before."""
    import numpy as np

    problem, held, times = asked.problem, asked.held, asked.times
    in_fold = np.searchsorted(held, problem.folds) + 1
    set_of = np.full(BLOCKS, -1)
    set_of[times] = np.arange(len(times)) + 1 + len(held)
    in_time = set_of[problem.blocks]
    later = np.flatnonzero(in_time >= 0)
    rows, sets = np.concatenate([np.arange(len(in_fold)), later]), np.concatenate([in_fold, in_time[later]])
    found = fitted.predict(problem, rows, sets)
    if problem.logs.any():  # what a model is compared with is the mean in the unit, not that of the logarithms
        taken = np.array(asked.masks(slice(None)), dtype=np.float64)
        means = to_scale(taken @ problem.measured / taken.sum(axis=1, keepdims=True), problem.logs)
        found = replace(found, mean=np.where(problem.logs, means[sets], found.mean))
    return found.split(len(in_fold))


def _fit_of_all_rows(
    made: Expanded,
    toward: NDArray[np.float64] | None,
    averaged: Averaged,
    fitted: Fitted,
    scored: tuple[HeldOut, Scores],
) -> ProblemFit:
    """The first of the fits, with how wrong the others are."""
    import numpy as np

    sets, targets = made.sets, made.sets.unit.shape[1]
    errors, intervals = _intervals(sets, averaged)
    features = sets.scale.shape[1]
    return ProblemFit(
        intercepts=fitted.intercepts[0],
        coefficients=fitted.coefficients[0],
        errors=errors[:features],
        intervals=intervals[:, :features],
        terms=fitted.terms,
        knot_errors=band_errors(made, averaged) * sets.unit[0],
        pair_errors=None if fitted.terms is None else fitted.terms.pair_errors(made, errors),
        spread=np.where(np.isinf(sets.scale[0]), 0, sets.scale[0]),
        target_spread=sets.unit[0],
        minimum=fitted.minimum[0],
        maximum=fitted.maximum[0],
        fill=fitted.fill[0],
        lowest=fitted.lowest[0],
        highest=fitted.highest[0],
        penalty=averaged.shrinkage[0],
        share=np.where(_says_anything(toward, targets), averaged.share[0], np.nan),
        out_of_fold=scored[0],
        scores=scored[1],
    )


def _says_anything(toward: NDArray[np.float64] | None, targets: int) -> NDArray[np.bool_]:
    """Whether other products say anything about each target. Shape (targets,)."""
    import numpy as np

    return np.zeros(targets, dtype=bool) if toward is None else np.any(toward[0] != 0, axis=0)


def _toward(
    problem: Problem, made: Expanded, pool: LocationPool | None, place: Sequence[int]
) -> NDArray[np.float64] | None:
    """What is borrowed for each set, in its standardised units; nothing for those that the pool does not have."""
    import numpy as np

    if pool is None:
        return None
    sets = made.sets
    toward = np.zeros((len(sets.scale), sets.width, sets.unit.shape[1]))
    if not place:
        return toward
    if pool.designs is None:  # of a parted location: its products share their lines alone
        made = Expanded(replace(sets, further=None))
    borrowed = pool.borrow(problem, made, place)
    if borrowed is None:
        return None
    toward[: len(place), : borrowed.shape[1]] = made.to_own(borrowed)
    return toward if problem.own else toward / sets.unit[:, None]


def _in_original_units(made: Expanded, averaged: Averaged) -> Fitted:
    sets = made.sets
    lines = averaged.coefficients[:, : sets.scale.shape[1]]
    coefficients = lines / sets.scale[:, :, None] * sets.unit[:, None]
    levels = sets.mean + averaged.level * sets.unit
    intercepts = levels - (coefficients * sets.fill[:, :, None]).sum(axis=1)
    terms = None
    if made.design is not None:
        terms = FittedTerms.of(made, averaged)
        intercepts -= terms.mean_products(made)
    limits = (sets.minimum, sets.maximum, sets.fill, sets.mean, sets.lowest, sets.highest)
    return Fitted(intercepts, coefficients, *limits, terms)


def _intervals(sets: TrainingSets, averaged: Averaged) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard errors of the coefficients, and the ends of their intervals; in original units."""
    import numpy as np

    estimate, error, freedom = averaged.wide
    further = np.ones(sets.width - sets.scale.shape[1])
    units = sets.unit[0] / np.concatenate([sets.scale[0], further])[:, None]
    half = student_quantile((1 + LEVEL) / 2, freedom[:1]) * error  # those of all features are the same
    return error * units, np.stack([estimate - half, estimate + half]) * units


def student_quantile(level: float, freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quantile of Student's distribution; the shape of `freedom`."""
    from scipy.special import stdtrit

    quantile: NDArray[np.float64] = stdtrit(freedom, level)
    return quantile

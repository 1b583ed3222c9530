"""Nested and forward cross-validation of many problems at once, by algebra on their stacked cross-products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from src.training.batchai.intervals import Predicted
from src.training.batchai.ridge.candidates import Priors, choose
from src.training.batchai.ridge.cross_products import Segments, Stack
from src.training.batchai.ridge.exact_ridge import predict_forward
from src.training.batchai.ridge.fits import Forward, ProblemFit, Solver, jackknife_errors
from src.training.batchai.ridge.penalty_path import decompose
from src.training.batchai.ridge.problems import BLOCKS, FIRST_JUDGED, FIRST_TRIED, Problem
from src.training.batchai.ridge.scores import Judged, Scores, score, score_rows
from src.training.batchai.ridge.training_sets import TrainingSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_PAIRS = 160_000
"""So many pairs of features, over all training sets, are treated at once; memory is bounded by it."""


def fit_stacked(
    stacked: Stack, problems: Sequence[Problem], priors: Sequence[Priors], *, forward: bool
) -> list[ProblemFit | Solver]:
    """Fit problems that have no gaps, and the same numbers of features, targets and folds.

    Args:
        stacked: The rows of the problems.
        problems: The problems.
        priors: What the coefficients of each may be shrunk toward; the same number for all.
        forward: Whether to predict batches from earlier ones, too.

    Returns:
        For each problem its fit, or why it has to be solved by singular values instead.
    """
    import numpy as np

    # from original units to the problems' standardised ones
    toward = np.stack([prior.coefficients for prior in priors]) * stacked.scale[:, None, :, None]
    validated = _cross_validate(stacked, toward)
    later = _predict_forward(stacked, problems) if forward else None
    scores = _score(stacked, problems, validated, later)
    predicted = validated.predicted.swapaxes(1, 2).reshape(-1, validated.predicted.shape[1])[stacked.folds.places]
    fits: list[ProblemFit | Solver] = []
    for number, (problem, prior) in enumerate(zip(problems, priors, strict=True)):
        if validated.ill_conditioned[number]:
            fits.append(Solver.ILL_CONDITIONED)
            continue
        if validated.cancelled[number]:
            fits.append(Solver.CANCELLED)
            continue
        own = predicted[stacked.starts[number] : stacked.starts[number + 1]]
        mean = validated.mean[number, problem.folds]
        coming, own_scores = Forward.nothing(len(problem.targets)), scores[number]
        if later and later.bad[number]:
            coming = predict_forward(problem, first_tried=FIRST_TRIED, first_judged=FIRST_JUDGED)
            own_scores = score_rows(problem, own, mean, coming)
        elif later:
            coming = later.of(number, problem, stacked)
        fits.append(
            ProblemFit(
                chosen=validated.chosen[number],
                prior_names=prior.names,
                intercepts=validated.intercepts[number],
                coefficients=validated.coefficients[number],
                errors=validated.errors[number],
                spread=stacked.scale[number],
                minimum=stacked.lowest[number, : stacked.features],
                maximum=stacked.highest[number, : stacked.features],
                fill=validated.fill[number],
                predicted=own,
                mean=mean,
                forward=coming,
                scores=own_scores,
                solver=Solver.CROSS_PRODUCTS,
            )
        )
    return fits


def _score(
    stacked: Stack, problems: Sequence[Problem], validated: _CrossValidated, later: _Later | None
) -> list[Scores]:
    """How wrong the predictions of all problems are."""
    import numpy as np

    count, targets = len(problems), len(problems[0].targets)
    folds = validated.mean.shape[1]
    means = np.repeat(validated.mean.swapaxes(1, 2), stacked.taken.shape[1] // folds, axis=2)
    nothing = np.zeros((count, targets, 0))
    return score(
        Judged(Predicted(stacked.measured, validated.predicted, stacked.taken), means),
        later.judged if later else Judged(Predicted(nothing, nothing, np.zeros((count, 0))), nothing),
        lowest=stacked.lowest[:, stacked.features :],
        highest=stacked.highest[:, stacked.features :],
        spread=stacked.target_scale,
        batches=np.asarray([problem.batches for problem in problems]),
    )


@dataclass(frozen=True)
class _CrossValidated:
    """What nested cross-validation and the final fit give, in original units.

    Attributes:
        chosen: Shape (problems, targets): the candidate for the final fit.
        intercepts: Shape (problems, targets).
        coefficients: Shape (problems, features, targets).
        errors: Shape (problems, features, targets): standard errors of the coefficients.
        fill: Shape (problems, features): the means.
        predicted: Shape (problems, targets, folds · padded rows): out of fold.
        mean: Shape (problems, folds, targets): the mean of the other folds.
        ill_conditioned: Shape (problems,).
        cancelled: Shape (problems,).
    """

    chosen: NDArray[np.int64]
    intercepts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    errors: NDArray[np.float64]
    fill: NDArray[np.float64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]
    ill_conditioned: NDArray[np.bool_]
    cancelled: NDArray[np.bool_]


def _cross_validate(stacked: Stack, toward: NDArray[np.float64]) -> _CrossValidated:
    """Choose candidates inside each outer training set, predict each fold with what was chosen without it, and fit."""
    import numpy as np

    folds = stacked.folds
    count = folds.products.shape[1]
    numbers = range(count)
    pairs = list(combinations(numbers, 2))
    first, second = (np.asarray(part) for part in zip(*pairs, strict=True))
    total = folds.products.sum(axis=1)[:, None]
    one_out = total - folds.products
    fitted = decompose(np.concatenate([total, one_out], axis=1), stacked.features, toward)
    singles = [(fold,) for fold in numbers]
    outer = TrainingSets(folds, singles, singles, fitted[1:])
    errors, cancelled = outer.errors()
    bad = np.any(fitted.ill_conditioned, axis=1)
    unsafe = np.any(cancelled, axis=(1, 2))
    parts = []
    length = max(1, MOST_PAIRS // (len(total) * stacked.features**2))
    for start in range(0, len(pairs), length):
        some = slice(start, start + length)
        two_out = one_out[:, first[some]] - folds.products[:, second[some]]
        fewer = decompose(two_out, stacked.features, toward)
        inner = TrainingSets(folds, pairs[some], [(b, a) for a, b in pairs[some]], fewer)
        part, cancelled = inner.errors()
        parts.append(part)
        bad |= np.any(fewer.ill_conditioned, axis=1)
        unsafe |= np.any(cancelled, axis=(1, 2))
    nested = np.concatenate(parts, axis=1)
    # of a pair, the first part is judged for the first fold (and is the second fold), the second for the second
    judge = [[pairs.index((min(a, b), max(a, b))) for b in numbers if b != a] for a in numbers]
    place = [[int(a > b) for b in numbers if b != a] for a in numbers]
    without = outer.fitted.coefficients(choose(nested[:, judge, place]))
    chosen = choose(errors[:, :, 0])
    final = fitted[:1]
    scale, unit = stacked.scale[:, :, None], stacked.target_scale[:, None]
    coefficients = final.coefficients(chosen[:, None])[:, 0] / scale * unit
    fill = stacked.center + final.mean[:, 0] * stacked.scale
    level = stacked.target_center + final.target_mean[:, 0] * stacked.target_scale
    predicted = _measured_units(stacked, outer.predict(without).swapaxes(1, 2))
    means = _measured_units(stacked, outer.fitted.target_mean.swapaxes(1, 2)[..., None])
    return _CrossValidated(
        chosen=chosen,
        intercepts=level - (coefficients * fill[:, :, None]).sum(axis=1),
        coefficients=coefficients,
        errors=jackknife_errors(without.swapaxes(0, 1)) * (unit / scale),
        fill=fill,
        predicted=predicted.reshape(*predicted.shape[:2], -1),
        mean=means[..., 0].swapaxes(1, 2),
        ill_conditioned=bad,
        cancelled=unsafe,
    )


@dataclass(frozen=True)
class _Later:
    """Predictions of the later blocks of time, each from the blocks before it.

    Attributes:
        blocks: The rows, parted into all blocks.
        judged: The predictions of the blocks from `FIRST_JUDGED` on, rows in the order of the blocks.
        bad: Shape (problems,): where they can't be trusted, or a block is empty.
    """

    blocks: Segments
    judged: Judged
    bad: NDArray[np.bool_]

    def of(self, number: int, problem: Problem, stacked: Stack) -> Forward:
        """Those of one problem, by its position."""
        import numpy as np

        padded = self.blocks.columns.shape[3]
        rows = np.flatnonzero(problem.blocks >= FIRST_JUDGED)
        places = self.blocks.places[stacked.starts[number] : stacked.starts[number + 1]][rows]
        places -= (number * BLOCKS + FIRST_JUDGED) * padded
        return Forward(rows, self.judged.predictions.predicted[number, :, places], self.judged.mean[number, :, places])


def _predict_forward(stacked: Stack, problems: Sequence[Problem]) -> _Later:
    """Predict each block of time from the blocks before it; see `exact_ridge.predict_forward`."""
    import numpy as np

    blocks, measured, taken = stacked.segments([problem.blocks for problem in problems], BLOCKS)
    tried = range(FIRST_TRIED, BLOCKS)
    count, targets, _, padded = measured.shape
    earlier = blocks.products.cumsum(axis=1)[:, FIRST_TRIED - 1 : -1]
    fitted = decompose(earlier, stacked.features, np.zeros((count, 1, stacked.features, targets)))
    outs, held = [tuple(range(block, BLOCKS)) for block in tried], [(block,) for block in tried]
    errors, cancelled = TrainingSets(blocks, outs, held, fitted).errors()
    empty = np.any(blocks.products[:, FIRST_TRIED:, 0, 0] == 0, axis=1)
    skipped = FIRST_JUDGED - FIRST_TRIED
    judged = TrainingSets(blocks, outs[skipped:], held[skipped:], fitted[skipped:])
    chosen = np.stack([choose(errors[:, :block, 0]) for block in range(skipped, len(tried))], axis=1)
    predicted = _measured_units(stacked, judged.predict(judged.fitted.coefficients(chosen)).swapaxes(1, 2))
    means = _measured_units(stacked, judged.fitted.target_mean.swapaxes(1, 2)[..., None])
    return _Later(
        blocks=blocks,
        judged=Judged(
            Predicted(
                measured=measured[:, :, FIRST_JUDGED:].reshape(count, targets, -1),
                predicted=predicted.reshape(count, targets, -1),
                taken=taken[:, FIRST_JUDGED:].reshape(count, -1),
            ),
            np.repeat(means[..., 0], padded, axis=2),
        ),
        bad=empty | np.any(fitted.ill_conditioned, axis=1) | np.any(cancelled[:, :, 0], axis=1),
    )


def _measured_units(stacked: Stack, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardised targets of shape (problems, targets, sets, rows) in their own units."""
    measured: NDArray[np.float64] = values * stacked.target_scale[:, :, None, None]
    measured += stacked.target_center[:, :, None, None]
    return measured

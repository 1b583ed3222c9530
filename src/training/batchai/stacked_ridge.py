"""Nested and forward cross-validation of many problems at once, by algebra on their stacked cross-products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from src.training.batchai.candidates import FoldErrors, Priors
from src.training.batchai.credible_range import MARGIN, believe, keep_in_reach, reach
from src.training.batchai.cross_products import Segments, Stack, stack
from src.training.batchai.exact_ridge import predict_forward
from src.training.batchai.fits import Forward, ProblemFit, Solver, jackknife_errors
from src.training.batchai.penalty_path import Decomposition, decompose, held_out_errors
from src.training.batchai.problems import BLOCKS, FIRST_JUDGED, FIRST_TRIED, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fit_stacked(problems: Sequence[Problem], priors: Sequence[Priors], *, forward: bool) -> list[ProblemFit | Solver]:
    """Fit problems that have no gaps, and the same numbers of features, targets and folds.

    Returns:
        For each problem its fit, or why it has to be solved by singular values instead.
    """
    import numpy as np

    stacked = stack(problems)
    # from original units to the problems' standardised ones
    toward = np.stack([prior.coefficients for prior in priors]) * stacked.scale[:, None, :, None]
    folds = stacked.segments(np.concatenate([problem.folds for problem in problems]), _count(problems[0].folds))
    judged = _cross_validate(folds, stacked.features, toward)
    final = decompose(folds.products.sum(axis=1), stacked.features, toward)
    coefficients = final.coefficients(judged.chosen)
    nothing = Forward.nothing(len(problems[0].targets))
    later = _predict_forward(stacked, problems) if forward else [nothing] * len(problems)
    fits: list[ProblemFit | Solver] = []
    for number, (problem, prior) in enumerate(zip(problems, priors, strict=True)):
        if judged.ill_conditioned[number] or final.ill_conditioned[number]:
            fits.append(Solver.ILL_CONDITIONED)
        elif judged.cancelled[number]:
            fits.append(Solver.CANCELLED)
        else:
            original = _in_original_units(stacked, final, coefficients, number)
            rows = slice(stacked.starts[number], stacked.starts[number + 1])
            fits.append(
                ProblemFit(
                    chosen=judged.chosen[number],
                    prior_names=prior.names,
                    intercepts=original[0],
                    coefficients=original[1],
                    errors=judged.errors[number] * (stacked.target_scale[number] / stacked.scale[number][:, None]),
                    spread=stacked.scale[number],
                    minimum=problem.features.min(axis=0),
                    maximum=problem.features.max(axis=0),
                    fill=original[2],
                    predicted=_measured_units(stacked, judged.predicted[folds.places[rows]], number),
                    mean=_measured_units(stacked, judged.mean[number, problem.folds], number),
                    forward=later[number],
                    solver=Solver.CROSS_PRODUCTS,
                )
            )
    return fits


@dataclass(frozen=True)
class _Judged:
    """What nested cross-validation gives.

    Attributes:
        chosen: Shape (problems, targets): the candidate for the final fit.
        predicted: Shape (problems · folds · padded rows, targets): out of fold, in standardised units.
        mean: Shape (problems, folds, targets): the mean of the other folds.
        errors: Shape (problems, features, targets): standard errors of the coefficients, in standardised units.
        ill_conditioned: Shape (problems,).
        cancelled: Shape (problems,).
    """

    chosen: NDArray[np.int64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]
    errors: NDArray[np.float64]
    ill_conditioned: NDArray[np.bool_]
    cancelled: NDArray[np.bool_]


def _cross_validate(folds: Segments, features: int, toward: NDArray[np.float64]) -> _Judged:
    """Choose candidates inside each outer training set, and predict each fold with what was chosen without it."""
    import numpy as np

    count = folds.products.shape[1]
    total = folds.products.sum(axis=1)
    bad = np.zeros((2, len(total)), dtype=bool)
    within = [FoldErrors() for _ in range(count)]
    for out in combinations(range(count), 2):
        fitted = decompose(total - folds.products[:, out[0]] - folds.products[:, out[1]], features, toward)
        bad[0] |= fitted.ill_conditioned
        errors, cancelled = held_out_errors(fitted, _believed_products(folds, out[::-1], out, fitted))
        bad[1] |= cancelled.any(axis=1)
        for place, outer in enumerate(out):
            within[outer].add(errors[:, place])
    alone = FoldErrors()
    predicted, means, without = [], [], []
    for fold in range(count):
        fitted = decompose(total - folds.products[:, fold], features, toward)
        errors, cancelled = held_out_errors(fitted, _believed_products(folds, (fold,), (fold,), fitted))
        bad[0] |= fitted.ill_conditioned
        bad[1] |= cancelled[:, 0]
        alone.add(errors[:, 0])
        without.append(fitted.coefficients(within[fold].best()))
        predicted.append(_predict(folds, fold, (fold,), fitted, without[-1]))
        means.append(fitted.target_mean)
    everything = np.stack(predicted, axis=1)
    return _Judged(
        chosen=alone.best(),
        predicted=everything.reshape(-1, everything.shape[-1]),
        mean=np.stack(means, axis=1),
        errors=jackknife_errors(np.stack(without)),
        ill_conditioned=bad[0],
        cancelled=bad[1],
    )


def _predict_forward(stacked: Stack, problems: Sequence[Problem]) -> list[Forward]:
    """Predict each block of time from the blocks before it; see `exact_ridge.predict_forward`."""
    import numpy as np

    labels = np.concatenate([problem.blocks for problem in problems])
    blocks = stacked.segments(labels, BLOCKS)
    targets = len(problems[0].targets)
    toward = np.zeros((len(problems), 1, stacked.features, targets))
    errors = FoldErrors()
    bad = np.zeros(len(problems), dtype=bool)
    predicted = np.full((len(problems), BLOCKS, blocks.rows.shape[2], targets), np.nan)
    means = np.full((len(problems), BLOCKS, targets), np.nan)
    for block in range(FIRST_TRIED, BLOCKS):
        later = tuple(range(block, BLOCKS))
        fitted = decompose(blocks.products[:, :block].sum(axis=1), stacked.features, toward)
        bad |= fitted.ill_conditioned
        if block >= FIRST_JUDGED:
            predicted[:, block] = _predict(blocks, block, later, fitted, fitted.coefficients(errors.best()))
            means[:, block] = fitted.target_mean
        found, cancelled = held_out_errors(fitted, _believed_products(blocks, (block,), later, fitted))
        bad |= cancelled[:, 0] & (blocks.products[:, block, 0, 0] > 0)
        errors.add(found[:, 0])
    flat = predicted.reshape(-1, targets)
    forward = []
    for number, problem in enumerate(problems):
        if bad[number]:
            forward.append(predict_forward(problem, first_tried=FIRST_TRIED, first_judged=FIRST_JUDGED))
            continue
        rows = np.flatnonzero(problem.blocks >= FIRST_JUDGED)
        mine = blocks.places[stacked.starts[number] : stacked.starts[number + 1]][rows]
        forward.append(
            Forward(
                rows,
                _measured_units(stacked, flat[mine], number),
                _measured_units(stacked, means[number, problem.blocks[rows]], number),
            )
        )
    return forward


def _trained_range(segments: Segments, out: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The range of each column in training without some segments. Shapes (problems, features + targets)."""
    keep = [segment for segment in range(segments.low.shape[1]) if segment not in out]
    return segments.low[:, keep].min(axis=1), segments.high[:, keep].max(axis=1)


def _believed_products(
    segments: Segments, held: tuple[int, ...], out: tuple[int, ...], fitted: Decomposition
) -> NDArray[np.float64]:
    """Cross-products of held-out segments, as far as their values are believed. Shape (problems, held, width, width).

    Few rows hold values beyond the limit: only the segments that have any look at their rows again.
    """
    import numpy as np

    columns = slice(0, fitted.mean.shape[1])
    low, high = (limit[:, columns] for limit in _trained_range(segments, out))
    lower, upper = reach(low, high, share=MARGIN)
    products = segments.products[:, held]
    beyond = (segments.low[:, held, columns] < lower[:, None]) | (segments.high[:, held, columns] > upper[:, None])
    touched, place = np.nonzero(beyond.any(axis=2))
    if not len(touched):
        return products
    rows = segments.rows[touched, np.asarray(held)[place]]
    values = rows[:, :, 1 : 1 + low.shape[1]]
    believed = believe(values, low[touched, None], high[touched, None], fitted.mean[touched, None])
    rows[:, :, 1 : 1 + low.shape[1]] = believed * rows[:, :, :1]  # rows that only pad stay zero
    products[touched, place] = rows.transpose(0, 2, 1) @ rows
    return products


def _predict(
    segments: Segments, held: int, out: tuple[int, ...], fitted: Decomposition, coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Predict held-out rows. Shape (problems, padded rows, targets), in standardised units."""
    features = fitted.mean.shape[1]
    low, high = (limit[:, None] for limit in _trained_range(segments, out))
    mean = fitted.mean[:, None]
    values = segments.rows[:, held, :, 1 : 1 + features]
    centred = believe(values, low[..., :features], high[..., :features], mean) - mean
    predicted = fitted.target_mean[:, None] + centred @ coefficients
    return keep_in_reach(predicted, low[..., features:], high[..., features:])


def _in_original_units(
    stacked: Stack, final: Decomposition, coefficients: NDArray[np.float64], number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Intercepts (targets,), coefficients (features, targets) and means (features,) of a problem."""
    scale, unit = stacked.scale[number], stacked.target_scale[number]
    original = coefficients[number] / scale[:, None] * unit
    fill = stacked.center[number] + final.mean[number] * scale
    level = stacked.target_center[number] + final.target_mean[number] * unit
    return level - (original * fill[:, None]).sum(axis=0), original, fill


def _measured_units(stacked: Stack, values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Standardised targets (rows, targets) of a problem in their own units."""
    measured: NDArray[np.float64] = stacked.target_center[number] + values * stacked.target_scale[number]
    return measured


def _count(folds: NDArray[np.int64]) -> int:
    return int(folds.max()) + 1

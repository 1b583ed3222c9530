"""Nested and forward cross-validation of many problems at once, by algebra on their stacked cross-products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from src.training.batchai.candidates import Priors, choose
from src.training.batchai.credible_range import MARGIN, believe, keep_in_reach, reach
from src.training.batchai.cross_products import Segments, Stack
from src.training.batchai.exact_ridge import predict_forward
from src.training.batchai.fits import Forward, ProblemFit, Solver, jackknife_errors
from src.training.batchai.intervals import Predicted
from src.training.batchai.penalty_path import Decomposition, decompose, held_out_errors
from src.training.batchai.problems import BLOCKS, FIRST_JUDGED, FIRST_TRIED, Problem
from src.training.batchai.scores import Judged, Scores, score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    judged = _cross_validate(stacked, toward)
    later = _predict_forward(stacked, problems) if forward else None
    scores = _score(stacked, problems, judged, later)
    predicted = judged.predicted.swapaxes(1, 2).reshape(-1, judged.predicted.shape[1])[stacked.folds.places]
    fits: list[ProblemFit | Solver] = []
    for number, (problem, prior) in enumerate(zip(problems, priors, strict=True)):
        if judged.ill_conditioned[number]:
            fits.append(Solver.ILL_CONDITIONED)
            continue
        if judged.cancelled[number]:
            fits.append(Solver.CANCELLED)
            continue
        own = predicted[stacked.starts[number] : stacked.starts[number + 1]]
        mean = judged.mean[number, problem.folds]
        coming, own_scores = Forward.nothing(len(problem.targets)), scores[number]
        if later and later.bad[number]:
            coming = predict_forward(problem, first_tried=FIRST_TRIED, first_judged=FIRST_JUDGED)
            own_scores = score_rows(problem, own, mean, coming)
        elif later:
            coming = later.of(number, problem, stacked)
        fits.append(
            ProblemFit(
                chosen=judged.chosen[number],
                prior_names=prior.names,
                intercepts=judged.intercepts[number],
                coefficients=judged.coefficients[number],
                errors=judged.errors[number],
                spread=stacked.scale[number],
                minimum=stacked.lowest[number, : stacked.features],
                maximum=stacked.highest[number, : stacked.features],
                fill=judged.fill[number],
                predicted=own,
                mean=mean,
                forward=coming,
                scores=own_scores,
                solver=Solver.CROSS_PRODUCTS,
            )
        )
    return fits


def score_rows(problem: Problem, predicted: NDArray[np.float64], mean: NDArray[np.float64], later: Forward) -> Scores:
    """How wrong the predictions of a problem are.

    Args:
        problem: The problem.
        predicted: Shape (rows, targets): out of fold.
        mean: Shape (rows, targets): the mean of the other folds.
        later: Predictions from earlier batches.
    """
    import numpy as np

    def judged(measured: NDArray[np.float64], predicted: NDArray[np.float64], mean: NDArray[np.float64]) -> Judged:
        return Judged(Predicted(measured.T[None], predicted.T[None], np.ones((1, len(measured)))), mean.T[None])

    (scores,) = score(
        judged(problem.values, predicted, mean),
        judged(problem.values[later.rows], later.predicted, later.mean),
        lowest=problem.values.min(axis=0)[None],
        highest=problem.values.max(axis=0)[None],
        spread=problem.values.std(axis=0)[None],
        batches=np.asarray([problem.batches]),
    )
    return scores


def _score(stacked: Stack, problems: Sequence[Problem], judged: _Judged, later: _Later | None) -> list[Scores]:
    """How wrong the predictions of all problems are."""
    import numpy as np

    count, targets = len(problems), len(problems[0].targets)
    folds = judged.mean.shape[1]
    means = np.repeat(judged.mean.swapaxes(1, 2), stacked.taken.shape[1] // folds, axis=2)
    nothing = np.zeros((count, targets, 0))
    return score(
        Judged(Predicted(stacked.measured, judged.predicted, stacked.taken), means),
        later.judged if later else Judged(Predicted(nothing, nothing, np.zeros((count, 0))), nothing),
        lowest=stacked.lowest[:, stacked.features :],
        highest=stacked.highest[:, stacked.features :],
        spread=stacked.target_scale,
        batches=np.asarray([problem.batches for problem in problems]),
    )


@dataclass(frozen=True)
class _TrainingSets:
    """Training sets of the same kind for all problems: some segments are left out, and some of these are held out.

    Attributes:
        segments: The rows of the problems.
        outs: For each set the segments that it leaves out.
        held: For each set those of them that it is judged on; the same number for all sets.
        fitted: Shape (problems, sets): the sets, prepared.
    """

    segments: Segments
    outs: Sequence[tuple[int, ...]]
    held: Sequence[tuple[int, ...]]
    fitted: Decomposition

    @cached_property
    def ranges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The range of each column in training. Shapes (problems, sets, features + targets)."""
        import numpy as np

        count = self.segments.low.shape[1]
        kept = [[segment for segment in range(count) if segment not in out] for out in self.outs]
        low = np.stack([self.segments.low[:, keep].min(axis=1) for keep in kept], axis=1)
        return low, np.stack([self.segments.high[:, keep].max(axis=1) for keep in kept], axis=1)

    def errors(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """See `held_out_errors`; rows count as far as their values are believed."""
        import numpy as np

        held = np.asarray(self.held)
        products = self.segments.products[:, held]
        sets, parts = np.divmod(np.arange(held.size), held.shape[1])
        problem, place = np.nonzero(self._beyond(held).reshape(len(products), -1))
        if len(problem):
            segment = held[sets[place], parts[place]]
            columns = self.segments.columns[problem, :, segment]
            features = self.fitted.mean.shape[2]
            believed = self._believed(columns[:, 1 : 1 + features], problem, sets[place])
            columns[:, 1 : 1 + features] = believed * columns[:, :1]  # slots without a row stay zero
            products[problem, sets[place], parts[place]] = columns @ columns.transpose(0, 2, 1)
        return held_out_errors(self.fitted, products)

    def predict(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict the rows of the first segment that each set is judged on.

        Args:
            coefficients: Shape (problems, sets, features, targets).

        Returns:
            Shape (problems, sets, targets, padded rows), in standardised units.
        """
        import numpy as np

        features = coefficients.shape[2]
        held = np.asarray(self.held)[:, :1]
        turned = coefficients.swapaxes(2, 3)
        level = self.fitted.target_mean[..., None] - turned @ self.fitted.mean[..., None]
        predicted = turned @ self.segments.columns[:, 1 : 1 + features, held[:, 0]].transpose(0, 2, 1, 3)
        problem, place = np.nonzero(self._beyond(held)[:, :, 0])
        if len(problem):
            columns = self.segments.columns[problem, 1 : 1 + features, held[place, 0]]
            predicted[problem, place] = turned[problem, place] @ self._believed(columns, problem, place)
        predicted += level
        low, high = (limit[:, :, features:, None] for limit in self.ranges)
        return keep_in_reach(predicted, low, high)

    def _beyond(self, held: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Where a segment has values that don't count as they are. Shape (problems, sets, parts).

        Few have any: only these look at their rows again.
        """
        import numpy as np

        features = self.fitted.mean.shape[2]
        lower, upper = (limit[:, :, None] for limit in reach(*self._feature_ranges(), share=MARGIN))
        low, high = (part[:, held, :features] for part in (self.segments.low, self.segments.high))
        beyond: NDArray[np.bool_] = np.any((low < lower) | (high > upper), axis=3)
        return beyond

    def _believed(
        self, values: NDArray[np.float64], problem: NDArray[np.int64], place: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Values of shape (some, features, padded rows) as far as they are believed by their problem's training set."""
        low, high = (limit[problem, place, :, None] for limit in self._feature_ranges())
        return believe(values, low, high, self.fitted.mean[problem, place, :, None])

    def _feature_ranges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        features = self.fitted.mean.shape[2]
        low, high = self.ranges
        return low[:, :, :features], high[:, :, :features]


@dataclass(frozen=True)
class _Judged:
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


def _cross_validate(stacked: Stack, toward: NDArray[np.float64]) -> _Judged:
    """Choose candidates inside each outer training set, predict each fold with what was chosen without it, and fit."""
    import numpy as np

    folds = stacked.folds
    count = folds.products.shape[1]
    numbers = range(count)
    pairs = list(combinations(numbers, 2))
    first, second = (np.asarray(part) for part in zip(*pairs, strict=True))
    total = folds.products.sum(axis=1)[:, None]
    one_out = total - folds.products
    two_out = one_out[:, first] - folds.products[:, second]
    fitted = decompose(np.concatenate([total, one_out, two_out], axis=1), stacked.features, toward)
    singles = [(fold,) for fold in numbers]
    outer = _TrainingSets(folds, singles, singles, fitted[1 : 1 + count])
    inner = _TrainingSets(folds, pairs, [(b, a) for a, b in pairs], fitted[1 + count :])
    errors, cancelled = outer.errors()
    nested, also_cancelled = inner.errors()
    # of a pair, the first part is judged for the first fold (and is the second fold), the second for the second
    judge = [[pairs.index((min(a, b), max(a, b))) for b in numbers if b != a] for a in numbers]
    part = [[int(a > b) for b in numbers if b != a] for a in numbers]
    without = outer.fitted.coefficients(choose(nested[:, judge, part]))
    chosen = choose(errors[:, :, 0])
    final = fitted[:1]
    scale, unit = stacked.scale[:, :, None], stacked.target_scale[:, None]
    coefficients = final.coefficients(chosen[:, None])[:, 0] / scale * unit
    fill = stacked.center + final.mean[:, 0] * stacked.scale
    level = stacked.target_center + final.target_mean[:, 0] * stacked.target_scale
    predicted = _measured_units(stacked, outer.predict(without).swapaxes(1, 2))
    means = _measured_units(stacked, outer.fitted.target_mean.swapaxes(1, 2)[..., None])
    return _Judged(
        chosen=chosen,
        intercepts=level - (coefficients * fill[:, :, None]).sum(axis=1),
        coefficients=coefficients,
        errors=jackknife_errors(without.swapaxes(0, 1)) * (unit / scale),
        fill=fill,
        predicted=predicted.reshape(*predicted.shape[:2], -1),
        mean=means[..., 0].swapaxes(1, 2),
        ill_conditioned=np.any(fitted.ill_conditioned, axis=1),
        cancelled=np.any(cancelled, axis=(1, 2)) | np.any(also_cancelled, axis=(1, 2)),
    )


@dataclass(frozen=True)
class _Later:
    """Predictions of the later blocks of time, each from the blocks before it.

    Attributes:
        blocks: The rows, parted into all blocks.
        judged: The predictions of the blocks from `FIRST_JUDGED` on, rows in the order of the blocks.
        bad: Shape (problems,): where they can't be trusted.
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
        return Forward(rows, self.judged.rows.predicted[number, :, places], self.judged.mean[number, :, places])


def _predict_forward(stacked: Stack, problems: Sequence[Problem]) -> _Later:
    """Predict each block of time from the blocks before it; see `exact_ridge.predict_forward`."""
    import numpy as np

    blocks, measured, taken = stacked.segments([problem.blocks for problem in problems], BLOCKS)
    tried = range(FIRST_TRIED, BLOCKS)
    count, targets, _, padded = measured.shape
    earlier = blocks.products.cumsum(axis=1)[:, FIRST_TRIED - 1 : -1]
    fitted = decompose(earlier, stacked.features, np.zeros((count, 1, stacked.features, targets)))
    outs, held = [tuple(range(block, BLOCKS)) for block in tried], [(block,) for block in tried]
    errors, cancelled = _TrainingSets(blocks, outs, held, fitted).errors()
    some = blocks.products[:, FIRST_TRIED:, 0, 0] > 0
    skipped = FIRST_JUDGED - FIRST_TRIED
    judged = _TrainingSets(blocks, outs[skipped:], held[skipped:], fitted[skipped:])
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
        bad=np.any(fitted.ill_conditioned, axis=1) | np.any(cancelled[:, :, 0] & some, axis=1),
    )


def _measured_units(stacked: Stack, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardised targets of shape (problems, targets, sets, rows) in their own units."""
    measured: NDArray[np.float64] = values * stacked.target_scale[:, :, None, None]
    measured += stacked.target_center[:, :, None, None]
    return measured

"""Ridge regressions of all groups of a location at once, with honest errors.

Problems without gaps are solved together by cross-products, in blocks that threads take one after the other; those for
which that would be inexact are solved one by one by singular values, and say so. What a problem's result is does not
depend on the block it was in, nor on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from src.training.batchai.candidates import Priors
from src.training.batchai.cross_products import padded_rows
from src.training.batchai.exact_ridge import fit_exactly, predict_forward, spread_of
from src.training.batchai.fits import Forward, ProblemFit, Solver, jackknife_errors
from src.training.batchai.pooling import LocationPool
from src.training.batchai.problems import FIRST_JUDGED, FIRST_TRIED, Problem
from src.training.batchai.stacked_ridge import fit_stacked

BLOCK_PROBLEMS = 64
BLOCK_NUMBERS = 256_000
BLOCK_PAIRS = 40_000
"""A block holds at most so many problems, numbers, and pairs of features: it stays in the cache, memory is bounded."""


@dataclass(frozen=True)
class GroupedRidge:
    """Fits many problems of one location.

    Attributes:
        threads: Threads that fit blocks at the same time.
        pooled: Whether a group may borrow from the others.
        forward: Whether batches are predicted from earlier ones, too.
    """

    threads: int = 1
    pooled: bool = True
    forward: bool = True

    def fit(
        self,
        problems: Sequence[Problem],
        *,
        only: Sequence[int] | None = None,
        done: Callable[[int], None] = lambda _: None,
    ) -> list[ProblemFit]:
        """Fit problems.

        Args:
            problems: Problems of one location, with the same features.
            only: The positions of those to fit, which may borrow from all; None for all.
            done: Called with the number of problems of each block that is done.

        Returns:
            A fit for each problem that was to be fitted, in their order.
        """
        from threadpoolctl import threadpool_limits

        if not problems:
            return []
        # many small problems: a thread for each block beats threads inside BLAS, whose number could change last bits
        with threadpool_limits(limits=1, user_api="blas"):
            priors = self._priors(problems)

            def fit_block(block: list[int]) -> list[ProblemFit]:
                fits = self._fit_block([problems[number] for number in block], [priors[number] for number in block])
                done(len(block))
                return fits

            wanted = range(len(problems)) if only is None else only
            blocks = _blocks(problems, priors, wanted)
            with ThreadPoolExecutor(max_workers=max(1, self.threads)) as executor:
                fitted = list(executor.map(fit_block, blocks))
        by_number = dict(zip((n for block in blocks for n in block), (f for part in fitted for f in part), strict=True))
        return [by_number[number] for number in wanted]

    def _priors(self, problems: Sequence[Problem]) -> list[Priors]:
        """What the coefficients of each problem may be shrunk toward."""
        if self.pooled:
            pool = LocationPool(problems)
            return [pool.priors(number) for number in range(len(problems))]
        return [Priors.none(features=part.features.shape[1], targets=len(part.targets)) for part in problems]

    def _fit_block(self, problems: list[Problem], priors: list[Priors]) -> list[ProblemFit]:
        if problems[0].has_gaps:
            return [
                fit_by_singular_values(*pair, forward=self.forward, solver=Solver.GAPS)
                for pair in zip(problems, priors, strict=True)
            ]
        fits: list[ProblemFit] = []
        stacked = fit_stacked(problems, priors, forward=self.forward)
        for problem, prior, fit in zip(problems, priors, stacked, strict=True):
            if isinstance(fit, Solver):
                fits.append(fit_by_singular_values(problem, prior, forward=self.forward, solver=fit))
            else:
                fits.append(fit)
        return fits


def _blocks(problems: Sequence[Problem], priors: Sequence[Priors], wanted: Iterable[int]) -> list[list[int]]:
    """Part problems into blocks that can be stacked, by what of their shape may touch the last bits of a sum."""
    import numpy as np

    kinds: dict[tuple[object, ...], list[int]] = {}
    for number in wanted:
        problem = problems[number]
        sizes = tuple(padded_rows(np.bincount(labels).max()) for labels in (problem.folds, problem.blocks))
        folds = int(problem.folds.max()) + 1
        shape = (len(problem.targets), len(priors[number].names), folds, sizes)
        kinds.setdefault((problem.has_gaps, *shape), []).append(number)
    blocks = []
    for numbers in kinds.values():
        size = max(problems[number].features.size + problems[number].values.size for number in numbers)
        pairs = problems[numbers[0]].features.shape[1] ** 2 // 2 + 1
        length = max(1, min(BLOCK_PROBLEMS, BLOCK_NUMBERS // size, BLOCK_PAIRS // pairs))
        blocks += [numbers[start : start + length] for start in range(0, len(numbers), length)]
    return blocks


def fit_by_singular_values(problem: Problem, priors: Priors, *, forward: bool, solver: Solver) -> ProblemFit:
    """Fit one problem the slow and always exact way.

    Args:
        problem: The problem.
        priors: What its coefficients may be shrunk toward.
        forward: Whether to predict batches from earlier ones, too.
        solver: Why it is solved this way.
    """
    import numpy as np

    fitted = fit_exactly(problem.features, problem.values, problem.folds, priors)
    chosen = fitted.chosen
    place = np.arange(len(chosen))
    folds = range(int(problem.folds.max()) + 1)
    means = np.stack([problem.values[problem.folds != fold].mean(axis=0) for fold in folds])
    later = Forward.nothing(len(chosen))
    if forward:
        later = predict_forward(problem, first_tried=FIRST_TRIED, first_judged=FIRST_JUDGED)
    return ProblemFit(
        chosen=chosen,
        prior_names=priors.names,
        intercepts=fitted.paths.intercepts[chosen, place],
        coefficients=fitted.paths.coefficients[chosen, :, place].T,
        errors=jackknife_errors(fitted.without),
        spread=spread_of(problem.features),
        minimum=fitted.paths.minimum,
        maximum=fitted.paths.maximum,
        fill=fitted.paths.fill,
        predicted=fitted.predicted,
        mean=means[problem.folds],
        forward=later,
        solver=solver,
    )

"""Ridge regressions of all groups of a location at once, with honest errors.

Problems without gaps are solved together by cross-products, in blocks that threads take one after the other; those for
which that would be inexact are solved one by one by singular values, and say so. What a problem's result is does not
depend on the block it was in, nor on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from src.training.batchai.ridge.candidates import Priors
from src.training.batchai.ridge.cross_products import Stack, padded_rows, stack
from src.training.batchai.ridge.exact_ridge import fit_exactly, predict_forward, spread_of
from src.training.batchai.ridge.fits import Forward, ProblemFit, Solver, jackknife_errors
from src.training.batchai.ridge.pooling import GroupSums, LocationPool, sums_of_rows, sums_of_stack
from src.training.batchai.ridge.problems import FIRST_JUDGED, FIRST_TRIED, Problem
from src.training.batchai.ridge.scores import score_rows
from src.training.batchai.ridge.stacked_ridge import MOST_PAIRS, fit_stacked

T = TypeVar("T")

BLOCK_PROBLEMS = 64
BLOCK_NUMBERS = 256_000
"""A block holds at most so many problems and numbers, and `MOST_PAIRS` of features in training sets: it stays in the
cache, and memory is bounded."""


@dataclass(frozen=True)
class Block:
    """Problems that are solved together.

    Attributes:
        numbers: Their positions.
        problems: The problems.
        stacked: Their standardised rows; None where singular values have to solve them in any case.
    """

    numbers: list[int]
    problems: list[Problem]
    stacked: Stack | None

    @classmethod
    def of(cls, numbered: Sequence[tuple[int, Problem]]) -> Block:
        """Some problems of the same kind, by their positions."""
        problems = [problem for _, problem in numbered]
        stacked = None if problems[0].has_gaps or _is_wide(problems[0]) else stack(problems)
        return cls([number for number, _ in numbered], problems, stacked)

    def some(self, wanted: Callable[[Problem], bool]) -> Block | None:
        """The wanted ones of the problems; None where there are none."""
        numbered = [pair for pair in zip(self.numbers, self.problems, strict=True) if wanted(pair[1])]
        return Block.of(numbered) if numbered else None

    def sums(self) -> list[GroupSums]:
        """What each problem tells the others of its location."""
        if self.stacked is None:
            return [sums_of_rows(problem) for problem in self.problems]
        return sums_of_stack(self.problems, self.stacked)

    def fit(self, priors: Sequence[Priors], *, forward: bool) -> list[ProblemFit]:
        """Fit the problems, each with what it may be shrunk toward."""
        if self.stacked is None:
            return [
                fit_by_singular_values(
                    problem, prior, forward=forward, solver=Solver.GAPS if problem.has_gaps else Solver.ILL_CONDITIONED
                )
                for problem, prior in zip(self.problems, priors, strict=True)
            ]
        counts = {len(prior.names) for prior in priors}
        if len(counts) > 1:  # a target that no other group has leaves nothing to borrow
            parts = [[place for place, prior in enumerate(priors) if len(prior.names) == count] for count in counts]
            blocks = [Block.of([(place, self.problems[place]) for place in part]) for part in parts]
            pairs = zip(blocks, parts, strict=True)
            return _in_order(blocks, [block.fit([priors[at] for at in part], forward=forward) for block, part in pairs])
        stacked = fit_stacked(self.stacked, self.problems, priors, forward=forward)
        return [
            fit_by_singular_values(problem, prior, forward=forward, solver=fit) if isinstance(fit, Solver) else fit
            for problem, prior, fit in zip(self.problems, priors, stacked, strict=True)
        ]


@dataclass(frozen=True)
class GroupedRidge:
    """Fits many problems of one location.

    Attributes:
        threads: Threads that work on blocks at the same time.
        pooled: Whether a group may borrow from the others.
        forward: Whether batches are predicted from earlier ones, too.
    """

    threads: int = 1
    pooled: bool = True
    forward: bool = True

    def fit(
        self,
        problems: Iterable[Problem],
        *,
        only: Callable[[Problem], bool] | None = None,
        pool: LocationPool | None = None,
        first: int = 0,
        done: Callable[[int], None] = lambda _: None,
    ) -> list[ProblemFit]:
        """Fit problems.

        Args:
            problems: Problems of one location, with the same features.
            only: Which to fit; these may borrow from all. None for all.
            pool: What all groups of the location say, where these problems are only a part of them.
            first: The position of the first of these problems among those of `pool`.
            done: Called with the number of problems of each block that is done.

        Returns:
            A fit for each problem that is fitted, in their order.
        """
        with self._workers() as executor:
            blocks = _stacked(executor, problems)
            if self.pooled and pool is None and blocks:
                pool = LocationPool([_sums(executor, blocks)])
            if only is not None:
                blocks = [part for block in blocks if (part := block.some(only))]

            def fit_block(block: Block) -> list[ProblemFit]:
                priors = [
                    pool.priors(first + number)
                    if pool
                    else Priors.none(features=problem.features.shape[1], targets=len(problem.targets))
                    for number, problem in zip(block.numbers, block.problems, strict=True)
                ]
                fits = block.fit(priors, forward=self.forward)
                done(len(fits))
                return fits

            fitted = list(executor.map(fit_block, blocks))
        return _in_order(blocks, fitted)

    def sums(self, problems: Iterable[Problem]) -> list[GroupSums]:
        """What problems tell the others of their location, in their order."""
        with self._workers() as executor:
            return _sums(executor, _stacked(executor, problems))

    @contextmanager
    def _workers(self) -> Iterator[ThreadPoolExecutor]:
        """Threads for blocks.

        With many small problems a thread for each block beats threads inside BLAS, whose number could change last bits.
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(max(1, self.threads)) as executor:
            yield executor


def _stacked(executor: ThreadPoolExecutor, problems: Iterable[Problem]) -> list[Block]:
    # all problems first: Python code that goes on beside numpy's keeps it waiting for the interpreter
    return list(executor.map(Block.of, list(_blocks(problems))))


def _sums(executor: ThreadPoolExecutor, blocks: Sequence[Block]) -> list[GroupSums]:
    return _in_order(blocks, list(executor.map(Block.sums, blocks)))


def _in_order(blocks: Sequence[Block], parts: Sequence[Sequence[T]]) -> list[T]:
    """What was made of each problem, in the order of the problems."""
    by_number: dict[int, T] = {}
    for block, part in zip(blocks, parts, strict=True):
        by_number.update(zip(block.numbers, part, strict=True))
    return [by_number[number] for number in sorted(by_number)]


def _blocks(problems: Iterable[Problem]) -> Iterator[list[tuple[int, Problem]]]:
    """Part problems into blocks that can be stacked, by what of their shape may touch the last bits of a sum."""
    waiting: dict[tuple[object, ...], list[tuple[int, Problem]]] = {}
    for number, problem in enumerate(problems):
        kind = _kind(problem)
        block = waiting.setdefault(kind, [])
        block.append((number, problem))
        folds = int(problem.folds.max()) + 1
        sets = 1 + folds * (folds + 1) // 2
        largest = max(part.features.size + part.values.size for _, part in block)
        limits = (BLOCK_PROBLEMS, BLOCK_NUMBERS // largest, MOST_PAIRS // (problem.features.shape[1] ** 2 * sets))
        if len(block) >= min(limits):
            yield waiting.pop(kind)
    yield from waiting.values()


def _kind(problem: Problem) -> tuple[object, ...]:
    import numpy as np

    if problem.has_gaps or _is_wide(problem):
        return (problem.has_gaps, len(problem.targets))
    sizes = (padded_rows(np.bincount(labels).max()) for labels in (problem.folds, problem.blocks))
    return (len(problem.targets), int(problem.folds.max()) + 1, *sizes)


def _is_wide(problem: Problem) -> bool:
    """Whether a training set without two folds has no more rows than features: then cross-products lose too much."""
    import numpy as np

    held = np.sort(np.bincount(problem.folds))[-2:].sum()
    return bool(len(problem.folds) - held <= problem.features.shape[1])


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
    mean = np.stack([problem.values[problem.folds != fold].mean(axis=0) for fold in folds])[problem.folds]
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
        mean=mean,
        forward=later,
        scores=score_rows(problem, fitted.predicted, mean, later),
        solver=solver,
    )

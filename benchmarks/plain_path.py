"""The part of training that does what GridSearchCV does: penalties judged in folds, then one fit on all rows.

It is put together from the module's own functions, without nesting, pooling and forward error, to compare like with
like. Errors come from cross-products here; the trainer itself takes the errors that it reports from residuals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.ridge.candidates import PENALTIES
from src.training.batchai.ridge.cross_products import stack
from src.training.batchai.ridge.grouped_ridge import BLOCK_NUMBERS, BLOCK_PROBLEMS
from src.training.batchai.ridge.penalty_path import decompose, held_out_errors
from src.training.batchai.ridge.problems import Problem, problems_of


@dataclass(frozen=True)
class PlainFits:
    """Ridge regressions of groups of the same shape.

    Attributes:
        penalties: Shape (groups, targets): the chosen ones.
        coefficients: Shape (groups, features, targets), in original units.
        rmse: Shape (groups, targets): cross-validated with the chosen penalties.
    """

    penalties: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    rmse: NDArray[np.float64]


def fit_plain(prepared: PreparedLocation, *, folds: int, threads: int) -> PlainFits:
    """Fit every group of a location whose groups have the same shape and no gaps, layout included."""
    problems = problems_of(prepared, folds=folds, min_batches=6)
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(max_workers=threads) as executor:
        parts = list(executor.map(_fit_block, list(_blocks(problems))))
    return PlainFits(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("penalties", "coefficients", "rmse"))
    )


def _blocks(problems: Iterable[Problem]) -> Iterator[list[Problem]]:
    block: list[Problem] = []
    for problem in problems:
        block.append(problem)
        size = problem.features.size + problem.values.size
        if len(block) >= min(BLOCK_PROBLEMS, BLOCK_NUMBERS // size):
            yield block
            block = []
    if block:
        yield block


def _fit_block(problems: Sequence[Problem]) -> PlainFits:
    stacked = stack(problems)
    folds = stacked.folds
    total = folds.products.sum(axis=1)[:, None]
    targets = len(problems[0].targets)
    nothing = np.zeros((len(problems), 1, stacked.features, targets))
    fitted = decompose(np.concatenate([total, total - folds.products], axis=1), stacked.features, nothing)
    errors = held_out_errors(fitted[1:], folds.products[:, :, None])[0].sum(axis=(1, 2, 3))
    chosen = errors[:, :-1].argmin(axis=1)
    coefficients = fitted[:1].coefficients(chosen[:, None])[:, 0]
    smallest = np.take_along_axis(errors, chosen[:, None], axis=1)[:, 0]
    return PlainFits(
        np.asarray(PENALTIES)[chosen],
        coefficients / stacked.scale[:, :, None] * stacked.target_scale[:, None],
        np.sqrt(smallest / total[:, 0, 0, 0, None]) * stacked.target_scale,
    )

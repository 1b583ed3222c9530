"""Families of candidates: each comes from one decomposition of the training sets.

There is one for each ratio of the batch effect and, where training sets have further columns, for each ratio of these
columns' variance to that of the lines. Zero is one, so that a model stays linear where the data say no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.training.batchai.ridge.evidence import Decomposed, decompose, decompose_products
from src.training.batchai.ridge.training_sets import TrainingSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_EFFECTS = (0.0, 0.1, 0.5, 2.0, 8.0)
"""``θ``: the variance of the effect that a batch's rows have in common, as a multiple of that of a row."""
OWN_TERMS = ((0.0, 0.0), (0.3, 0.0), (0.3, 0.1))
"""The variance of what is a product's own in a curve and in a pair, as multiples of that of its lines."""


@dataclass(frozen=True)
class Family:
    """Candidates that one decomposition gives.

    Attributes:
        found: The decomposed sets.
        level: Shape (sets, columns): see `Whitened`; None where it is zero.
        log_determinant: Shape (sets,): see `Whitened`.
        toward: Shape (sets, directions, targets): ``Q'β₀``.
        beyond: Shape (2, sets, targets): see `log_likelihoods`.
        scale: Shape (columns,): by how much columns were multiplied; 0 for those that are left out. None: by 1.
    """

    found: Decomposed
    level: NDArray[np.float64] | None
    log_determinant: NDArray[np.float64]
    toward: NDArray[np.float64]
    beyond: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None


def find_families(every: Sequence[TrainingSets], given: NDArray[np.float64], *, borrows: bool) -> Iterator[Family]:
    """For each batch effect and each variance of further columns: candidates, without their weights."""
    import numpy as np

    sets = every[0]
    if sets.further is not None:
        yield from _families_of_terms(every, given if borrows else None)
    elif sets.summed is None or sets.has_repeats:
        for effect in BATCH_EFFECTS if sets.has_repeats else BATCH_EFFECTS[:1]:
            rows = sets.whiten(effect)
            found = decompose(rows.columns, sets.width)
            yield Family(found, rows.level, rows.log_determinant, found.directions.transpose(0, 2, 1) @ given)
    else:
        products = np.concatenate([part.summed for part in every if part.summed is not None])
        total = np.einsum("scc->sc", products)[:, sets.width :]
        rows_of = np.concatenate([part.rows for part in every])
        found = decompose_products(products[:, : sets.width], total)
        yield Family(found, None, -0.5 * np.log(rows_of), found.directions.transpose(0, 2, 1) @ given)


def _families_of_terms(every: Sequence[TrainingSets], given: NDArray[np.float64] | None) -> Iterator[Family]:
    """Where there are further columns.

    What is borrowed may lie in columns that a family leaves out, so its effect on the rows is projected as targets are.
    """
    import numpy as np

    sets = every[0]
    width, targets = sets.width, sets.unit.shape[1]
    for effect in BATCH_EFFECTS if sets.has_repeats else BATCH_EFFECTS[:1]:
        whitened = [one.whiten(effect) for one in every]
        columns = np.concatenate([rows.columns for rows in whitened])
        level = np.concatenate([rows.level for rows in whitened])
        log_determinant = np.concatenate([rows.log_determinant for rows in whitened])
        offset = columns[:, :, width:] * 0 if given is None else columns[:, :, :width] @ given
        columns = np.concatenate([columns, offset], axis=2)
        total = np.square(columns[:, :, width:]).sum(axis=1)
        both = (columns[:, :, width:-targets] * offset).sum(axis=1)
        products = columns[:, :, :width].transpose(0, 2, 1) @ columns if width <= columns.shape[1] else None
        for scale in sets.column_scales(OWN_TERMS):
            used = scale > 0
            if products is not None:
                scaled = products[:, used] * scale[used][:, None]
                inner = scaled[:, :, :width][:, :, used] * scale[used]
                found = decompose_products(np.concatenate([inner, scaled[:, :, width:]], axis=2), total)
            else:
                some = columns[:, :, :width][:, :, used] * scale[used]
                found = decompose(np.concatenate([some, columns[:, :, width:]], axis=2), int(used.sum()))
            cross, moved = found.cross[:, :, :targets], found.cross[:, :, targets:]
            toward = found.inverse[:, :, None] * moved
            beyond = np.stack([both - (cross * toward).sum(axis=1), total[:, targets:] - (moved * toward).sum(axis=1)])
            found = replace(found, cross=cross, total=total[:, :targets])
            prior = sets.further.log_prior if sets.further is not None and used.all() else 0.0
            yield Family(found, level, log_determinant + prior, toward, None if given is None else beyond, scale)

"""Which batches are judged together in cross-validation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def folds_of_rows(batches: NDArray[np.int64], *, folds: int, key: str) -> NDArray[np.int64]:
    """Assign every row to a fold, all rows of a batch to the same one.

    The batches are shuffled once, with a seed that comes from `key` alone: the same batches get the same folds on any
    machine, with any number of threads, and whatever other groups there are.

    Args:
        batches: Shape (rows,): the batch of each row, as any numbers whose order is the batches' order.
        folds: How many folds; their numbers of batches differ by one at most.
        key: What names the group, such as its location and product.

    Returns:
        Shape (rows,): the fold of each row, from 0.
    """
    import numpy as np

    names, position = np.unique(batches, return_inverse=True)
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(len(names))
    fold_of_batch = np.empty(len(names), dtype=np.int64)
    fold_of_batch[shuffled] = np.arange(len(names)) % folds
    return fold_of_batch[position]

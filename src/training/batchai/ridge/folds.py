"""Which batches are judged together in cross-validation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def folds_of_batches(batches: Sequence[str], *, folds: int, key: str) -> NDArray[np.int64]:
    """Assign every batch to a fold.

    The batches are sorted by id and shuffled once, with a seed that comes from `key` alone: the same batches get the
    same folds on any machine, in any order of rows, with any number of threads, and whatever other groups there are.

    Args:
        batches: The ids of the batches, each once.
        folds: How many folds; their numbers of batches differ by one at most.
        key: What names the group, such as its location and product.

    Returns:
        Shape (batches,): the fold of each batch, from 0.
    """
    import numpy as np

    count = len(batches)
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(count)
    fold_of_batch = np.empty(count, dtype=np.int64)
    fold_of_batch[shuffled] = np.arange(count) % folds
    if list(batches) == sorted(batches):
        return fold_of_batch
    by_name = np.asarray(sorted(range(count), key=batches.__getitem__))
    unsorted = np.empty_like(fold_of_batch)
    unsorted[by_name] = fold_of_batch
    return unsorted

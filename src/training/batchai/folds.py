"""Which batches are judged together in cross-validation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def folds_of_batches(
    batch_ids: NDArray[np.object_], numbers: NDArray[np.int64], *, folds: int, key: str
) -> NDArray[np.int64]:
    """Assign every batch to a fold.

    The batches are sorted by id and shuffled once, with a seed that comes from `key` alone: the same batches get the
    same folds on any machine, in any order of rows, with any number of threads, and whatever other groups there are.

    Args:
        batch_ids: Shape (rows,), of `str`.
        numbers: Shape (rows,): the number of each row's batch, from 0, in order of first appearance.
        folds: How many folds; their numbers of batches differ by one at most.
        key: What names the group, such as its location and product.

    Returns:
        Shape (batches,): the fold of each batch, from 0, by its number.
    """
    import numpy as np

    ids: dict[str, int] = dict(zip(batch_ids.tolist(), numbers.tolist(), strict=True))
    by_name = np.fromiter(map(ids.__getitem__, sorted(ids)), dtype=np.int64, count=len(ids))
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(len(ids))
    fold_of_batch = np.empty(len(ids), dtype=np.int64)
    fold_of_batch[by_name[shuffled]] = np.arange(len(ids)) % folds
    return fold_of_batch

"""Which batches are judged together, in cross-validation and in time: the same ones in every product of a location.

Products borrow from each other, so what is held out in one must be unknown in all: a key that stands in several
products (a run of all of them, a lot of raw material) is in the same fold everywhere, and the past ends at the same
moments in all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


BLOCKS = 10
"""Parts of time, each with about as many batches of the location."""


@dataclass(frozen=True)
class Splits:
    """How the batches of a location are split, alike in all of its products.

    Attributes:
        folds: The folds of keys that several products have.
        cuts: Where each part of time but the first begins; empty where nothing tells older from newer ones across
            products. Then each product has parts of its own.
        sharing: How many products have a key on the average: 1 where they have none in common.
    """

    folds: Mapping[str, int] = field(default_factory=dict)
    cuts: tuple[float, ...] = ()
    sharing: float = 1.0

    def blocks(self, times: NDArray[np.float64] | None, key: NDArray[np.int64]) -> NDArray[np.int64]:
        """The part of time of each row.

        Args:
            times: Shape (rows,), of rows in order of time; None where they are not known.
            key: Shape (rows,): the number of what a row is kept together with, in order of first appearance; all of it
                is in the part of its first row.
        """
        import numpy as np

        if times is None or not self.cuts:
            return key * BLOCKS // (int(key.max(initial=0)) + 1)
        _, first = np.unique(key, return_index=True)
        blocks: NDArray[np.int64] = np.searchsorted(self.cuts, times[first], side="right")[key]
        return blocks


def cuts_of_times(times_of_products: Iterable[NDArray[np.float64] | None]) -> tuple[float, ...]:
    """Where the parts of time begin: at tenths of the rows of all products together.

    Args:
        times_of_products: Shape (rows,) each; None where a product has no times, and so there are no cuts.
    """
    import numpy as np

    times = list(times_of_products)
    known = [part for part in times if part is not None]
    if len(known) < len(times) or not sum(map(len, known)):
        return ()
    every = np.sort(np.concatenate(known))
    return tuple(float(every[len(every) * block // BLOCKS]) for block in range(1, BLOCKS))


def shared_folds(keys_of_products: Iterable[Iterable[str]], *, folds: int, location: str) -> dict[str, int]:
    """Assign the keys that several products of a location have to folds.

    Args:
        keys_of_products: The keys of each product.
        folds: How many folds.
        location: The location.

    Returns:
        The fold of each such key, from 0; nothing of those that one product alone has.
    """
    seen: set[str] = set()
    several: set[str] = set()
    for product in keys_of_products:
        keys = set(product)
        several |= keys & seen
        seen |= keys
    shared = sorted(several)
    order = _shuffled(len(shared), location)
    return {shared[place]: number % folds for number, place in enumerate(order.tolist())}


def folds_of_keys(
    keys: Sequence[str], *, folds: int, location: str, product_id: str, shared: Mapping[str, int]
) -> NDArray[np.int64]:
    """Assign every key of a product to a fold.

    The keys are sorted and shuffled once, with a seed that comes from the names of location and product alone: the
    same on any machine, in any order of rows, with any number of threads. Each goes where the product has fewest.

    Args:
        keys: The keys, each once.
        folds: How many folds.
        location: The location.
        product_id: The product.
        shared: The folds of keys that other products have, too (see `shared_folds`).

    Returns:
        Shape (keys,): the fold of each, from 0.
    """
    import numpy as np

    found = (
        np.fromiter((shared.get(key, -1) for key in keys), np.int64, len(keys)) if shared else np.full(len(keys), -1)
    )
    own = np.flatnonzero(found < 0)
    names = [keys[place] for place in own.tolist()]
    if names != sorted(names):
        own = own[sorted(range(len(names)), key=names.__getitem__)]
    own = own[_shuffled(len(own), f"{location}/{product_id}")]
    taken = np.bincount(found[found >= 0], minlength=folds)
    if not taken.any():
        found[own] = np.arange(len(own)) % folds
        return found
    free = np.add.outer(np.arange(len(own)), np.zeros(folds, dtype=np.int64)) + taken  # how many it would then have
    found[own] = np.argsort(free.ravel(), kind="stable")[: len(own)] % folds
    return found


def _shuffled(count: int, name: str) -> NDArray[np.int64]:
    import numpy as np

    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed)).permutation(count)

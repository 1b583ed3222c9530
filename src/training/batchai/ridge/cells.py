"""Rows that are in the same training sets, whose ranges and cross-products are found once for all of these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Cells:
    """Rows by the training sets that they are in: each cell is looked through once, for all of these.

    Attributes:
        order: Shape (rows,): the rows, cell by cell.
        starts: Shape (cells,): where in `order` each begins.
        inside: Shape (sets, cells): whether they are in the set.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    inside: NDArray[np.bool_]

    @classmethod
    def of(cls, masks: NDArray[np.bool_]) -> Cells:
        """The cells of sets: shape (sets, rows)."""
        import numpy as np

        kind = np.packbits(masks, axis=0)
        order = np.lexsort(kind)
        sorted_kind = kind[:, order]
        new = (sorted_kind[:, 1:] != sorted_kind[:, :-1]).any(axis=0)
        starts = np.concatenate([[0], np.flatnonzero(new) + 1])
        return cls(order, starts, masks[:, order[starts]])

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Shape (cells,): how many rows each has."""
        import numpy as np

        return np.diff(self.starts, append=len(self.order))

    def pay(self, rows: int, columns: int) -> bool:
        """Whether cross-products cell by cell are fewer numbers than the rows of all sets, of so many columns."""
        return len(self.starts) * max(columns, int(self.sizes.max())) <= rows

    def ranges(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The smallest and largest value of each column in each set, 0 where all are missing. Shape (sets, columns)."""
        import numpy as np

        values, inside = values[self.order], self.inside[:, :, None]
        ends = []
        for smaller, worst in ((np.fmin, np.inf), (np.fmax, -np.inf)):
            end = smaller.reduce(np.where(inside, smaller.reduceat(values, self.starts, axis=0), worst), axis=1)
            ends.append(np.where(np.isfinite(end), end, 0))
        return ends[0], ends[1]

    def cross_products(
        self,
        whole: NDArray[np.float64],
        rows: NDArray[np.float64],
        mean: NDArray[np.float64],
        per_spread: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Cross-products of the standardised columns of each set. Shape (sets, columns, columns)."""
        import numpy as np

        sizes, columns = self.sizes, whole.shape[1]
        padded = np.zeros((len(sizes), sizes.max(), columns))
        place = np.arange(len(whole)) - np.repeat(self.starts, sizes)
        padded[np.repeat(np.arange(len(sizes)), sizes), place] = whole[self.order]
        of_cells = (padded.transpose(0, 2, 1) @ padded).reshape(len(sizes), -1)
        products: NDArray[np.float64] = (self.inside.astype(np.float64) @ of_cells).reshape(-1, columns, columns)
        products -= (rows * mean)[:, :, None] * mean[:, None]
        products *= per_spread[:, :, None]
        products *= per_spread[:, None]
        return products

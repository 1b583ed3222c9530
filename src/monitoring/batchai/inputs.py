"""Whether the inputs of new and pending batches are like those of training: batch by batch, and feature by feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.monitoring.batchai.quick_statistics import average_ranks
from src.monitoring.batchai.series import columns_at, feature_places, first_new_row
from src.monitoring.batchai.signals import BATCH, FEATURE, Finding
from src.training.batchai.input_space import LEVEL, Distances
from src.training.batchai.model import LocationModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_NEW = 5
"""With fewer new batches no feature is compared with training."""
NAMED = 3
"""So many features are named for a batch."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one product's batches that training did not know.

    Attributes:
        location: Where.
        product_id: The product.
        feature_names: The names of the features.
        batch_ids: Shape (batches,), of `str`.
        pending: Shape (batches,): whether nothing was measured of the batch yet.
        distances: How far they are from those of training; None where training had too few.
        limits: Beyond which ``T²`` and ``SPE`` are unusual.
        shifts: Shape (features,): how likely values that come from where those of training did differ as much.
        moved: Shape (features,): the median of the new values less that of training, in its standard deviations.
    """

    location: str
    product_id: str
    feature_names: tuple[str, ...]
    batch_ids: NDArray[np.object_]
    pending: NDArray[np.bool_]
    distances: Distances | None
    limits: tuple[float, float]
    shifts: NDArray[np.float64]
    moved: NDArray[np.float64]

    def unusual(self) -> Iterator[Finding]:
        """A finding for each batch."""
        if self.distances is None:
            return
        shares = self.distances.shares()
        chance = self.distances.chance
        for row, batch_id in enumerate(self.batch_ids.tolist()):
            within = bool(self.distances.chance_within[row] <= self.distances.chance_beside[row])
            statistic = float((self.distances.within if within else self.distances.beside)[row])
            named = ", ".join(
                f"{self.feature_names[place]} ({shares[row, place]:.0%})"
                for place in shares[row].argsort(kind="stable")[::-1][:NAMED]
                if shares[row, place] > 0
            )
            how = "far from all batches of training" if within else "a combination that training did not have"
            yield Finding(
                *(BATCH, self.location, self.product_id, "", "T²" if within else "SPE", batch_id, 1),
                statistic=statistic,
                limit=self.limits[0 if within else 1],
                chance=float(chance[row]),
                text=f"{how}: {named}",
            )

    def shifted(self) -> Iterator[Finding]:
        """A finding for each feature that could be compared."""
        import numpy as np

        for place in np.flatnonzero(np.isfinite(self.shifts)).tolist():
            moved = float(self.moved[place])
            yield Finding(
                *(FEATURE, self.location, self.product_id, "", self.feature_names[place]),
                since=str(self.batch_ids[0]),
                batches=len(self.batch_ids),
                statistic=moved,
                limit=float("nan"),
                chance=float(self.shifts[place]),
                text=f"{abs(moved):.2g} standard deviations {'higher' if moved > 0 else 'lower'} than in training",
            )


def inputs_of(prepared: PreparedLocation, model: LocationModel) -> Iterator[Inputs]:
    """Compare what training did not know with what it did, product by product.

    Args:
        prepared: All data of the location.
        model: Its registered model.
    """
    import numpy as np

    places = feature_places(prepared, model)
    for group in prepared.groups:
        if group.product_id not in model.groups:
            continue
        start = first_new_row(group, model.groups[group.product_id])
        waiting = group.pending
        new = columns_at(np.concatenate([group.features[start:], waiting.features]), places)
        if not len(new):
            continue
        known = columns_at(group.features[:start], places)
        space = model.groups[group.product_id].space
        shifts, moved = _shifts(known, new)
        yield Inputs(
            prepared.location,
            group.product_id,
            model.feature_names,
            batch_ids=np.concatenate([group.batch_ids[start:], np.asarray(waiting.batch_ids, dtype=object)]),
            pending=np.arange(len(new)) >= len(group.batch_ids) - start,
            distances=None if space is None else space.measure(new),
            limits=(float("nan"), float("nan")) if space is None else space.limits(LEVEL),
            shifts=shifts,
            moved=moved,
        )


def _shifts(known: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How likely the ranks of new values differ as much from those of training, and how far the medians are apart.

    The rank-sum test (Mann & Whitney, Annals of Mathematical Statistics 18 (1947) 50-60) with the variance of the ranks
    as they are, ties included, and the correction for continuity. NaN where there are too few values, or all are alike.
    """
    import numpy as np
    from scipy.special import ndtr

    both = np.concatenate([known, new])
    is_new = np.arange(len(both)) >= len(known)
    there = ~np.isnan(both)
    many = (there & ~is_new[:, None]).sum(axis=0), there[is_new].sum(axis=0)
    use = np.flatnonzero((many[0] >= FEWEST_NEW) & (many[1] >= FEWEST_NEW))
    chance, moved = np.full(new.shape[1], np.nan), np.zeros(new.shape[1])
    ranks = np.full((len(both), len(use)), np.nan)
    for place, feature in enumerate(use.tolist()):
        rows = there[:, feature]
        ranks[rows, place] = average_ranks(both[rows, feature])
    before, after = many[0][use], many[1][use]
    count = before + after
    distance = ranks - (count + 1) / 2
    variance = np.nansum(np.square(distance), axis=0) * before * after / (count * (count - 1))
    varies = variance > 0
    use, variance = use[varies], variance[varies]
    size = np.abs(np.nansum(distance[is_new], axis=0)[varies])
    chance[use] = np.minimum(2 * ndtr(-np.maximum(size - 0.5, 0) / np.sqrt(variance)), 1)
    if len(use):
        spread = np.nanstd(known[:, use], axis=0)
        apart = np.nanmedian(new[:, use], axis=0) - np.nanmedian(known[:, use], axis=0)
        moved[use] = np.divide(apart, spread, out=np.copysign(np.inf, apart), where=spread > 0)
    return chance, moved

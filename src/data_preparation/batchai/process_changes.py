"""What people know of the process: batches that are not to be learnt from, and the moments at which it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from src.common.errors import DataError, did_you_mean
from src.data_preparation.batchai.joined_export import JoinedExport, Rejection
from src.data_preparation.batchai.regime_description import CURRENT, SHIFT, Regime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def excluded_rows(
    export: JoinedExport,
    order: NDArray[np.int64],
    *,
    exclude: Mapping[str, str],
    regimes: Sequence[Regime],
    rejections: list[Rejection],
) -> NDArray[np.bool_]:
    """Which rows are left out because a person said so.

    Args:
        export: The joined export.
        order: Shape (rows,): its rows, oldest first.
        exclude: Why a batch is left out, by its id.
        regimes: The changes of the process.
        rejections: Gains a note for each of these rows.

    Raises:
        DataError: The export has no such batch.
    """
    import numpy as np

    batches = export.columns[export.description.batch_id][order]
    for batch in exclude:
        if batch not in batches:
            raise _unknown(export, "exclude", batch, batches)
    left_out = np.zeros(len(order), dtype=bool)
    reasons = {place: f"excluded: {exclude[batch]}" for place, batch in enumerate(batches.tolist()) if batch in exclude}
    for regime in regimes:
        if regime.train_on == CURRENT:
            for place in range(_start(export, regime, batches)):
                reasons[place] = f"made before {regime.name!r}, which began with batch {regime.since}"
    for place in sorted(reasons):
        left_out[place] = True
        rejections.append(export.reject(int(order[place]), reasons[place]))
    return left_out


def regime_features(
    export: JoinedExport, order: NDArray[np.int64], regimes: Sequence[Regime]
) -> dict[str, NDArray[np.float64]]:
    """The features of those changes that shift the level: shape (rows,) each, by name. Arguments as above."""
    import numpy as np

    batches = export.columns[export.description.batch_id][order]
    place = np.arange(len(order))
    return {
        regime.feature: (place >= _start(export, regime, batches)).astype(np.float64)
        for regime in regimes
        if regime.train_on == SHIFT
    }


def _start(export: JoinedExport, regime: Regime, batches: NDArray[np.object_]) -> int:
    """The first row of a regime."""
    import numpy as np

    places = np.flatnonzero(batches == regime.since)
    if not len(places):
        raise _unknown(export, "regimes", regime.since, batches)
    return int(places[0])


def _unknown(export: JoinedExport, key: str, batch: str, batches: NDArray[np.object_]) -> DataError:
    return DataError(
        f"{key} names the batch {batch!r}, which the export does not have"
        f"{did_you_mean(batch, [str(one) for one in batches[-5000:]])}",
        where=f"the description of {export.description.location}",
        expected="the id of a batch, as it stands in the export",
        hint=f"correct {key} in location.yml; ids are text, so 7 and 007 are two batches",
    )

"""How wrong a problem's predictions are, on batches that the fits did not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.training.batchai.intervals import QUANTILES, Predicted, Radius, fit_radii, forward_coverage, widening
from src.training.batchai.target_scale import to_unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HeldOut:
    """Rows that were predicted by fits which did not know them.

    Attributes:
        rows: Shape (rows,): which rows of the problem.
        measured: Shape (rows, targets).
        predicted: Shape (rows, targets).
        mean: Shape (rows, targets): the mean of what the fit knew.
    """

    rows: NDArray[np.int64]
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    mean: NDArray[np.float64]

    def split(self, count: int) -> tuple[HeldOut, HeldOut]:
        """The first of the rows, and the others."""
        first, rest = (
            HeldOut(self.rows[part], self.measured[part], self.predicted[part], self.mean[part])
            for part in (slice(count), slice(count, None))
        )
        return first, rest

    def in_units(self, logs: NDArray[np.bool_]) -> HeldOut:
        """The same in the units of the targets, where they were fitted as logarithms."""
        if not logs.any():
            return self
        return HeldOut(self.rows, *(to_unit(part, logs) for part in (self.measured, self.predicted, self.mean)))


@dataclass(frozen=True)
class Scores:
    """The errors of a problem's targets, in their units.

    Attributes:
        rmse: Shape (targets,): of the out-of-fold predictions.
        rmse_mean: Shape (targets,): of the mean of the other folds.
        rmse_forward: Shape (targets,): of the later batches, each predicted from earlier ones; NaN where none are.
        rmse_mean_forward: Shape (targets,): of the mean of the earlier ones.
        quantiles: Shape (quantiles, targets): quantiles of the out-of-fold residuals, at `QUANTILES`.
        radii: Shape (2, targets): half the widths of the intervals at the lowest and at the highest value, as it was
            fitted.
        forward_coverage: Shape (targets,): the share of the later batches that these would have held.
        widening: Shape (targets,): by how much the intervals are widened for batches to come.
    """

    rmse: NDArray[np.float64]
    rmse_mean: NDArray[np.float64]
    rmse_forward: NDArray[np.float64]
    rmse_mean_forward: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    radii: NDArray[np.float64]
    forward_coverage: NDArray[np.float64]
    widening: NDArray[np.float64]

    def radius(self, target: int) -> Radius:
        """Half the width of the intervals of a target's predictions, widened for batches to come."""
        at_lowest, at_highest = (self.radii[:, target] * self.widening[target]).tolist()
        return Radius(at_lowest, at_highest)


Judged = tuple[HeldOut, HeldOut, int, "NDArray[np.bool_]"]


def score(judged: Sequence[Judged]) -> list[Scores]:
    """Compare what was predicted with what was measured, those of one shape at once.

    Args:
        judged: Of each problem all rows, each predicted without its fold; the later rows, each predicted from earlier
            batches; how many batches there are; and which targets were fitted as logarithms.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, (rows, later, _, logs) in enumerate(judged):
        alike.setdefault((rows.measured.shape, later.measured.shape, logs.tobytes()), []).append(place)
    found: dict[int, Scores] = {}
    for places in alike.values():
        found.update(zip(places, _score_alike([judged[place] for place in places]), strict=True))
    return [found[place] for place in range(len(judged))]


def _score_alike(judged: Sequence[Judged]) -> list[Scores]:
    import numpy as np

    rows, _ = _stacked([one[0] for one in judged])
    later, _ = _stacked([one[1] for one in judged])
    lowest, highest = rows.measured.min(axis=2), rows.measured.max(axis=2)
    radii = fit_radii(rows, lowest=lowest, highest=highest, batches=np.asarray([one[2] for one in judged]))
    covered = forward_coverage(later, radii, lowest=lowest, highest=highest)
    per_row = np.asarray([batches / len(one.rows) for one, _, batches, _ in judged])
    wider = widening(later, radii, lowest=lowest, highest=highest, batches_per_row=per_row)
    logs = judged[0][3]
    rows, mean = _stacked([one[0].in_units(logs) for one in judged])
    later, mean_later = _stacked([one[1].in_units(logs) for one in judged])
    parts = zip(
        _rmse(rows.residuals),
        _rmse(rows.measured - mean),
        _rmse(later.residuals),
        _rmse(later.measured - mean_later),
        np.quantile(rows.residuals, QUANTILES, axis=2).transpose(1, 0, 2),
        np.stack(radii, axis=1),
        covered,
        wider,
        strict=True,
    )
    return [Scores(*part) for part in parts]


def _stacked(held_out: Sequence[HeldOut]) -> tuple[Predicted, NDArray[np.float64]]:
    """As the intervals take it, and the means; shape (problems, targets, rows)."""
    import numpy as np

    measured, predicted, mean = (
        np.stack([part.T for part in parts])
        for parts in zip(*((one.measured, one.predicted, one.mean) for one in held_out), strict=True)
    )
    return Predicted(measured, predicted, np.ones((len(held_out), measured.shape[2]))), mean


def _rmse(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """From (problems, targets, rows) to (problems, targets); NaN where there is no row."""
    import numpy as np

    count = errors.shape[2]
    return np.sqrt(np.square(errors).sum(axis=2) / count) if count else np.full(errors.shape[:2], np.nan)

"""Fitted curves and pairs of training sets, in original units: how they predict, and as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from src.training.batchai.ridge.averaging import Averaged
from src.training.batchai.ridge.bases import cubes
from src.training.batchai.ridge.designs import FAR
from src.training.batchai.ridge.expansion import Expanded
from src.training.batchai.terms import Curve, Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class FittedTerms:
    """Curves and pairs of training sets.

    A curve is ``value + tilt · (z - k₁) + Σ bend · (z - k)₊³``, with `z` the feature in deviations of the design.

    Attributes:
        features: Shape (sets, curves): the feature of each curve.
        center: Shape (sets, curves): the mean of the feature in the design.
        spread: Shape (sets, curves): its standard deviation.
        knots: Shape (sets, curves, knots): in standard deviations from the mean.
        values: Shape (sets, curves, knots, targets): the deviation from the line at the knots.
        tilt: Shape (sets, curves, targets).
        bends: Shape (sets, curves, knots, targets).
        pairs: Shape (sets, pairs, 2): the features of each pair.
        products: Shape (sets, pairs, targets): their coefficients, about the means of training.
    """

    features: NDArray[np.int64]
    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    tilt: NDArray[np.float64]
    bends: NDArray[np.float64]
    pairs: NDArray[np.int64]
    products: NDArray[np.float64]

    @classmethod
    def of(cls, expanded: Expanded, averaged: Averaged) -> FittedTerms:
        """From the coefficients of the columns."""
        import numpy as np

        sets, design = expanded.sets, expanded.of_design
        features, curves = sets.scale.shape[1], design.knots.shape[1]
        unit = sets.unit[:, None]
        _, in_curves, in_pairs = np.split(
            averaged.coefficients * unit, [features, features + curves * design.slope.shape[2]], axis=1
        )
        columns: NDArray[np.float64] = in_curves.reshape(len(unit), curves, design.slope.shape[2], unit.shape[2])
        columns *= expanded.varies[:, :, None, None]
        per_spread = expanded.per_spread[:, design.curved, None]
        own = np.divide(expanded.curve_slope, per_spread, where=per_spread > 0, out=np.zeros_like(design.slope))
        place = np.arange(len(unit))[:, None]
        scales = sets.scale[place, design.pairs[:, :, 0]] * sets.scale[place, design.pairs[:, :, 1]]
        return cls(
            features=np.broadcast_to(design.curved, (len(unit), curves)),
            center=design.center[:, design.curved],
            spread=design.spread[:, design.curved],
            knots=design.knots,
            values=expanded.at_knots @ columns,
            tilt=-((design.slope + own)[..., None] * columns).sum(axis=2),
            bends=design.transform @ columns,
            pairs=design.pairs,
            products=in_pairs / (scales * expanded.pair_spread)[..., None],
        )

    @classmethod
    def joined(cls, parts: Sequence[FittedTerms]) -> FittedTerms:
        """The training sets of all parts."""
        import numpy as np

        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def at(
        self, values: NDArray[np.float64], fill: NDArray[np.float64], sets: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What curves and pairs add to the predictions of rows.

        Args:
            values: Shape (rows, features), without NaN.
            fill: Shape (rows, features): the means of training.
            sets: Shape (rows,): the set of each row.

        Returns:
            Shape (rows, targets).
        """
        import numpy as np

        place = np.arange(len(values))[:, None]
        standard = (values[place, self.features[sets]] - self.center[sets]) / self.spread[sets]
        standard = np.clip(standard, -FAR, FAR)
        knots = self.knots[sets]
        found = (self.values[sets, :, 0] + self.tilt[sets] * (standard - knots[:, :, 0])[..., None]).sum(axis=1)
        found += np.einsum("nck,nckt->nt", cubes(standard[..., None], knots)[..., 0], self.bends[sets])
        distance, pairs = values - fill, self.pairs[sets]
        product = distance[place, pairs[:, :, 0]] * distance[place, pairs[:, :, 1]]
        added: NDArray[np.float64] = found + np.einsum("np,npt->nt", product, self.products[sets])
        return added

    def mean_products(self, expanded: Expanded) -> NDArray[np.float64]:
        """What the pairs add to the mean of the training rows. Shape (sets, targets)."""
        import numpy as np

        scale, pairs = expanded.sets.finite_scale, self.pairs
        place = np.arange(len(scale))[:, None]
        product = expanded.pair_mean * scale[place, pairs[:, :, 0]] * scale[place, pairs[:, :, 1]]
        found: NDArray[np.float64] = np.einsum("sp,spt->st", product, self.products)
        return found

    def pair_errors(self, expanded: Expanded, errors: NDArray[np.float64]) -> NDArray[np.float64]:
        """The standard errors of the pairs of the first set, from those of all columns in the targets' units."""
        first, second = self.pairs[0].T
        scale = expanded.sets.scale[0]
        units = scale[first] * scale[second] * expanded.pair_spread[0]
        found: NDArray[np.float64] = errors[len(errors) - len(self.pairs[0]) :] / units[:, None]
        return found

    def curves_of(self, knot_errors: NDArray[np.float64], target: int) -> tuple[Curve, ...]:
        """The curves of a target in the first set; those that are straight are left out.

        Args:
            knot_errors: Shape (curves, knots, targets): in the unit of the target.
            target: The target's place.
        """
        values = self.values[0, :, :, target]
        return tuple(
            Curve(
                feature=int(self.features[0, place]),
                knots=self.knots[0, place] * self.spread[0, place] + self.center[0, place],
                values=values[place],
                errors=knot_errors[place, :, target],
            )
            for place in range(len(values))
            if values[place].any()
        )

    def pairs_of(self, errors: NDArray[np.float64], target: int) -> tuple[Pair, ...]:
        """The pairs of a target in the first set; those that add nothing are left out.

        Args:
            errors: Shape (pairs, targets): their standard errors.
            target: The target's place.
        """
        coefficients = self.products[0, :, target].tolist()
        found = zip(self.pairs[0].tolist(), coefficients, errors[:, target].tolist(), strict=True)
        return tuple(Pair(first, second, value, error) for (first, second), value, error in found if value)

"""Designs: which curves and products of features training sets have, found from the rows of the sets alone.

Products of a location share their designs, so that what one says about a curve is something to the others, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.ridge.bases import KNOTS, cubes, find_knots, transform
from src.training.batchai.ridge.pairs import choose_pairs
from src.training.batchai.ridge.problems import Problem, pooled_earlier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_ROWS = 10_000
"""Of a location with more rows, about so many, evenly spread over its products, say where knots lie."""
FAR = 1e3
"""So many deviations from the mean a value can lie: products whose units differ have no curve in common."""
MOST_NUMBERS = 4_000_000
"""So many numbers of a basis are in memory at once."""


@dataclass(frozen=True)
class Design:
    """Curves and pairs of training sets.

    Attributes:
        center: Shape (sets, features): the means of the features.
        spread: Shape (sets, features): their standard deviations; 1 for a constant feature.
        curved: Shape (curves,): the features that have a curve in some set.
        knots: Shape (sets, curves, knots): in standard deviations from the mean.
        transform: Shape (sets, curves, knots, columns): see `bases.transform`; such that the columns of a curve
            together have a mean square of 1. Zero where a set has no such curve.
        slope: Shape (sets, curves, columns): of the columns' least-squares lines, which are taken off.
        pairs: Shape (sets, pairs, 2): the features of each pair.
    """

    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    curved: NDArray[np.int64]
    knots: NDArray[np.float64]
    transform: NDArray[np.float64]
    slope: NDArray[np.float64]
    pairs: NDArray[np.int64]

    def take(self, sets: Sequence[int]) -> Design:
        """The designs of some of the sets."""
        parts = {field.name: getattr(self, field.name)[list(sets)] for field in fields(self) if field.name != "curved"}
        return Design(**parts, curved=self.curved)

    def plus(self, other: Design) -> Design:
        """The sets of this, then those of another design with the same curves."""
        import numpy as np

        names = [field.name for field in fields(self) if field.name != "curved"]
        parts = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        return Design(**parts, curved=self.curved)

    def standardise(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of shape (sets or 1, features, rows) in deviations from the means, clipped at `FAR`."""
        import numpy as np

        standard: NDArray[np.float64] = values - self.center[:, :, None]
        standard /= self.spread[:, :, None]
        return np.clip(standard, -FAR, FAR, out=standard)

    def curves(self, standard: NDArray[np.float64]) -> NDArray[np.float64]:
        """The columns of the curves: from (sets, features, rows) to (sets, curves, columns, rows)."""
        of_curves = standard[:, self.curved]
        columns: NDArray[np.float64] = self.transform.swapaxes(2, 3) @ cubes(of_curves, self.knots)
        columns -= self.slope[..., None] * of_curves[:, :, None]
        return columns


def find_design(problem: Problem, taken: NDArray[np.bool_], *, like: Design | None = None) -> Design:
    """The design of training sets of a problem, from its own rows.

    Args:
        problem: The problem.
        taken: Shape (sets, rows): which rows are in each set.
        like: Another design, with which the sets are to be joined.
    """
    import numpy as np

    if like is None:
        every = np.ones((1, len(problem.features)), dtype=bool)
        curved = np.flatnonzero(find_knots(problem.features, every)[1])
    else:
        curved = like.curved
    design = find_curves(problem.features, taken, curved=curved)
    if problem.terms is not Terms.PAIRS or (like is not None and not like.pairs.size):
        return design
    return replace(design, pairs=_find_pairs(design, taken, [problem], 0))


def find_curves(features: NDArray[np.float64], taken: NDArray[np.bool_], *, curved: NDArray[np.int64]) -> Design:
    """The curves of training sets; no pairs.

    Args:
        features: Shape (rows, features), NaN where missing.
        taken: Shape (sets, rows): which rows are in each set.
        curved: Shape (curves,): the features that may have a curve.
    """
    step = max(1, MOST_NUMBERS // max(1, len(features) * max(features.shape[1], KNOTS * len(curved))))
    starts = range(0, max(1, len(taken)), step)
    design, *parts = (_find_some(features, taken[start : start + step], curved=curved) for start in starts)
    for part in parts:
        design = design.plus(part)
    return design


def _find_some(features: NDArray[np.float64], taken: NDArray[np.bool_], *, curved: NDArray[np.int64]) -> Design:
    import numpy as np

    there = (taken[:, None] & ~np.isnan(features.T)).astype(np.float64)
    known = np.nan_to_num(features.T)
    count = np.maximum(there.sum(axis=2), 1)
    center = (there * known).sum(axis=2) / count
    distance = (known - center[:, :, None]) * there
    spread = np.sqrt(np.square(distance).sum(axis=2) / count)
    varies = spread > 1e-7 * np.abs(center)
    spread = np.where(varies, spread, 1)
    knots, found = find_knots(features[:, curved], taken)
    found &= varies[:, curved]
    knots = np.where(found[:, :, None], (knots - center[:, curved, None]) / spread[:, curved, None], np.arange(KNOTS))
    raw = Design(
        center=center,
        spread=spread,
        curved=curved,
        knots=knots,
        transform=transform(knots) * found[:, :, None, None],
        slope=np.zeros((*knots.shape[:2], KNOTS - 2)),
        pairs=np.zeros((len(taken), 0, 2), dtype=np.int64),
    )
    standard = distance / spread[:, :, None]
    inside = taken[:, None, None].astype(np.float64)
    columns = raw.curves(standard)
    rows = taken.sum(axis=1)[:, None, None]
    columns *= inside
    columns -= columns.sum(axis=3, keepdims=True) / rows[..., None]
    columns *= inside
    of_curves = standard[:, curved]
    size_of_lines = np.square(of_curves).sum(axis=2)[:, :, None]
    slope = (columns @ of_curves[..., None])[..., 0] / np.maximum(size_of_lines, 1)
    columns -= slope[..., None] * of_curves[:, :, None]
    size = np.sqrt(np.square(columns).sum(axis=(2, 3)) / rows[:, :, 0])[:, :, None]
    per_size = np.divide(1, size, where=size > 0, out=np.zeros_like(size))
    return Design(
        **{field.name: getattr(raw, field.name) for field in fields(raw) if field.name not in ("transform", "slope")},
        transform=raw.transform * per_size[..., None],
        slope=slope * per_size,
    )


@dataclass(frozen=True)
class LocationDesign:
    """The designs of a location, set by set as in `borrowing.PooledSums`; the same in all its products.

    Attributes:
        curves: The design of the curves.
        pairs: Shape (sets, pairs, 2): by target, the features of its pairs.
    """

    curves: Design
    pairs: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, problems: Sequence[Problem], folds: int) -> LocationDesign | None:
        """Find the designs from all rows of the products that have coefficients of their own; None without any."""
        import numpy as np

        widest: dict[str, Problem] = {}
        for problem in problems:
            if problem.own and len(problem.rows) > len(getattr(widest.get(problem.product_id), "rows", ())):
                widest[problem.product_id] = problem
        if not widest:
            return None
        several = list(widest.values())
        features = np.concatenate([problem.features for problem in several])
        some = slice(None, None, -(-len(features) // MOST_ROWS))
        features, taken = features[some], _sets_of(several, folds)[:, some]
        curved = np.flatnonzero(find_knots(features, np.ones((1, len(features)), dtype=bool))[1])
        curves = find_curves(features, taken | ~taken.any(axis=1, keepdims=True), curved=curved)
        by_target: dict[str, list[Problem]] = {}
        for problem in problems:
            if problem.own and problem.terms is Terms.PAIRS:
                by_target.setdefault(problem.targets[0], []).append(problem)
        pairs = {name: _find_pairs(curves, _sets_of(having, folds), having, 0) for name, having in by_target.items()}
        return cls(curves, pairs)

    def of_problem(self, problem: Problem) -> Design:
        """The designs of a problem's target."""
        pairs = self.pairs.get(problem.targets[0])
        return self.curves if pairs is None else replace(self.curves, pairs=pairs)

    @property
    def columns(self) -> tuple[int, int]:
        """How many columns curves have, and pairs."""
        _, curves, columns = self.curves.slope.shape
        return curves * columns, max((pairs.shape[1] for pairs in self.pairs.values()), default=0)


def _sets_of(problems: Sequence[Problem], folds: int) -> NDArray[np.bool_]:
    """The sets of `borrowing.PooledSums` of several problems together. Shape (sets, rows)."""
    import numpy as np

    held = np.concatenate([problem.folds for problem in problems])
    taken: NDArray[np.bool_] = held != np.arange(-1, folds)[:, None]
    if not problems[0].timed:
        return taken
    earlier = np.concatenate([pooled_earlier(problem) for problem in problems], axis=1)
    earlier |= ~earlier.any(axis=1, keepdims=True)  # a set must have rows; nobody asks for this one
    return np.concatenate([taken, earlier])


def _find_pairs(
    design: Design, taken: NDArray[np.bool_], problems: Sequence[Problem], target: int
) -> NDArray[np.int64]:
    """The pairs of training sets of one target in some products. Shape (sets, pairs, 2)."""
    import numpy as np

    ends = np.cumsum([0, *(len(problem.features) for problem in problems)])
    places = [slice(start, end) for start, end in pairwise(ends.tolist())]
    found = []
    for one, rows in enumerate(taken):
        standard = [
            np.nan_to_num(design.take([one]).standardise(problem.features[rows[place]].T[None])[0].T)
            for problem, place in zip(problems, places, strict=True)
        ]
        values = [problem.values[rows[place]][:, [target]] for problem, place in zip(problems, places, strict=True)]
        curves = [by_row(design.take([one]).curves(part.T[None]))[0] for part in standard]
        lines, bent = (
            np.concatenate([part - part.mean(axis=0) for part in parts if len(part)]) for parts in (standard, curves)
        )
        spreads = [part.std() if len(part) else 1 for part in values]
        centred = [(part - part.mean()) / (size or 1) for part, size in zip(values, spreads, strict=True) if len(part)]
        found.append(choose_pairs(lines, bent, np.concatenate(centred)))
    return np.stack(found)


def by_row(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """From (sets, curves, columns, rows) to (sets, rows, curves · columns)."""
    sets, count, columns, rows = curves.shape
    return curves.reshape(sets, count * columns, rows).transpose(0, 2, 1)

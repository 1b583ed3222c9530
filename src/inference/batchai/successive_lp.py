"""Smallest cost under constraints that are not linear: a linear program, solved again where the last one led.

At each point the constraints are replaced by their tangents, and the linear program is solved in a trust region around
it by HiGHS (Huangfu & Hall, *Mathematical Programming Computation* 10 (2018) 119-142; `scipy.optimize.linprog`). Where
as many limits are active as there are variables this converges like Newton's method; elsewhere the trust region,
which shrinks after a while, ends it (Griffith & Stewart, *Management Science* 7 (1961) 379-392; Nocedal & Wright,
*Numerical Optimization*, Springer (2006), section 18.5). The result is a local optimum.

Constraints have ranks: those of a lower rank are never given up for one of a higher rank, nor any for the cost. So
where no point keeps all of them, the result keeps the first ranks and comes as near as it can to the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 60
WIDE_STEPS = 12
"""The trust region is as wide as the bounds in the first steps, and then shrinks by `SHRINKING` in each."""
SHRINKING = 0.7
DIFFERENCE = 1e-5
"""The step of the differences that tangents are made of; variables run over about 1."""
KEPT = 1e-7
"""A constraint that is broken by less than this counts as kept."""
SPREAD = 4096
"""So many points are looked at for a start."""
STILL = 1e-10
"""A step that is shorter than this ends the search."""


NOTHING = 1e-6
"""A smaller change, as a share of its bounds, is none; and what is as near to a bound is at it."""
ROUNDING = 1e-9
"""To what HiGHS solves a linear program."""
PRICE = 1e-7
"""A limit with a smaller price has room."""


@dataclass(frozen=True)
class Solved:
    """The solution of a linear program.

    Attributes:
        values: Shape (columns,).
        row_prices: Shape (rows,): by how much the cost changes with the limit of a row; 0 where it has room.
        column_prices: Shape (columns,): below zero where a larger upper bound of the column would save cost.
    """

    values: NDArray[np.float64]
    row_prices: NDArray[np.float64]
    column_prices: NDArray[np.float64]


@dataclass(frozen=True)
class Binding:
    """What keeps a point from being better.

    Attributes:
        constraints: Numbers of the constraints without room.
        upper: Numbers of the variables that would have to be larger than their bound.
        lower: Numbers of those that would have to be smaller.
    """

    constraints: tuple[int, ...]
    upper: tuple[int, ...]
    lower: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """What is to be minimised.

    Attributes:
        cost: Shape (variables,): the cost of each variable's distance from zero, up or down; above zero.
        lower: Shape (variables,): zero or below.
        upper: Shape (variables,): zero or above.
        constraints: Takes points of shape (points, variables); returns shape (points, constraints): above zero where
            broken, in units that make 1 a large amount.
        ranks: Shape (constraints,): the rank of each, from 0.
    """

    cost: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    constraints: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ranks: NDArray[np.int64]

    @property
    def levels(self) -> int:
        """How many ranks there are."""
        return int(self.ranks.max(initial=-1)) + 1

    def violations(self, point: NDArray[np.float64]) -> tuple[float, ...]:
        """By how much constraints of each rank are broken together; 0 where by less than `KEPT`."""
        return self.judge(point)[:-1]

    def judge(self, point: NDArray[np.float64]) -> tuple[float, ...]:
        """How good a point is, smaller is better: its violations rank by rank, then its cost."""
        return tuple(float(column[0]) for column in self._judgements(point[None]))

    def best_of(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The best of points of shape (points, variables)."""
        import numpy as np

        found: NDArray[np.float64] = points[np.lexsort(self._judgements(points)[::-1])[0]]
        return found

    def _judgements(self, points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Shape (points,) for each rank and for the cost."""
        import numpy as np

        broken = np.maximum(self.constraints(points), 0)
        broken[broken <= KEPT] = 0
        ranks = [broken[:, self.ranks == rank].sum(axis=1) for rank in range(self.levels)]
        return [*ranks, np.abs(points) @ self.cost]


def spread_points(program: Program) -> NDArray[np.float64]:
    """Points that are spread over the bounds by chance, always the same. Shape (points, variables)."""
    import numpy as np

    chance = np.random.default_rng(0)
    return chance.uniform(program.lower, program.upper, (SPREAD, len(program.lower)))


def minimise(program: Program, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the cheapest point that keeps the constraints, as far as they can be kept.

    Args:
        program: What is to be minimised.
        start: Shape (variables,): where to begin, within the bounds.

    Returns:
        Shape (variables,): the best point that was met.
    """
    import numpy as np

    point = best = start
    best_judged = program.judge(start)
    radius = float((program.upper - program.lower).max())
    for step in range(STEPS):
        if step >= WIDE_STEPS:
            radius *= SHRINKING
        lower, upper = np.maximum(program.lower, point - radius), np.minimum(program.upper, point + radius)
        above, below, _ = np.split(_solve_tangents(program, point, lower, upper)[-1].values, _parts(point))
        moved = np.clip(above - below, lower, upper)
        judged = program.judge(moved)
        if judged < best_judged:
            best, best_judged = moved, judged
        still = np.abs(moved - point).max() < STILL
        point = moved
        if still:
            break
    for end in (np.zeros(len(best)), program.lower, program.upper):
        tidied = np.where(np.abs(best - end) < NOTHING, end, best)
        if program.judge(tidied) <= program.judge(best):
            best = tidied
    return best


def find_binding(program: Program, point: NDArray[np.float64]) -> Binding:
    """Find what keeps a solution from breaking less or, where nothing is broken, from costing less.

    Args:
        program: What was minimised.
        point: Shape (variables,): the solution.
    """
    import numpy as np

    broken = [rank for rank, violation in enumerate(program.violations(point)) if violation]
    solved = _solve_tangents(program, point, program.lower, program.upper)[broken[0] if broken else -1]
    above, below, _ = np.split(solved.column_prices, _parts(point))
    return Binding(
        constraints=tuple(np.flatnonzero(np.abs(solved.row_prices) > PRICE).tolist()),
        upper=tuple(np.flatnonzero(above < -PRICE).tolist()),
        lower=tuple(np.flatnonzero(below < -PRICE).tolist()),
    )


def _parts(point: NDArray[np.float64]) -> list[int]:
    """Where the columns of the linear program part: variables above zero, below zero, and what is broken."""
    return [len(point), 2 * len(point)]


def _solve_tangents(
    program: Program, point: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> list[Solved]:
    """Solve the linear programs at a point: for each rank, break it as little as possible, then spend little."""
    import numpy as np

    values, slopes = _tangents(program, point)
    limits = slopes @ point - values  # slopes · x ≤ limits, where the tangents keep the constraints
    rows = np.hstack([slopes, -slopes, -np.eye(len(values))])
    boxes = [
        *zip(np.maximum(lower, 0), np.maximum(upper, 0), strict=True),
        *zip(np.maximum(-upper, 0), np.maximum(-lower, 0), strict=True),
    ]
    unpaid = np.zeros(2 * len(point))
    room: NDArray[np.float64] = np.full(len(values), np.inf)
    solved: list[Solved] = []
    for rank in range(program.levels):
        mine = program.ranks == rank
        found = _linear_program(np.concatenate([unpaid, mine]), rows, limits, boxes, room)
        solved.append(found or solved[-1])
        broken = solved[-1].values[2 * len(point) :]
        room = np.where(mine, broken * (1 + ROUNDING) + ROUNDING, room)
    costs = np.concatenate([program.cost, program.cost, np.zeros(len(values))])
    return [*solved, _linear_program(costs, rows, limits, boxes, room) or solved[-1]]


def _linear_program(
    cost: NDArray[np.float64],
    rows: NDArray[np.float64],
    limits: NDArray[np.float64],
    boxes: list[tuple[float, float]],
    room: NDArray[np.float64],
) -> Solved | None:
    """Solve one linear program by HiGHS. Returns None where rounding made it infeasible; in truth none of them is."""
    from scipy.optimize import linprog

    bounds = [*boxes, *((0, most) for most in room)]
    options = {"primal_feasibility_tolerance": ROUNDING, "dual_feasibility_tolerance": ROUNDING}
    result = linprog(cost, A_ub=rows, b_ub=limits, bounds=bounds, method="highs", options=options)
    if result.status != 0:
        return None
    return Solved(result.x, result.ineqlin.marginals, result.upper.marginals + result.lower.marginals)


def _tangents(program: Program, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The constraints at a point, and their slopes of shape (constraints, variables), by central differences."""
    import numpy as np

    steps = DIFFERENCE * np.eye(len(point))
    values: NDArray[np.float64] = program.constraints(np.vstack([point[np.newaxis], point + steps, point - steps]))
    ahead, behind = np.split(values[1:], 2)
    return values[0], (ahead - behind).T / (2 * DIFFERENCE)

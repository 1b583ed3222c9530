from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from src.inference.batchai.successive_lp import Program, find_binding, minimise


def program(*constraints: object, ranks: tuple[int, ...], cost: tuple[float, ...] = (1.0, 1.0)) -> Program:
    def values(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        return np.column_stack([constraint(x, y) for constraint in constraints if callable(constraint)])

    return Program(np.array(cost), np.array([-1.0, 0.0]), np.array([1.0, 1.0]), values, np.array(ranks))


def test_a_linear_program_is_solved_exactly() -> None:
    solution = minimise(program(lambda x, y: 0.5 - x - 2 * y, ranks=(0,)), np.zeros(2))
    assert solution.tolist() == pytest.approx([0, 0.25], abs=1e-8)
    assert find_binding(program(lambda x, y: 0.5 - x - 2 * y, ranks=(0,)), solution).constraints == (0,)


def test_a_curved_limit_is_reached() -> None:
    curved = program(lambda x, y: 0.2 - y * (1 + x) / (1 + y), ranks=(0,), cost=(10.0, 1.0))
    assert minimise(curved, np.zeros(2)).tolist() == pytest.approx([0, 0.25], abs=1e-6)


def test_an_optimum_between_corners_is_found() -> None:
    circle = program(lambda x, y: 0.25 - x * y, ranks=(0,))  # the cheapest of x + y with x · y at least 1/4
    assert minimise(circle, np.array([0.9, 0.9])).tolist() == pytest.approx([0.5, 0.5], abs=1e-3)


def test_a_variable_below_zero_costs_as_much() -> None:
    down = program(lambda x, y: x + 0.3 + 0 * y, ranks=(0,))
    assert minimise(down, np.zeros(2)).tolist() == pytest.approx([-0.3, 0], abs=1e-8)


def test_a_lower_rank_is_kept_when_not_all_can_be() -> None:
    torn = program(lambda x, y: x + y - 0.5, lambda x, y: 3 - x - y, ranks=(0, 1))
    solution = minimise(torn, np.zeros(2))
    assert solution.sum() == pytest.approx(0.5, abs=1e-6)
    assert torn.violations(solution) == pytest.approx((0, 2.5), abs=1e-6)
    assert find_binding(torn, solution).constraints == (0, 1)


def test_bounds_that_stop_it_are_named() -> None:
    beyond = program(lambda x, y: 3 - x + y, ranks=(0,))
    solution = minimise(beyond, np.zeros(2))
    assert solution.tolist() == pytest.approx([1, 0], abs=1e-8)
    binding = find_binding(beyond, solution)
    assert (binding.constraints, binding.upper, binding.lower) == ((0,), (0,), (1,))


def test_a_start_that_breaks_everything_comes_back() -> None:
    ring = program(lambda x, y: x**2 + y**2 - 0.25, ranks=(0,))
    solution = minimise(ring, np.array([1.0, 1.0]))
    assert ring.violations(solution) == (0,)

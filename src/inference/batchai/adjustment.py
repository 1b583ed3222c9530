"""What to change in a batch so that its targets come back inside their limits, at the smallest cost.

The features after a change are computed as the plant's recipe says (`src.inference.batchai.recipe`): ratios,
dilution and whatever else is derived. What a change does to the targets is what the model predicts of those features,
so it is as good as the model: a coefficient says what moved together in the past, and a trial says what really happens.
No feature that a change moves may leave the range seen in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from src.common.errors import DataError, some_of
from src.data_preparation.batchai.adjustable_description import Recipe
from src.inference.batchai.goals import Batch, Goal, find_goals
from src.inference.batchai.recipe import apply, changing_features
from src.inference.batchai.successive_lp import Program, find_binding, minimise, spread_points
from src.training.batchai.model import LocationModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RANGES, TARGETS = 0, 1
"""The ranks of the constraints: to stay in the ranges of training comes first."""
MARGIN = 1e-6
"""How far inside its limits a target is aimed, as a share of its range in training: rounding must not put it out."""
IN_RANGE = 1e-6
"""A feature that is beyond its range by less than this share of its width is at the end of it."""

BEYOND = "a prediction goes only a little way beyond what was measured in training"


class Outcome(str, Enum):
    """What came of it."""

    ON_TARGET = "on target"
    ADJUSTED = "adjusted"
    NO_SOLUTION = "no solution"


@dataclass(frozen=True)
class Adjustment:
    """What to change in a batch.

    Attributes:
        batch: The batch.
        outcome: What came of it.
        changes: Shape (adjustable,): what to add, or below zero to remove, in the units of the recipe.
        features: Shape (features,): the batch after the changes.
        goals: The targets with limits.
        cost: What the changes cost.
        binding: The limits that keep it from being cheaper or, where there is no solution, nearer.
    """

    batch: Batch
    outcome: Outcome
    changes: NDArray[np.float64]
    features: NDArray[np.float64]
    goals: tuple[Goal, ...]
    cost: float
    binding: tuple[str, ...]


def adjust(location: LocationModel, batch: Batch, *, confident: bool = False) -> Adjustment:
    """Find the cheapest changes that bring every target of a batch inside its specification limits.

    Args:
        location: The model of the location, with its recipe.
        batch: The batch.
        confident: Bring the whole interval of each prediction inside the limits, not the prediction alone.

    Raises:
        DataError: Nothing is adjustable, no target has limits, or what is adjusted was not measured.
    """
    import numpy as np

    _check(location, batch)
    goals = find_goals(location, batch, confident=confident)
    recipe = location.recipe
    nothing = np.zeros(len(recipe.adjustable))
    problem = _Problem(location, batch, goals)
    if all(goal.holds(goal.estimate(location, batch.features)) for goal in goals):
        return Adjustment(batch, Outcome.ON_TARGET, nothing, batch.features, goals, 0.0, ())
    program = problem.program()
    best = _search(program)
    changes = best * problem.widths
    features = apply(recipe, location.feature_names, batch.features, changes.reshape(1, -1))[0]
    found = not any(program.violations(best))
    kept = found and all(goal.holds(goal.estimate(location, features)) for goal in goals)
    binding = problem.binding(program, best, solved=kept) if kept or not found else (BEYOND,)
    return Adjustment(
        batch,
        Outcome.ADJUSTED if kept else Outcome.NO_SOLUTION,
        changes,
        features,
        goals,
        float(np.abs(changes) @ [item.cost for item in recipe.adjustable]),
        binding,
    )


def _search(program: Program) -> NDArray[np.float64]:
    """Begin with no change, then wherever a point is better: linear programs lead to a local optimum.

    Curves and products make several of them. So points are spread over the bounds, and the best of them is a start
    where it is better than what was found. The ends and the middle of the bounds are starts where there is no solution.
    """
    best = minimise(program, 0 * program.upper)
    spread = program.best_of(spread_points(program))
    if program.judge(spread) < program.judge(best):
        best = min(best, minimise(program, spread), key=program.judge)
    for start in (program.upper, program.lower, (program.upper + program.lower) / 2):
        if any(program.violations(best)):
            best = min(best, minimise(program, start), key=program.judge)
    return best


def _check(location: LocationModel, batch: Batch) -> None:
    import numpy as np

    if not location.recipe.adjustable:
        raise DataError(
            f"nothing is adjustable at {location.location}",
            hint="name what can be changed under adjustable in location.yml, then prepare and train again",
        )
    names = location.feature_names
    changing = changing_features(location.recipe, names)
    missing = [name for name in changing if np.isnan(batch.features[names.index(name)])]
    if missing:
        raise DataError(
            f"batch {batch.batch_id} can't be adjusted: {some_of(missing)} is not known",
            where=f"{location.location}, {batch.product_id}",
            expected="a value for every feature that the changes move",
            hint="complete the batch's values",
        )


@dataclass(frozen=True)
class _Problem:
    """The program of a batch, in variables that are changes divided by the width of their bounds."""

    location: LocationModel
    batch: Batch
    goals: Sequence[Goal]

    @property
    def recipe(self) -> Recipe:
        return self.location.recipe

    @property
    def widths(self) -> NDArray[np.float64]:
        import numpy as np

        return np.array([item.max_addition + item.max_removal for item in self.recipe.adjustable])

    def program(self) -> Program:
        import numpy as np

        names = self.location.feature_names
        moving = [names.index(name) for name in changing_features(self.recipe, names)]
        minimum = np.max([goal.model.minimum[moving] for goal in self.goals], axis=0)
        maximum = np.min([goal.model.maximum[moving] for goal in self.goals], axis=0)
        scale = np.where(maximum > minimum, maximum - minimum, np.maximum(np.abs(maximum), 1))
        slack = IN_RANGE * np.where(maximum > minimum, 0, 1)

        def constraints(points: NDArray[np.float64]) -> NDArray[np.float64]:
            features = apply(self.recipe, names, self.batch.features, points * self.widths)
            moved = features[:, moving]
            columns = [(minimum - moved) / scale - slack, (moved - maximum) / scale - slack]
            for goal in self.goals:
                least, most = goal.ends(features)
                ends = np.column_stack([goal.lower - least, most - goal.upper])
                columns.append(np.where(np.isinf(ends), -1, ends / goal.scale + MARGIN))
            values = np.hstack(columns)
            return np.where(np.isnan(values), 1.0, values)  # a feature that has no value is no solution

        costs = np.array([item.cost for item in self.recipe.adjustable]) * self.widths
        return Program(
            cost=costs / costs.max(),
            lower=-np.array([item.max_removal for item in self.recipe.adjustable]) / self.widths,
            upper=np.array([item.max_addition for item in self.recipe.adjustable]) / self.widths,
            constraints=constraints,
            ranks=np.repeat([RANGES, TARGETS], [2 * len(moving), 2 * len(self.goals)]),
        )

    def binding(self, program: Program, point: NDArray[np.float64], *, solved: bool) -> tuple[str, ...]:
        """Name the limits that keep a solution from being cheaper, or what is none from coming nearer."""
        found = find_binding(program, point)
        labels = self._labels()
        items = self.recipe.adjustable
        texts = [labels[number] for number in found.constraints]
        texts += [f"{items[n].name}: at most {items[n].max_addition:g} {items[n].unit} to add" for n in found.upper]
        for item in (items[number] for number in found.lower):
            if item.max_removal:
                texts.append(f"{item.name}: at most {item.max_removal:g} {item.unit} to remove")
            elif not solved:
                texts.append(f"{item.name} can't be taken out")
        return tuple(texts)

    def _labels(self) -> list[str]:
        """Say what each constraint of the program is."""
        names = self.location.feature_names
        changing = changing_features(self.recipe, names)
        places = [names.index(name) for name in changing]
        least = [max(goal.model.minimum[place] for goal in self.goals) for place in places]
        most = [min(goal.model.maximum[place] for goal in self.goals) for place in places]
        labels = [f"{name} at least {value:.6g}, as in training" for name, value in zip(changing, least, strict=True)]
        labels += [f"{name} at most {value:.6g}, as in training" for name, value in zip(changing, most, strict=True)]
        for goal in self.goals:
            unit = f" {goal.unit}".rstrip() + (", with its interval" if goal.confident else "")
            labels += [f"{goal.name} at least {goal.lower:.6g}{unit}", f"{goal.name} at most {goal.upper:.6g}{unit}"]
        return labels

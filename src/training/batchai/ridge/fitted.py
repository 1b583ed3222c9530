"""Fitted models of training sets, and of a problem, in original units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

from src.training.batchai.plausible_range import clip_and_impute, clip_prediction
from src.training.batchai.ridge.fitted_terms import FittedTerms
from src.training.batchai.ridge.problems import Problem
from src.training.batchai.ridge.scores import HeldOut, Scores
from src.training.batchai.terms import Curve, Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Fitted:
    """Models of training sets, in original units.

    Attributes:
        intercepts: Shape (sets, targets).
        coefficients: Shape (sets, features, targets).
        minimum: Shape (sets, features): the smallest value seen.
        maximum: Shape (sets, features): the largest.
        fill: Shape (sets, features): the mean, which stands for a missing value.
        mean: Shape (sets, targets): the mean of the targets.
        lowest: Shape (sets, targets): the smallest value that was measured.
        highest: Shape (sets, targets).
        terms: Curves and pairs; None in linear models.
    """

    intercepts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    fill: NDArray[np.float64]
    mean: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    terms: FittedTerms | None = None

    @classmethod
    def joined(cls, parts: Sequence[Fitted]) -> Fitted:
        """The training sets of all parts."""
        import numpy as np

        if len(parts) == 1:
            return parts[0]
        names = [field.name for field in fields(cls) if field.name != "terms"]
        terms = [part.terms for part in parts if part.terms is not None]
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(**arrays, terms=FittedTerms.joined(terms) if terms else None)

    def predict(self, problem: Problem, rows: NDArray[np.int64], sets: NDArray[np.int64]) -> HeldOut:
        """Predict rows of a problem, each by the model of one set; as `src.training.batchai.model` does."""
        import numpy as np

        values = clip_and_impute(problem.features[rows], self.minimum[sets], self.maximum[sets], self.fill[sets])
        predicted = self.intercepts[sets] + np.einsum("nf,nft->nt", values, self.coefficients[sets])
        if self.terms is not None:
            predicted += self.terms.at(values, self.fill[sets], sets)
        limited = clip_prediction(predicted, self.lowest[sets], self.highest[sets])
        return HeldOut(rows, problem.values[rows], limited, self.mean[sets])


@dataclass(frozen=True)
class ProblemFit:
    """A problem's fit on all its rows, and its predictions of batches that a fit did not know.

    Attributes:
        intercepts: Shape (targets,), in the units of the targets, or their logarithms.
        coefficients: Shape (features, targets), in original units, or changes of the logarithms.
        errors: Shape (features, targets): standard errors, of the estimates in the middle of `intervals`.
        intervals: Shape (2, features, targets): the ends of the coefficients' intervals.
        terms: Curves and pairs; None in a linear model.
        knot_errors: Shape (curves, knots, targets): standard errors of the curves.
        pair_errors: Shape (pairs, targets): standard errors of the pairs; None in a linear model.
        spread: Shape (features,): the standard deviation of each feature; 0 for a constant one.
        target_spread: Shape (targets,).
        minimum: Shape (features,): the smallest value seen.
        maximum: Shape (features,): the largest.
        fill: Shape (features,): the mean, which stands for a missing value.
        lowest: Shape (targets,): the smallest value that was measured, as it was fitted.
        highest: Shape (targets,).
        penalty: Shape (targets,): the geometric mean of the averaged penalties; infinite: no coefficients of its own.
        share: Shape (targets,): how much of what the other products say was taken; NaN: there was nothing to borrow.
        out_of_fold: All rows, in their order, in the units of the targets.
        scores: How wrong these predictions are.
    """

    intercepts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    errors: NDArray[np.float64]
    intervals: NDArray[np.float64]
    terms: FittedTerms | None
    knot_errors: NDArray[np.float64]
    pair_errors: NDArray[np.float64] | None
    spread: NDArray[np.float64]
    target_spread: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    fill: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    penalty: NDArray[np.float64]
    share: NDArray[np.float64]
    out_of_fold: HeldOut
    scores: Scores

    def curves_and_pairs(self, target: int) -> tuple[tuple[Curve, ...], tuple[Pair, ...]]:
        """What is added to the lines of a target."""
        if self.terms is None or self.pair_errors is None:
            return (), ()
        return self.terms.curves_of(self.knot_errors, target), self.terms.pairs_of(self.pair_errors, target)

    @cached_property
    def is_finite(self) -> NDArray[np.bool_]:
        """Whether every number of a target is one that a model may have. Shape (targets,)."""
        import numpy as np

        numbers = [self.intercepts, self.coefficients, self.errors, self.intervals, self.out_of_fold.predicted]
        if self.terms is not None and self.pair_errors is not None:
            numbers += [self.terms.values[0], self.terms.products[0], self.knot_errors, self.pair_errors]
        targets = len(self.intercepts)
        finite: NDArray[np.bool_] = np.isfinite(np.concatenate([part.reshape(-1, targets) for part in numbers]))
        return np.asarray(finite.all(axis=0))

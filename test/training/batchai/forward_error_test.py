"""The forward error is that of the estimator that ships, with the batches that were there at the time.

Written out: for each part of time that is judged, every product of the location is cut at its beginning, the whole
location is trained on what is left, and the batches of the part are predicted.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import TargetFit, TrainingOptions, fit_location, location_splits
from src.training.batchai.ridge.folds import BLOCKS
from src.training.batchai.ridge.problems import FIRST_JUDGED
from test.support.problems import as_location


def plant(seed: int, *, starts: tuple[float, ...], batches: int = 70) -> PreparedLocation:
    """Products that share most of their coefficients and began at different times."""
    chance = np.random.default_rng(seed)
    common = chance.standard_normal((5, 2))
    products = {}
    for number, _ in enumerate(starts):
        features = chance.standard_normal((batches, 5))
        own = common + 0.3 * chance.standard_normal((5, 2))
        values = features @ own + np.sin(2 * features[:, :1]) + 0.8 * chance.standard_normal((batches, 2))
        products[f"P{number}"] = (features, values)
    location = as_location(products)
    times = [start + np.sort(chance.uniform(0, 100, batches)) for start in starts]
    return replace(
        location, groups=tuple(replace(group, times=when) for group, when in zip(location.groups, times, strict=True))
    )


def written_out(location: PreparedLocation, options: TrainingOptions) -> dict[tuple[str, str], float]:
    """The forward error by product and target, from trainings on what was there."""
    cuts = location_splits(location.groups, location.location, options).cuts
    squares: dict[tuple[str, str], list[float]] = {}
    for block in range(FIRST_JUDGED, BLOCKS):
        begin, end = cuts[block - 1], cuts[block] if block < BLOCKS - 1 else np.inf
        groups = [group.take(np.asarray(group.times) < begin) for group in location.groups]
        known = replace(location, groups=tuple(group for group in groups if len(group.batch_ids)))
        model = location_model(known, fit_location(known, options))
        for group in location.groups:
            times = np.asarray(group.times)
            rows = (times >= begin) & (times < end)
            for place, target in enumerate(location.targets):
                trained = model.groups.get(group.product_id)
                if trained is not None and rows.any():
                    predicted = trained.targets[target.name].predict(group.features[rows])
                    errors = (group.targets[rows, place] - predicted) ** 2
                    squares.setdefault((group.product_id, target.name), []).extend(errors.tolist())
    return {key: float(np.sqrt(np.mean(errors))) for key, errors in squares.items()}


@pytest.mark.parametrize("terms", list(Terms))
@pytest.mark.parametrize("starts", [(0.0, 10.0, 5.0), (0.0, 0.0, 52.0)])
def test_the_forward_error_is_that_of_trainings_on_what_was_there(terms: Terms, starts: tuple[float, ...]) -> None:
    """In the second case the third product begins after the first cut: it is not there for the others before."""
    location = plant(3, starts=starts)
    options = TrainingOptions(folds=4, min_batches=10, terms=terms)
    expected = written_out(location, options)
    for fit in fit_location(location, options):
        for name, target in fit.targets.items():
            assert isinstance(target, TargetFit)
            if starts[int(fit.product_id[1])] < 50:
                assert target.rmse_forward == pytest.approx(expected[fit.product_id, name], rel=1e-9)


def test_without_times_nothing_is_borrowed_for_the_forward_error() -> None:
    """Nobody could say which batches of the other products were there."""
    location = plant(4, starts=(0.0, 0.0))
    untimed = replace(location, groups=tuple(replace(group, times=None) for group in location.groups))
    alone = replace(untimed, groups=untimed.groups[:1])
    options = TrainingOptions(folds=4, min_batches=10)
    (first, *_), (by_itself,) = fit_location(untimed, options), fit_location(alone, options)
    for name, target in first.targets.items():
        other = by_itself.targets[name]
        assert isinstance(target, TargetFit)
        assert isinstance(other, TargetFit)
        assert target.rmse_forward == pytest.approx(other.rmse_forward, rel=1e-9)

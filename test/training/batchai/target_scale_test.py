"""Targets on a log scale. The truth is that of the lognormal distribution (Aitchison & Brown, 1957).

A batch measures ``exp(2 + 0.8 x1 - 0.5 x2 + σ e)`` with normal `e`: its median is ``exp(2 + 0.8 x1 - 0.5 x2)``, its
mean is ``exp(σ²/2)`` times that, and nine of ten batches lie within ``exp(±1.645 σ)`` of the median.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from src.common.committed_folder import replace_folder
from src.common.errors import DataError
from src.data_preparation.batchai.adjustable_description import Adjustable, Recipe
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.inference.batchai.adjustment import Outcome, adjust
from src.inference.batchai.contributions import LIMIT, contributions_of_group
from src.inference.batchai.goals import Batch
from src.inference.batchai.prediction import predict_group
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import GroupFit, TargetFit, TrainingOptions, fit_location
from src.training.batchai.model import Limits, LocationModel, Model
from src.training.batchai.model_files import KIND, load_model
from src.training.batchai.target_scale import logarithmic_mean
from test.support.models import write_model
from test.support.problems import as_location

SIGMA = 0.5
TRUTH = np.array([0.8, -0.5])
ROWS, NEW = 400, 4000


def lognormal() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    chance = np.random.default_rng(11)
    features = chance.normal(size=(ROWS + NEW, 2))
    return features, np.exp(2 + features @ TRUTH + SIGMA * chance.normal(size=len(features)))


def plant(measured: NDArray[np.float64], *, scale: str) -> PreparedLocation:
    features, _ = lognormal()
    prepared = as_location({"P": (features[:ROWS], measured[:ROWS, None])})
    return replace(prepared, targets=tuple(replace(target, scale=scale) for target in prepared.targets))


@lru_cache(maxsize=1)
def trained() -> tuple[LocationModel, TargetFit]:
    prepared = plant(lognormal()[1], scale="log")
    fits: list[GroupFit] = fit_location(prepared, TrainingOptions())
    fit = next(iter(fits[0].targets.values()))
    assert isinstance(fit, TargetFit)
    return location_model(prepared, fits), fit


def test_coefficients_are_those_of_the_logarithm() -> None:
    _, fit = trained()
    assert np.all(np.abs(fit.coefficients - TRUTH) < 3 * SIGMA / np.sqrt(ROWS))
    assert np.all((fit.intervals[0] < TRUTH) & (fit.intervals[1] > TRUTH))


def test_a_prediction_is_the_median_and_its_bias_against_the_mean_is_the_stated_factor() -> None:
    model, _ = trained()
    features, measured = lognormal()
    inside = np.all(np.abs(features[ROWS:]) < 2, axis=1)
    predicted = model.group("P").targets["y0"].predict(features[ROWS:][inside])
    new = measured[ROWS:][inside]
    assert np.mean(new > predicted) == pytest.approx(0.5, abs=0.04)
    # mean of measured / predicted = exp(σ²/2) = 1.133
    assert np.mean(new / predicted) == pytest.approx(np.exp(SIGMA**2 / 2), rel=0.05)


def test_intervals_hold_nine_of_ten_and_are_factors() -> None:
    model, _ = trained()
    features, measured = lognormal()
    target = model.group("P").targets["y0"]
    predicted = target.predict(features[ROWS:])
    lower, upper = target.interval(predicted)
    assert np.mean((lower <= measured[ROWS:]) & (measured[ROWS:] <= upper)) == pytest.approx(0.9, abs=0.03)
    assert np.median(np.log(upper / predicted)) == pytest.approx(1.645 * SIGMA, rel=0.15)
    np.testing.assert_allclose(upper / predicted, predicted / lower, rtol=1e-9)


def test_errors_are_in_the_unit_and_beside_those_of_the_mean() -> None:
    _, fit = trained()
    _, measured = lognormal()
    rows = fit.fit.out_of_fold
    assert np.array_equal(fit.problem.measured[:, 0], measured[:ROWS])
    np.testing.assert_allclose(rows.measured[:, 0], measured[:ROWS])
    assert fit.rmse == pytest.approx(np.sqrt(np.mean((rows.measured - rows.predicted) ** 2)))
    other_folds = [measured[:ROWS][fit.problem.folds != fold].mean() for fold in fit.problem.folds]
    np.testing.assert_allclose(rows.mean[:, 0], other_folds)
    assert fit.rmse_mean == pytest.approx(np.sqrt(np.mean((measured[:ROWS] - other_folds) ** 2)))


def test_in_any_unit_the_results_are_the_same() -> None:
    features, measured = lognormal()
    prepared = plant(measured * 1e-6, scale="log")
    fits = fit_location(prepared, TrainingOptions())
    small = location_model(prepared, fits).group("P").targets["y0"]
    model, _ = trained()
    large = model.group("P").targets["y0"]
    np.testing.assert_allclose(small.predict(features) * 1e6, large.predict(features), rtol=1e-6)


def test_contributions_add_up_in_the_unit_of_the_target() -> None:
    """By the logarithmic mean, as Ang (2004), equation 5: ΔV = Σ L(V¹, V⁰) ln(x¹/x⁰)."""
    assert logarithmic_mean(np.array([8.0, 3.0]), np.array([2.0, 3.0])).tolist() == pytest.approx([6 / np.log(4), 3.0])
    model, _ = trained()
    features, _ = lognormal()
    pending = as_location({"P": (features[:20], np.ones((20, 1)))}).groups[0]
    rows = replace(pending.pending, batch_ids=pending.batch_ids, features=features[:20])
    sums: dict[str, float] = {}
    for *_, batch, _, _, feature, _, part, _ in contributions_of_group(model, "P", rows):
        assert feature != LIMIT
        sums[batch] = sums.get(batch, 0) + part
    for prediction in predict_group(model, "P", rows):
        assert prediction.estimate is not None
        assert sums[prediction.batch_id] == pytest.approx(prediction.estimate.value)


def test_a_model_reads_back_with_its_scale(tmp_path: Path) -> None:
    location, _ = trained()
    features, _ = lognormal()
    with replace_folder(tmp_path / "model", kind=KIND) as staged:
        write_model(staged, Model({"plant": location}, "1", {}, Limits()))
    again = load_model(tmp_path / "model").location("plant")
    assert again.targets == location.targets
    old, new = (part.group("P").targets["y0"] for part in (location, again))
    assert np.array_equal(old.predict(features), new.predict(features))
    assert np.array_equal(old.interval(old.predict(features)), new.interval(old.predict(features)))


def test_a_linear_target_beside_it_is_untouched() -> None:
    """A control: two targets in one problem, and the linear one is what it is alone."""
    features, measured = lognormal()
    both = np.column_stack([measured, features @ TRUTH])[:ROWS]
    prepared = as_location({"P": (features[:ROWS], both)})
    mixed = replace(prepared, targets=(replace(prepared.targets[0], scale="log"), prepared.targets[1]))
    plain, found = (fit_location(part, TrainingOptions())[0].targets["y1"] for part in (prepared, mixed))
    assert isinstance(plain, TargetFit)
    assert isinstance(found, TargetFit)
    np.testing.assert_allclose(found.coefficients, plain.coefficients, rtol=1e-9)
    assert found.rmse == pytest.approx(plain.rmse)
    assert found.rmse_mean == pytest.approx(plain.rmse_mean)


def test_a_batch_is_brought_inside_limits_in_the_unit_of_the_target() -> None:
    """``ln y = 2 + 0.8 a - 0.5 b``: from y = 7.39 at a = b = 0, y = 20 needs a = ln(20 / 7.39) / 0.8 = 1.245 more."""
    location, _ = trained()
    target = replace(location.targets[0], specification=(20.0, 200.0))
    recipe = Recipe((Adjustable("x0", "kg", max_addition=3),))
    within = replace(location, targets=(target,), recipe=recipe)
    batch = Batch("P", "B1", 1, np.zeros(2))
    for confident, needed in ((False, 20.0), (True, 20.0 * np.exp(1.645 * SIGMA))):
        found = adjust(within, batch, confident=confident)
        assert found.outcome is Outcome.ADJUSTED
        assert found.changes[0] == pytest.approx(np.log(needed / np.exp(2)) / TRUTH[0], rel=0.1)
    narrow = replace(within, targets=(replace(target, specification=(20.0, 30.0)),))
    with pytest.raises(DataError, match=r"certain to a factor of 2\.(.|\n)*its square less than 30\.0 / 20\.0"):
        adjust(narrow, batch, confident=True)

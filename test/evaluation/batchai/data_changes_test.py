"""What has changed in the data between two trainings must be named, and must not decide by itself.

What is expected follows from the definition: a unit changes neither what a model knows nor its share of the error of
the mean, so two models that differ in the unit of their values alone are equally good.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from src.data_preparation.batchai.prepared_data import PreparedLocation, PreparedTarget
from src.evaluation.batchai.data_changes import compare_values
from src.evaluation.batchai.product_comparisons import changes, compare
from src.evaluation.comparison import ComparedOn
from src.training.batchai.model import LocationModel
from src.training.batchai.out_of_fold import OutOfFold
from test.support.contenders import LeastSquares, contender, linear, location_model, prepared

A = ("plant", "A", "y")
IDS = np.array([f"B{row}" for row in range(20)], dtype=object)


def held(*, factor: float = 1.0, shift: float = 0.0, error: float = 0.5, seed: int = 4) -> OutOfFold:
    chance = np.random.default_rng(seed)
    measured = 10 + chance.normal(size=20)
    predicted = measured + error * chance.normal(size=20)
    mean = np.full(20, measured.mean())
    return OutOfFold(IDS, factor * measured + shift, factor * predicted + shift, factor * mean + shift)


def no_refit(_: PreparedLocation) -> LocationModel:
    raise AssertionError("nothing is newer")


@pytest.mark.parametrize(("factor", "shift"), [(1000, 0), (0.001, 0), (1.8, 32), (-1, 0)])
def test_a_unit_decides_nothing(factor: float, shift: float) -> None:
    before, after = held(), held(factor=factor, shift=shift)
    found = compare_values(before, after)
    assert (found.factor, found.shift) == pytest.approx((factor, shift), rel=1e-9, abs=1e-9)
    (part,) = compare(contender({A: after}), contender({A: before}), [], no_refit)
    assert part.compared_on is ComparedOn.CROSS_VALIDATED
    assert part.skill_champion == pytest.approx(part.skill_challenger, rel=1e-9)
    assert part.rmse_champion == pytest.approx(part.rmse_challenger, rel=1e-9)


@pytest.mark.parametrize("factor", [1000.0, 0.001])
def test_a_unit_decides_nothing_on_newer_batches(factor: float) -> None:
    """The champion predicts y = 1 + 2a - b exactly, in its own unit; so it has no error in the new one either."""
    data = prepared({"A": 30})
    (group,) = data.groups
    exact = 1 + 2 * group.features[:, 0] - group.features[:, 1]
    scaled = replace(data, groups=(replace(group, targets=factor * exact[:, None]),))
    noise = np.random.default_rng(1).normal(size=20)
    known = OutOfFold(group.batch_ids[:20], exact[:20], exact[:20] + noise, exact[:20] * 0)
    today = OutOfFold(group.batch_ids, factor * exact, factor * exact, exact * 0)
    champion = contender({A: known}, location_model({"A": {"y": linear(1.0, 2.0, -1.0)}}, "B19"))
    (part,) = compare(contender({A: today}), champion, [scaled], LeastSquares())
    assert part.compared_on is ComparedOn.NEWER
    assert part.rmse_champion == pytest.approx(0, abs=1e-9 * factor)


def test_corrected_values_are_no_unit() -> None:
    before, after = held(), held()
    after.measured[[2, 5]] += 3
    assert compare_values(before, after).changed == 2
    assert not compare_values(before, after).is_converted
    assert compare_values(before, before) == compare_values(after, after)


def test_damaged_values_speak_for_no_model() -> None:
    """Shuffled values can't be predicted: a challenger that was trained on them is worse than one that knew better."""
    before, after = held(), held()
    shuffled = np.random.default_rng(2).permutation(after.measured)
    damaged = OutOfFold(IDS, shuffled, after.mean, after.mean)
    (part,) = compare(contender({A: damaged}), contender({A: before}), [], no_refit)
    assert part.skill_champion == pytest.approx(1 - 0.5, abs=0.2)
    assert part.skill_challenger == pytest.approx(0, abs=1e-9)


def place(*features: str, unit: str = "kg", products: tuple[str, ...] = ("A",), name: str = "plant") -> LocationModel:
    models = {product: {"y": linear(1.0, *[1.0] * len(features))} for product in products}
    made = location_model(models, "B19", location=name, features=features)
    return replace(made, targets=(PreparedTarget("y", unit),))


def test_every_change_is_named_by_location() -> None:
    champion = contender(
        {A: held()}, place("a", "b", products=("A", "B")), place("a", name="lost"), place("a", name="same")
    )
    challenger = contender(
        {A: held(factor=1000.0)}, place("a", "c", unit="g"), place("a", name="other"), place("a", name="same")
    )
    assert changes(challenger, champion, {"lost": "batches.csv has no column 'id'"}) == {
        "lost": ["not in this training: batches.csv has no column 'id'"],
        "other": ["new"],
        "plant": [
            "features gone: b",
            "features new: c",
            "products gone: B",
            "the unit of y was kg and is g",
            "the values of y are 1000 × the earlier ones in A; the registered model's are converted",
        ],
    }
    assert changes(champion, champion, {}) == {}


def test_a_feature_in_another_unit_is_named() -> None:
    """From kg to g all values are larger than any before; where they overlap, nothing is said."""
    kilograms, grams = place("mass", "age"), place("mass", "age")
    (before,), (after,) = (list(model.groups["A"].targets.values()) for model in (kilograms, grams))
    before.minimum[:], before.maximum[:] = [1, 1], [3, 90]
    after.minimum[:], after.maximum[:] = [1000, 2], [3000, 120]
    champion, challenger = contender({A: held()}, kilograms), contender({A: held()}, grams)
    assert changes(challenger, champion, {}) == {"plant": ["no value of mass lies where the earlier ones did, in A"]}

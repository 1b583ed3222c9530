"""A small model, made by hand, whose predictions can be checked in the head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from src.common.committed_folder import StagedFolder
from src.common.tables import format_csv
from src.data_preparation.batchai.adjustable_description import Adjustable, Recipe
from src.data_preparation.batchai.category_description import Category
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.training.batchai import model_files
from src.training.batchai.coefficient_csv import COEFFICIENT, COEFFICIENT_HEADER
from src.training.batchai.intervals import Radius
from src.training.batchai.model import INTERCEPT, GroupModel, Limits, LocationModel, Model, TargetModel

LIMITS = Limits(margin=0.5, doubt=1.0, target_margin=0.1)


def small_model() -> Model:
    """A location with two products: ``007`` predicts purity = 90 + 0.5 · temperature - 2 · pressure."""
    purity = TargetModel(
        intercept=90.0,
        coefficients=np.array([0.5, -2.0]),
        minimum=np.array([5.0, 0.0]),
        maximum=np.array([20.0, 3.0]),
        fill=np.array([12.0, 1.5]),
        residuals=np.array([-1.5, -0.5, 0.1, 0.6, 1.4]),
        lowest=80.0,
        highest=100.0,
        limits=LIMITS,
        radius=Radius(1.5, 1.5),
        forward_coverage=0.875,
    )
    mean = TargetModel(
        intercept=1 / 3,
        coefficients=np.zeros(2),
        minimum=np.zeros(2),
        maximum=np.ones(2),
        fill=np.full(2, 0.1),
        residuals=np.zeros(5),
        lowest=80.0,
        highest=100.0,
        limits=LIMITS,
    )
    groups = {
        "007": GroupModel("007", {"purity": purity}, {"yield": "constant"}, batches=30, last_batch="B30"),
        "NA": GroupModel("NA", {"purity": mean, "yield": mean}, {}, batches=25, last_batch="null"),
    }
    targets = (PreparedTarget("purity", "%", (95.0, None)), PreparedTarget("yield", "kg"))
    recipe = Recipe((Adjustable("temperature", "K", max_addition=5.0, max_removal=2.0, cost=0.1),))
    plant = LocationModel("plant", ("temperature", "pressure"), targets, groups, recipe)
    return Model({"plant": plant}, data_version="0123456789ab", training={"folds": 5}, limits=LIMITS)


def category_model() -> Model:
    """A location with a category: yield = 50 + 2 · temperature, 3 more with supplier B, 1 less with rare suppliers.

    ``P`` was trained on A, B and rare suppliers; ``Q`` on A alone.
    """
    yielded = TargetModel(
        intercept=50.0,
        coefficients=np.array([2.0, 3.0, -1.0]),
        minimum=np.array([0.0, 0.0, 0.0]),
        maximum=np.array([10.0, 1.0, 1.0]),
        fill=np.array([5.0, 0.25, 0.25]),
        residuals=np.zeros(5),
        lowest=0.0,
        highest=100.0,
        limits=LIMITS,
    )
    alone = replace(
        yielded, coefficients=np.array([2.0, 0, 0]), maximum=np.array([10.0, 0, 0]), fill=np.array([5.0, 0, 0])
    )
    groups = {
        name: GroupModel(name, {"yield": target}, {}, batches=40, last_batch="B40")
        for name, target in (("P", yielded), ("Q", alone))
    }
    names = ("temperature", "supplier=B", "supplier=(other)")
    recipe = Recipe(categories=(Category("supplier", "A", ("B",), ("X", "Y")),))
    plant = LocationModel("plant", names, (PreparedTarget("yield", "kg"),), groups, recipe)
    return Model({"plant": plant}, data_version="0123456789ab", training={"folds": 5}, limits=LIMITS)


def changed_model(**changes: Any) -> Model:
    """The small model, where other numbers stand in the model of purity of ``007``."""
    model = small_model()
    plant = model.locations["plant"]
    group = plant.groups["007"]
    changed = replace(group, targets={"purity": replace(group.targets["purity"], **changes)})
    groups = {**plant.groups, "007": changed}
    return replace(model, locations={"plant": replace(plant, groups=groups)})


def write_model(staged: StagedFolder, model: Model) -> None:
    """Write the files that predict, as training does: no errors of coefficients, and nothing of how it was judged."""
    model_files.write_facts(
        staged,
        {location.location: model_files.location_facts(location) for location in model.locations.values()},
        data_version=model.data_version,
        training=model.training,
        limits=model.limits,
    )
    parts = [model_files.location_rows(location) for location in model.locations.values()]
    for name, header in model_files.HEADERS.items():
        staged.write(name, b"".join([format_csv(header, []).encode(), *(part[name] for part in parts)]))
    rows = [
        f"{location.location},{group.product_id},{name},{row}\n"
        for location, group, name, target in model.trained()
        for row in _term_rows(location.feature_names, target)
    ]
    staged.write(COEFFICIENT, "".join([format_csv(COEFFICIENT_HEADER, []), *rows]))


def _term_rows(names: Sequence[str], target: TargetModel) -> Iterator[str]:
    yield f"{INTERCEPT},{target.intercept!r},,,,,intercept,,"
    for name, slope in zip(names, target.coefficients.tolist(), strict=False):
        yield f"{name},{slope!r},,,,,line,,"
    for curve in target.curves:
        for knot, value, error in zip(curve.knots.tolist(), curve.values.tolist(), curve.errors.tolist(), strict=True):
            yield f"{names[curve.feature]},{value!r},{error!r},,,,curve,,{knot!r}"
    for pair in target.pairs:
        yield f"{names[pair.first]},{pair.coefficient!r},{pair.error!r},,,,pair,{names[pair.second]},"

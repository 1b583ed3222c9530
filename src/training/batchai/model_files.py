"""The model's files in ``outputs/model/``.

JSON and CSV, never pickle: a person can read it, a diff shows what changed, and loading it runs no code.

- ``model.json``: what was trained on which data, per group the last batch, library versions;
- ``coefficients.csv``: per group, target and feature the coefficient in original units, the range seen in training
  and the value that stands for a missing one; the intercept is the feature ``(intercept)``, with the target's range
  (in its unit, also where coefficients are on the scale of its logarithm);
- ``residuals.csv``: quantiles of the out-of-fold residuals;
- ``intervals.csv``: half the width of a prediction's interval, at the lowest and at the highest measured value, on the
  scale on which the target is fitted;
- ``out_of_fold.csv``: the predictions behind them, see `src.training.batchai.out_of_fold`;
- ``manifest.json``: SHA-256 of each, checked before anything is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.committed_folder import StagedFolder, read_manifest, reading
from src.common.csv_columns import Texts, format_columns
from src.common.errors import IntegrityError
from src.common.json_text import from_json
from src.common.tables import format_csv, read_text_table, to_numbers
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.training.batchai.intervals import COVERAGE, QUANTILES, Radius
from src.training.batchai.model import (
    INTERCEPT,
    MADE_BY,
    GroupModel,
    Limits,
    LocationModel,
    Model,
    TargetModel,
)
from src.training.batchai.model_check import check_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "batchai model"
MODEL, COEFFICIENTS, RESIDUALS, INTERVALS = "model.json", "coefficients.csv", "residuals.csv", "intervals.csv"
FORMAT = 2


KEYS = ("location", "product_id", "target")
HEADERS = {
    COEFFICIENTS: (*KEYS, "feature", "coefficient", "minimum", "maximum", "fill"),
    RESIDUALS: (*KEYS, "quantile", "residual"),
    INTERVALS: (*KEYS, "coverage", "radius_lowest", "radius_highest", "forward_coverage"),
}


def write_model(staged: StagedFolder, model: Model) -> None:
    """Write the model's files into a folder that is being committed."""
    locations = model.locations.values()
    facts = {location.location: location_facts(location) for location in locations}
    write_facts(staged, facts, data_version=model.data_version, training=model.training, limits=model.limits)
    parts = [location_rows(location) for location in locations]
    for name, header in HEADERS.items():
        staged.write(name, b"".join([format_csv(header, []).encode(), *(part[name] for part in parts)]))


def write_facts(
    staged: StagedFolder,
    locations: Mapping[str, Mapping[str, Any]],
    *,
    data_version: str,
    training: Mapping[str, Any],
    limits: Limits,
) -> None:
    """Write ``model.json``, and note in the manifest whose model this is.

    Args:
        staged: The folder that is being committed.
        locations: What `location_facts` says of each location.
        data_version: The version of the prepared data.
        training: How it was trained.
        limits: How far beyond the ranges of training values and predictions may lie.
    """
    document = {"format": FORMAT, "data_version": data_version, "training": dict(training), "limits": asdict(limits)}
    staged.write_json(MODEL, {**document, "locations": locations})
    staged.facts.update(name="batchai", data_version=data_version)


def location_facts(location: LocationModel) -> dict[str, Any]:
    """What ``model.json`` says of a location."""
    return {
        "features": list(location.feature_names),
        "targets": [target.facts() for target in location.targets],
        "groups": {
            group.product_id: {
                "batches": group.batches,
                "last_batch": group.last_batch,
                "trained": list(group.targets),
                "untrained": dict(group.untrained),
            }
            for group in location.groups.values()
        },
        **({"recipe": location.recipe.facts()} if location.recipe else {}),
    }


def location_rows(location: LocationModel) -> dict[str, bytes]:
    """The rows of a location in each of the model's tables, without headers."""
    import numpy as np

    trained = [
        (group.product_id, name, target) for group in location.groups.values() for name, target in group.targets.items()
    ]
    if not trained:
        return dict.fromkeys(HEADERS, b"")
    names = [INTERCEPT, *location.feature_names]
    targets = [target for _, _, target in trained]
    keys = key_columns(location.location, [(product, name) for product, name, _ in trained])
    coefficients = (
        np.concatenate([[first, *part] for first, part in columns])
        for columns in (
            [(target.intercept, target.coefficients.tolist()) for target in targets],
            [(target.lowest, target.minimum.tolist()) for target in targets],
            [(target.highest, target.maximum.tolist()) for target in targets],
            [(math.nan, target.fill.tolist()) for target in targets],
        )
    )
    features = Texts(names, np.tile(np.arange(len(names)), len(targets)))
    ends = [
        (target.radius.at_lowest, target.radius.at_highest) if target.radius.known else (math.nan, math.nan)
        for target in targets
    ]
    return {
        COEFFICIENTS: format_columns([*(key.each(len(names)) for key in keys), features, *coefficients]),
        RESIDUALS: format_columns(
            [
                *(key.each(len(QUANTILES)) for key in keys),
                np.tile(QUANTILES, len(targets)),
                np.concatenate([target.residuals for target in targets]),
            ]
        ),
        INTERVALS: format_columns(
            [
                *keys,
                np.full(len(targets), COVERAGE),
                *np.asarray(ends).T,
                np.asarray([target.forward_coverage for target in targets]),
            ]
        ),
    }


def key_columns(location: str, pairs: Sequence[tuple[str, str]]) -> list[Texts]:
    """The key columns of rows that stand for (product_id, target) each: location, product_id, target."""
    return [Texts.of([location] * len(pairs)), *(Texts.of([pair[place] for pair in pairs]) for place in (0, 1))]


def model_version(folder: Path) -> str:
    """Twelve hexadecimal digits that name the model in a folder.

    Raises:
        DataError: There is no model here.
        IntegrityError: Its manifest is damaged.
    """
    return read_manifest(folder, kind=KIND, made_by=MADE_BY).version


def load_model(folder: Path) -> Model:
    """Load a model whose files are exactly what was written.

    Raises:
        DataError: There is no model here.
        IntegrityError: A file was changed or is missing, the model is of another format, or holds a number that is not
            finite.
    """
    with reading(folder, kind=KIND, made_by=MADE_BY):
        return _read_model(folder)


def _read_model(folder: Path) -> Model:
    document = from_json((folder / MODEL).read_bytes())
    if document["format"] != FORMAT:
        raise IntegrityError(
            "the model has another format", where=folder, found=document["format"], expected=FORMAT, hint=MADE_BY
        )
    coefficients = _table(folder / COEFFICIENTS, ("coefficient", "minimum", "maximum", "fill"))
    residuals = _table(folder / RESIDUALS, ("residual",))
    intervals = _table(folder / INTERVALS, ("radius_lowest", "radius_highest", "forward_coverage"))
    scales = {
        name: {item["name"]: PreparedTarget.from_facts(item).scale for item in facts["targets"]}
        for name, facts in document["locations"].items()
    }
    locations = {
        name: LocationModel(
            location=name,
            feature_names=tuple(facts["features"]),
            targets=tuple(map(PreparedTarget.from_facts, facts["targets"])),
            groups={
                product: GroupModel(
                    product_id=product,
                    targets={
                        target: _target_model(
                            coefficients[name, product, target],
                            residuals[name, product, target],
                            intervals[name, product, target],
                            Limits(**document["limits"]),
                            scales[name][target],
                        )
                        for target in group["trained"]
                    },
                    untrained=group["untrained"],
                    batches=group["batches"],
                    last_batch=group["last_batch"],
                )
                for product, group in facts["groups"].items()
            },
            recipe=Recipe.from_facts(facts.get("recipe")),
        )
        for name, facts in document["locations"].items()
    }
    model = Model(locations, document["data_version"], document["training"], Limits(**document["limits"]))
    check_numbers(model, where=folder)
    return model


def _target_model(
    rows: NDArray[np.float64],
    residuals: NDArray[np.float64],
    interval: NDArray[np.float64],
    limits: Limits,
    scale: str,
) -> TargetModel:
    at_lowest, at_highest, forward_coverage = interval[0].tolist()
    return TargetModel(
        intercept=float(rows[0, 0]),
        coefficients=rows[1:, 0],
        minimum=rows[1:, 1],
        maximum=rows[1:, 2],
        fill=rows[1:, 3],
        lowest=float(rows[0, 1]),
        highest=float(rows[0, 2]),
        residuals=residuals[:, 0],
        limits=limits,
        radius=Radius() if math.isnan(at_lowest) else Radius(at_lowest, at_highest),
        forward_coverage=forward_coverage,
        scale=scale,
    )


def _table(path: Path, columns: Sequence[str]) -> dict[tuple[str, str, str], NDArray[np.float64]]:
    """Read a table's numbers by (location, product_id, target): shape (rows, columns) each, in the file's order."""
    import numpy as np

    if path.read_bytes().count(b"\n") < 2:  # nothing was trained
        return {}
    table = read_text_table(path)
    numbers = np.column_stack([to_numbers(table.column(name))[0] for name in columns])
    starts: dict[tuple[str, str, str], int] = {}
    keys = zip(*(table.column(name) for name in ("location", "product_id", "target")), strict=True)
    for row, key in enumerate(keys):
        starts.setdefault(key, row)
    ends = [*list(starts.values())[1:], table.rows]
    return {key: numbers[start:end] for (key, start), end in zip(starts.items(), ends, strict=True)}

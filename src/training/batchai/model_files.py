"""The model's files in ``outputs/model/``.

JSON and CSV, never pickle: a person can read it, a diff shows what changed, and loading it runs no code.

- ``model.json``: what was trained on which data, which features are derived or categories, per group the last batch,
  library versions;
- ``coefficient.csv``: the coefficients in original units, with errors and intervals; the intercept is ``(intercept)``;
- ``ranges.csv``: per feature the range seen in training and the value that stands for a missing one; for the intercept
  that of the target (in its unit, also where coefficients are on the scale of its logarithm);
- ``rmse.csv``: how wrong each model is, or why it was not trained; ``skills.csv`` is its short form, for every model;
- ``residuals.csv``: quantiles of the out-of-fold residuals;
- ``intervals.csv``: half the width of a prediction's interval, at the lowest and at the highest measured value, on the
  scale on which the target is fitted; what share of batches it should hold, and held of later ones;
- ``input_space.csv``: how the features of each product move together, see `src.training.batchai.input_space`;
- ``out_of_fold.csv``: the predictions behind all of these, and their folds, see `src.training.batchai.out_of_fold`;
- ``manifest.json``: SHA-256 of each, checked before anything is loaded; when and by which code it was trained.

This is all that evaluation, inference, the service and the report need to know of a training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.committed_folder import StagedFolder, read_manifest, reading
from src.common.csv_columns import Texts, format_columns
from src.common.errors import IntegrityError
from src.common.json_text import from_json
from src.common.made import REGISTERED_AS
from src.common.tables import read_text_table, to_numbers
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.training.batchai import input_space_file
from src.training.batchai.coefficient_csv import COEFFICIENT, ReadTerms, read_terms
from src.training.batchai.intervals import QUANTILES, Radius
from src.training.batchai.model import (
    INTERCEPT,
    MADE_BY,
    GroupModel,
    Limits,
    LocationModel,
    Model,
    TargetModel,
)
from src.training.batchai.model_check import UNKNOWN, check_numbers
from src.training.batchai.row_keys import KEYS, key_columns
from src.training.batchai.terms import Curve, Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "batchai model"
MODEL, RANGES, RESIDUALS, INTERVALS = "model.json", "ranges.csv", "residuals.csv", "intervals.csv"
FORMAT = 4
HEADERS = {
    RANGES: (*KEYS, "feature", "minimum", "maximum", "fill"),
    RESIDUALS: (*KEYS, "quantile", "residual"),
    INTERVALS: (*KEYS, "coverage", "radius_lowest", "radius_highest", "forward_coverage"),
    input_space_file.NAME: input_space_file.HEADER,
}


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
        "derived": dict(location.derived),
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
    """The rows of a location in each of the tables of `HEADERS`, without headers."""
    import numpy as np

    trained = [
        (group.product_id, name, target) for group in location.groups.values() for name, target in group.targets.items()
    ]
    if not trained:
        return {**dict.fromkeys(HEADERS, b""), **_space_rows(location)}
    names = [INTERCEPT, *location.feature_names]
    targets = [target for _, _, target in trained]
    keys = key_columns(location.location, [(product, name) for product, name, _ in trained])
    ranges = (
        np.concatenate([[first, *part] for first, part in columns])
        for columns in (
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
        **_space_rows(location),
        RANGES: format_columns([*(key.each(len(names)) for key in keys), features, *ranges]),
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
                np.asarray([target.coverage for target in targets]),
                *np.asarray(ends).T,
                np.asarray([target.forward_coverage for target in targets]),
            ]
        ),
    }


def _space_rows(location: LocationModel) -> dict[str, bytes]:
    spaces = {group.product_id: group.space for group in location.groups.values() if group.space is not None}
    return {input_space_file.NAME: input_space_file.format_spaces(location.location, location.feature_names, spaces)}


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
    with reading(folder, kind=KIND, made_by=MADE_BY) as opened:
        manifest = opened.manifest
        return replace(
            _read_model(folder), version=manifest.version, registered_as=manifest.made.get(REGISTERED_AS, "")
        )


@dataclass(frozen=True)
class _Tables:
    """The numbers of a model by location, product and target."""

    terms: Mapping[tuple[str, str, str], ReadTerms]
    ranges: Mapping[tuple[str, str, str], NDArray[np.float64]]
    residuals: Mapping[tuple[str, str, str], NDArray[np.float64]]
    intervals: Mapping[tuple[str, str, str], NDArray[np.float64]]
    limits: Limits


def _read_model(folder: Path) -> Model:
    document = from_json((folder / MODEL).read_bytes())
    if document["format"] != FORMAT:
        raise IntegrityError(
            "the model has another format", where=folder, found=document["format"], expected=FORMAT, hint=MADE_BY
        )
    limits = Limits(**document["limits"])
    tables = _Tables(
        read_terms(folder / COEFFICIENT),
        _table(folder / RANGES, ("minimum", "maximum", "fill")),
        _table(folder / RESIDUALS, ("residual",)),
        _table(folder / INTERVALS, ("coverage", "radius_lowest", "radius_highest", "forward_coverage")),
        limits,
    )
    scales = {
        name: {item["name"]: PreparedTarget.from_facts(item).scale for item in facts["targets"]}
        for name, facts in document["locations"].items()
    }
    spaces = input_space_file.read_spaces(folder / input_space_file.NAME)
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
                            tables, (name, product, target), tuple(facts["features"]), scale=scales[name][target]
                        )
                        for target in group["trained"]
                    },
                    untrained=group["untrained"],
                    batches=group["batches"],
                    last_batch=group["last_batch"],
                    space=spaces.get((name, product)),
                )
                for product, group in facts["groups"].items()
            },
            recipe=Recipe.from_facts(facts.get("recipe")),
            derived=facts["derived"],
        )
        for name, facts in document["locations"].items()
    }
    model = Model(locations, document["data_version"], document["training"], limits)
    check_numbers(model, where=folder)
    return model


def _target_model(tables: _Tables, key: tuple[str, str, str], features: Sequence[str], *, scale: str) -> TargetModel:
    import numpy as np

    terms, ranges = tables.terms[key], tables.ranges[key]
    place = {name: number for number, name in enumerate(features)}
    coverage, at_lowest, at_highest, forward_coverage = tables.intervals[key][0].tolist()
    absent = np.where(ranges[1:, 0] == ranges[1:, 1], 0.0, math.nan)  # what never varied has no coefficient
    given = zip(features, absent.tolist(), strict=False)  # another number of them is told by `check_numbers`
    return TargetModel(
        intercept=terms.lines.get(INTERCEPT, math.nan),
        coefficients=np.array([terms.lines.get(name, otherwise) for name, otherwise in given]),
        minimum=ranges[1:, 0],
        maximum=ranges[1:, 1],
        fill=ranges[1:, 2],
        lowest=float(ranges[0, 0]),
        highest=float(ranges[0, 1]),
        residuals=tables.residuals[key][:, 0],
        limits=tables.limits,
        radius=Radius() if math.isnan(at_lowest) else Radius(at_lowest, at_highest),
        coverage=coverage,
        forward_coverage=forward_coverage,
        scale=scale,
        curves=tuple(Curve(place.get(name, UNKNOWN), *numbers) for name, numbers in terms.curves.items()),
        pairs=tuple(
            Pair(place.get(one, UNKNOWN), place.get(other, UNKNOWN), *numbers)
            for (one, other), numbers in terms.pairs.items()
        ),
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

"""What the web service answers: a request as JSON text to predictions as JSON values."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from src.common.errors import DataError, did_you_mean, one_line, some_of
from src.common.json_text import from_json
from src.common.tables import MAX_MAGNITUDE
from src.data_preparation.batchai.category_description import OTHER, Category
from src.data_preparation.batchai.group_tables import FeatureRows
from src.inference.batchai.contributions import contributions_of_group
from src.inference.batchai.prediction import Prediction, predict_group
from src.training.batchai.intervals import COVERAGE
from src.training.batchai.model import LocationModel, Model
from src.training.batchai.shown_features import ShownFeature, shown_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_ROWS = 10_000
"""A request with more rows is refused; inference by file has no such limit."""
MOST_CONTRIBUTIONS = 200_000
"""An answer of more contributions, which would take more than about 100 MB, is refused, too."""
REQUEST_KEYS = ("location", "product_id", "rows", "contributions")
ROW_KEYS = ("batch_id", "features")


def answer(model: Model, text: str | bytes) -> dict[str, Any]:
    """Answer a request.

    Args:
        model: The model.
        text: The request, ``{"location", "product_id", "rows": [{"batch_id", "features": {name: value}}],
            "contributions"}``, in UTF-8 where it is bytes; ``swagger.json`` describes it.

    Returns:
        JSON values. A target that was not trained has a note and no prediction.

    Raises:
        DataError: The request is not what it has to be; the message says where.
    """
    request = _parse(text)
    _check_keys(request, REQUEST_KEYS, required=REQUEST_KEYS[:3], where="the request")
    location = model.location(_text(request, "location"))
    product_id = _text(request, "product_id")
    location.group(product_id)
    rows, notes = _rows(request["rows"], location)
    wanted = request.get("contributions", False)
    if not isinstance(wanted, bool):
        raise _wrong("contributions", wanted, "true or false")
    parts = len(rows.batch_ids) * len(location.group(product_id).targets) * (len(location.feature_names) + 2)
    if wanted and parts > MOST_CONTRIBUTIONS:
        raise _wrong("contributions", f"{parts} of them", f"at most {MOST_CONTRIBUTIONS}, so fewer rows, or false")
    predictions = [_prediction(item, notes[item.row - 1]) for item in predict_group(location, product_id, rows)]
    if wanted:
        _add_contributions(predictions, location, product_id, rows)
    return {
        "location": location.location,
        "product_id": product_id,
        "model": model.version,
        "registered_as": model.registered_as,
        "data_version": model.data_version,
        "coverage": next((target.coverage for target in location.group(product_id).targets.values()), COVERAGE),
        "predictions": predictions,
    }


def _parse(text: str | bytes) -> Mapping[str, Any]:
    try:
        document = from_json(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise DataError(
            "the request is no JSON",
            found=one_line(error),
            expected="a JSON object, sent with Content-Type: application/json",
        ) from error
    if not isinstance(document, Mapping):
        raise _wrong("the request", document, "a JSON object")
    return document


def _rows(value: object, location: LocationModel) -> tuple[FeatureRows, list[list[str]]]:
    """The rows of a request, and what is to be noted of each."""
    import numpy as np

    if not isinstance(value, list) or not 0 < len(value) <= MOST_ROWS:
        found = f"{len(value)} rows" if isinstance(value, list) else value
        raise _wrong("rows", found, f"a list of 1 to {MOST_ROWS} rows")
    ids = np.empty(len(value), dtype=object)
    features = np.empty((len(value), len(location.feature_names)))
    notes = []
    shown = shown_features(location.feature_names, location.recipe.categories)
    for number, row in enumerate(value):
        where = f"row {number + 1}"
        if not isinstance(row, Mapping):
            raise _wrong(where, row, "an object with features")
        _check_keys(row, ROW_KEYS, required=("features",), where=where)
        ids[number] = _text(row, "batch_id", where=where) if "batch_id" in row else str(number + 1)
        features[number], noted = _features(row["features"], location.feature_names, shown, where)
        notes.append(noted)
    return FeatureRows(ids, features), notes


def _features(
    value: object, names: Sequence[str], shown: Sequence[ShownFeature], where: str
) -> tuple[NDArray[np.float64], list[str]]:
    """The features of a row in the order of the model; ``null`` is not measured, a name left out is a mistake.

    A category is given as its level, or as its indicators. Returns the features, and a note of each level that
    training has not seen.
    """
    import numpy as np

    if not isinstance(value, Mapping):
        raise _wrong(f"features of {where}", value, "an object with a value for each feature")
    numbers: list[str] = []
    texts: dict[str, Category] = {}
    for feature in shown:
        columns = [names[place] for place in feature.places]
        if feature.category is None or any(name in value for name in columns):
            numbers += columns
        else:
            texts[feature.name] = feature.category
    _check_keys(value, [*numbers, *texts], required=[*numbers, *texts], where=f"features of {where}")
    cells = {name: _number(value[name], f"{name} of {where}") for name in numbers}
    notes = []
    for name, category in texts.items():
        level = "" if value[name] is None else _text(value, name, where=where)
        cells |= {indicator: float(column[0]) for indicator, column in category.encode([level]).items()}
        if not category.known(level):
            counts = OTHER if category.pooled else "not known"
            notes.append(f"{name} {level!r} was not seen in training and counts as {counts}")
    return np.array([cells[name] for name in names]), notes


def _number(value: object, where: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_MAGNITUDE:
        return float(value)
    raise _wrong(where, value, f"a finite number up to {MAX_MAGNITUDE:g}, or null where it was not measured")


def _text(part: Mapping[str, Any], key: str, *, where: str = "") -> str:
    value = part[key]
    named = f"{key} of {where}" if where else key
    if not isinstance(value, str):
        raise _wrong(named, value, "a text; 7 and 007 are two ids")
    if any(unicodedata.category(sign) == "Cs" for sign in value):
        raise _wrong(named, value, "a text without half surrogate pairs, which UTF-8 can't hold")
    return value


def _check_keys(part: Mapping[str, Any], known: Sequence[str], *, required: Sequence[str], where: str) -> None:
    missing = [name for name in required if name not in part]
    unknown = [f"{name}{did_you_mean(name, missing or known)}" for name in part if name not in known]
    if missing or unknown:
        raise DataError(
            f"the keys of {where} are not those that are expected",
            found=f"missing: {some_of(missing, most=8) or 'none'}; unknown: {some_of(unknown, most=8) or 'none'}",
            expected=some_of(known, most=12),
        )


def _wrong(what: str, found: object, expected: str) -> DataError:
    return DataError(f"{what} is wrong", found=one_line(repr(found), limit=80), expected=expected)


def _prediction(item: Prediction, notes: Sequence[str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "batch_id": item.batch_id,
        "row": item.row,
        "target": item.target,
        "unit": item.unit,
        "note": "; ".join(filter(None, [item.note, *notes])),
    }
    if item.estimate is not None:
        estimate = item.estimate
        document |= {
            "prediction": estimate.value,
            "limited": estimate.limited,
            "outside_training": item.outside_training,
            "outside_features": list(estimate.outside),
        }
        if item.likeness is not None:
            document |= {"likeness": item.likeness.chance, "unusual_features": list(item.likeness.features)}
        if math.isfinite(estimate.lower):
            document |= {"lower": estimate.lower, "upper": estimate.upper}
    return document


def _add_contributions(
    predictions: Sequence[dict[str, Any]], location: LocationModel, product_id: str, rows: FeatureRows
) -> None:
    """Give each prediction the contributions that add up to it."""
    places = {(item["row"], item["target"]): item for item in predictions}
    for _, _, _, row, target, feature, value, contribution, outside in contributions_of_group(
        location, product_id, rows
    ):
        part: dict[str, Any] = {"feature": feature, "contribution": contribution, "outside": outside}
        if isinstance(value, str):
            part |= {"value": value} if value else {}
        elif value is not None and not math.isnan(value):
            part["value"] = value + 0.0
        places[row, target].setdefault("contributions", []).append(part)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common.errors import DataError
from src.inference.batchai import serving
from src.inference.batchai.serving import answer
from src.inference.service import find_model_folder
from test.faults.promises import SERVICE
from test.support.models import category_model, small_model

GOOD: dict[str, Any] = {
    "location": "plant",
    "product_id": "007",
    "rows": [
        {"batch_id": "N1", "features": {"temperature": 10, "pressure": 1}},
        {"features": {"pressure": 9, "temperature": None}},
    ],
}


def ask(**changes: object) -> dict[str, Any]:
    return answer(small_model(), json.dumps({**GOOD, **changes}))


def test_every_target_of_every_row_is_answered() -> None:
    found = ask()
    assert {name: found[name] for name in ("location", "product_id", "data_version", "coverage")} == {
        "location": "plant",
        "product_id": "007",
        "data_version": "0123456789ab",
        "coverage": 0.9,
    }
    first, untrained, second, _ = found["predictions"]
    assert first == {
        "batch_id": "N1",
        "row": 1,
        "target": "purity",
        "unit": "%",
        "note": "",
        "prediction": 93.0,
        "lower": 91.5,
        "upper": 94.5,
        "limited": False,
        "outside_training": False,
        "outside_features": [],
    }
    assert untrained == {"batch_id": "N1", "row": 1, "target": "yield", "unit": "kg", "note": "not trained: constant"}
    assert (second["batch_id"], second["row"]) == ("2", 2)
    assert second["outside_features"] == ["pressure above 3"]
    assert second["note"] == "filled with the mean of training: temperature"


def test_where_no_interval_can_be_promised_it_has_no_ends() -> None:
    (prediction, _) = ask(product_id="NA", rows=GOOD["rows"][:1])["predictions"]
    assert "prediction" in prediction
    assert "lower" not in prediction


def test_contributions_come_on_request_and_add_up() -> None:
    assert "contributions" not in ask(contributions=False)["predictions"][0]
    for prediction in ask(contributions=True)["predictions"]:
        if "prediction" in prediction:
            parts = prediction["contributions"]
            assert [part["feature"] for part in parts] == ["(mean)", "temperature", "pressure"]
            assert sum(part["contribution"] for part in parts) == pytest.approx(prediction["prediction"])


def ask_category(**features: object) -> dict[str, Any]:
    request = {"location": "plant", "product_id": "P", "rows": [{"features": features}], "contributions": True}
    found: dict[str, Any] = answer(category_model(), json.dumps(request))["predictions"][0]
    return found


def test_a_category_is_asked_for_by_its_level() -> None:
    """By hand: 50 + 2 · 5, and 3 more with supplier B; the texts that are pooled are 1 less."""
    found = ask_category(temperature=5, supplier="B")
    assert (found["prediction"], found["note"], found["outside_features"]) == (63.0, "", [])
    assert found["contributions"][-1] == {"feature": "supplier", "value": "B", "contribution": 2.5, "outside": ""}
    assert ask_category(**{"temperature": 5, "supplier=B": 1, "supplier=(other)": 0}) == found
    assert ask_category(temperature=5, supplier="A")["prediction"] == 60.0
    assert ask_category(temperature=5, supplier="Y")["prediction"] == 59.0


def test_a_level_that_training_has_not_seen_is_noted() -> None:
    found = ask_category(temperature=5, supplier="Z")
    assert found["prediction"] == 59.0
    assert found["note"] == "supplier 'Z' was not seen in training and counts as (other)"
    missing = ask_category(temperature=5, supplier=None)
    assert missing["note"] == "filled with the mean of training: supplier"
    assert "value" not in missing["contributions"][-1]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({}, "missing: supplier; unknown: none"),
        ({"suplier": "B"}, "unknown: suplier, did you mean 'supplier'?"),
        ({"supplier": 3}, "supplier of row 1 is wrong\n  found:    3"),
        ({"supplier": "B", "supplier=B": 1, "supplier=(other)": 0}, "missing: none; unknown: supplier"),
        ({"supplier=B": 1}, "missing: supplier=(other); unknown: none"),
    ],
)
def test_a_wrong_category_is_refused(features: dict[str, object], message: str) -> None:
    with pytest.raises(DataError) as caught:
        ask_category(temperature=5, **features)
    assert message in str(caught.value)


FEATURES = {"temperature": 10, "pressure": 1}
UNUSABLE: list[object] = [1.01e50, -1e155, 1e200, -1.7e308, -(10**400), [1], {}, False]


@pytest.mark.fault(SERVICE)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"location": "plnt"}, "knows no location 'plnt', did you mean 'plant'?"),
        ({"product_id": "7"}, "knows no product_id '7' at plant"),
        ({"product_id": 7}, "product_id is wrong\n  found:    7\n  expected: a text; 7 and 007 are two ids"),
        ({"rows": []}, "a list of 1 to 10000 rows"),
        ({"rows": {}}, "rows is wrong"),
        ({"rows": [{}] * 10_001}, "found:    '10001 rows'"),
        ({"rows": [[]]}, "row 1 is wrong"),
        ({"rows": [{"batch": "B", "features": FEATURES}]}, "unknown: batch, did you mean 'batch_id'?"),
        ({"rows": [{"features": FEATURES, "batch_id": 3}]}, "batch_id of row 1 is wrong"),
        ({"rows": [{"features": [1, 2]}]}, "features of row 1 is wrong"),
        ({"rows": [{"features": {"temprature": 1, "pressure": 1}}]}, "unknown: temprature, did you mean 'temperature'"),
        ({"rows": [{"features": {**FEATURES, "pressure": "1"}}]}, "pressure of row 1 is wrong"),
        ({"rows": [{"features": {**FEATURES, "pressure": True}}]}, "found:    True"),
        ({"rows": [{"features": {**FEATURES, "pressure": 10**400}}]}, "a finite number up to 1e+50, or null"),
        *(
            ({"rows": [{"features": {**FEATURES, "pressure": value}}]}, "pressure of row 1 is wrong")
            for value in UNUSABLE
        ),
        ({"rows": [{"features": FEATURES, "batch_id": "\ud800"}]}, "batch_id of row 1 is wrong"),
        ({"contributions": "yes"}, "contributions is wrong"),
        ({"contribution": True}, "unknown: contribution, did you mean 'contributions'?"),
    ],
)
def test_a_wrong_request_is_refused_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        ask(**changes)
    assert message in str(caught.value)


def test_an_answer_of_too_many_contributions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_CONTRIBUTIONS", 7)
    assert "predictions" in ask(contributions=False)
    with pytest.raises(DataError, match="contributions is wrong\n  found:    '8 of them'"):
        ask(contributions=True)


@pytest.mark.fault(SERVICE)
@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"location": NaN}', "[" * 100_000, '"text"'])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        answer(small_model(), text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(["location", "product_id", "rows", "contributions", "features", "pressure"]), JSON)
def test_any_request_is_answered_or_refused(key: str, value: object) -> None:
    request = json.loads(json.dumps(GOOD))
    part = {"features": request["rows"][0], "pressure": request["rows"][0]["features"]}.get(key, request)
    part[key] = value
    try:
        found = answer(small_model(), json.dumps(request))
    except DataError as error:
        message = str(error)
    else:
        message = json.dumps(found, allow_nan=False)
        assert json.loads(message) == found
    assert len(message.splitlines()) <= 8


def test_the_model_is_found_in_the_folder_or_deeper(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an empty folder"):
        find_model_folder(tmp_path, kind="batchai model")
    (tmp_path / "model").mkdir()
    with pytest.raises(DataError, match="found:    model"):
        find_model_folder(tmp_path, kind="batchai model")
    (tmp_path / "model" / "manifest.json").touch()
    assert find_model_folder(tmp_path, kind="batchai model") == tmp_path / "model"
    assert find_model_folder(tmp_path / "model", kind="batchai model") == tmp_path / "model"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").touch()
    with pytest.raises(DataError, match="found:    model, other"):
        find_model_folder(tmp_path, kind="batchai model")
    (tmp_path / "other" / "manifest.json").write_text('{"kind": "registered model"}', encoding="utf-8")
    assert find_model_folder(tmp_path, kind="batchai model") == tmp_path / "model"
    (tmp_path / "manifest.json").write_text(
        '{"kind": "registered model"}', encoding="utf-8"
    )  # a version of the registry
    assert find_model_folder(tmp_path, kind="batchai model") == tmp_path / "model"
    assert find_model_folder(tmp_path / "nowhere", kind="batchai model") == tmp_path / "nowhere"

"""The frame of a web service, with helloworld's model in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from src.common.errors import DataError
from src.training.helloworld import helloworld_training

pytest.importorskip("azureml_inference_server_http", reason="the server is in requirements/serving.txt")
score = pytest.importorskip("src.inference.helloworld.score")
FEATURES = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
PATIENT = [59.0, 2.0, 32.1, 101.0, 157.0, 93.2, 38.0, 4.0, 4.8598, 87.0]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path))
    assert helloworld_training.main([]) == 0
    score.init()


def ask(body: bytes, *, method: str = "POST") -> Any:
    from flask import Request
    from werkzeug.test import EnvironBuilder

    return score.run(Request(EnvironBuilder(method=method, data=body).get_environ()))


@pytest.mark.usefixtures("served")
def test_a_patient_is_predicted_in_any_order_of_the_features() -> None:
    found = ask(json.dumps({"features": FEATURES, "values": [PATIENT]}).encode())
    turned = ask(json.dumps({"features": FEATURES[::-1], "values": [PATIENT[::-1]]}).encode())
    assert found["predictions"] == pytest.approx(turned["predictions"])
    assert 100 < found["predictions"][0] < 300  # measured: 151 (scikit-learn's load_diabetes, the first patient)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("body", "method", "status", "said"),
    [
        (b"", "GET", 405, "send a POST request"),
        (b"{", "POST", 400, "the request is wrong"),
        (b"[]", "POST", 400, "the request is wrong"),
        (b'{"features": ["age"], "values": [[1]]}', "POST", 400, "features of the model are missing"),
        (json.dumps({"features": FEATURES, "values": [PATIENT[:3]]}).encode(), "POST", 400, "the request is wrong"),
        (json.dumps({"features": FEATURES, "values": [["x"] * 10]}).encode(), "POST", 400, "the request is wrong"),
        (b" " * (16 * 1024**2 + 1), "POST", 413, "At most 16777216 bytes"),
    ],
)
def test_a_wrong_request_is_told_so_with_a_status_of_its_own(body: bytes, method: str, status: int, said: str) -> None:
    refused = ask(body, method=method)
    assert refused.status_code == status
    assert said in json.loads(refused.get_data())["message"]


def test_a_service_without_a_model_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path))
    with pytest.raises(DataError):
        score.init()

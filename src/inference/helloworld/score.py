"""The entry script of a web service that predicts patients, for Microsoft's inference server.

    azmlinfsrv --entry_script src/inference/helloworld/score.py --model_dir outputs/registry/helloworld/1

A request is ``{"features": ["age", ...], "values": [[59, ...], ...]}``; docs/inference.md says how to run it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # the server loads this file by its path
    sys.path.insert(0, ROOT)

from azureml_inference_server_http.api.aml_request import rawhttp

from src.common.errors import DataError, one_line
from src.common.json_text import from_json
from src.inference.service import Service
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from src.training.helloworld.linear_model import LinearModel
from src.training.helloworld.model_file import KIND, load_model

if TYPE_CHECKING:
    from flask import Request


def answer(model: LinearModel, body: bytes) -> dict[str, Any]:
    """Predict the patients of a request."""
    import numpy as np

    expected = '{"features": [names], "values": [[a finite number for each], ...]}'
    try:
        request = from_json(body)
        values = np.asarray(request["values"], dtype=np.float64)
        names = [str(name) for name in request["features"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("the request is wrong", found=one_line(repr(error)), expected=expected) from error
    if values.ndim != 2 or values.shape[1] != len(names) or not np.isfinite(values).all():
        raise DataError("the request is wrong", found=f"values of shape {values.shape}", expected=expected)
    return {"predictions": model.predict(values, features=names).tolist()}


service = Service(HelloworldSettings, KIND, load_model, answer)


def init() -> None:
    """Load the model, once per worker."""
    service.init()


def run(request: Request) -> Any:
    """Answer one request."""
    return service.run(request)


rawhttp(run)  # the server passes the request as it is, so that a body that is too large is never read

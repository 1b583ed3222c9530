"""The entry script of a web service that predicts batches, in Azure ML or here.

    cd src/inference/batchai
    export GUNICORN_CMD_ARGS="--worker-class gthread --threads 64"
    azmlinfsrv --entry_script score.py --model_dir ../../../outputs/registry/batchai/1

`azmlinfsrv` is Microsoft's inference server (``pip install -r requirements/serving.txt``); it listens on all addresses
of the machine, and ``docs/inference.md`` has a command that doesn't. It calls `init` once per worker and `run` for each
request to ``/score``, and serves ``swagger.json``, which describes requests and answers, from the folder it runs in.

Its log is the server's own, and not guarded as the output of a script is: this file prints nothing, and its errors are
those of `src.common.errors`, which hide secrets themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # the server loads this file by its path
    sys.path.insert(0, ROOT)

from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
from werkzeug.exceptions import HTTPException

from src.common.errors import DataError
from src.inference.batchai.serving import answer, find_model_folder
from src.training.batchai.model_files import load_model

if TYPE_CHECKING:
    from flask import Request

    from src.training.batchai.model import Model

MOST_BYTES = 16 * 1024**2
"""A request with a longer body is refused before it is read."""

loaded: list[Model] = []
"""The model, once `init` has been called."""


def init() -> None:
    """Load the model: that of AZUREML_MODEL_DIR, else ``model/`` in OUTPUTS_DIR.

    Raises:
        DataError: There is no model.
        IntegrityError: Its files are not what training wrote.
    """
    from src.common.settings import load_settings
    from src.settings.batchai.batchai_settings import BatchaiSettings

    settings = load_settings(BatchaiSettings, ())
    folder = Path(settings.model_dir) if settings.model_dir else settings.outputs_folder / "model"
    loaded[:] = [load_model(find_model_folder(folder))]


def run(request: Request) -> Any:
    """Answer one request.

    Args:
        request: The request; its body is JSON.

    Returns:
        JSON values; or, for a request that is wrong, an answer with another status whose ``message`` says what.
    """
    if request.method != "POST":
        return _refusal("send a POST request with a JSON body", 405, {"Allow": "POST"})
    request.max_content_length = MOST_BYTES
    try:
        return answer(loaded[0], request.get_data())
    except DataError as error:
        return _refusal(str(error), 400)
    except HTTPException as error:  # the body is too large, or was not sent to its end
        return _refusal(f"{error.description} At most {MOST_BYTES} bytes are read.", error.code or 400)


def _refusal(message: str, status: int, headers: Mapping[str, str] | None = None) -> AMLResponse:
    return AMLResponse({"message": message}, status, dict(headers or {}), json_str=True)


rawhttp(run)  # the server passes the request as it is, so that a body that is too large is never read

"""The entry script of a web service that predicts batches, in Azure ML or here.

    cd src/inference/batchai
    export GUNICORN_CMD_ARGS="--worker-class gthread --threads 64"
    azmlinfsrv --entry_script score.py --model_dir ../../../outputs/registry/batchai/1

`azmlinfsrv` is Microsoft's inference server (``pip install -r requirements/serving.txt``); it listens on all addresses
of the machine, and ``docs/inference.md`` has a command that doesn't. It calls `init` once per worker and `run` for each
request to ``/score``, and serves ``swagger.json``, which describes requests and answers, from the folder it runs in.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # the server loads this file by its path
    sys.path.insert(0, ROOT)

from azureml_inference_server_http.api.aml_request import rawhttp

from src.inference.batchai.serving import answer
from src.inference.service import Service
from src.settings.batchai.batchai_settings import BatchaiSettings
from src.training.batchai.model_files import KIND, load_model

if TYPE_CHECKING:
    from flask import Request

service = Service(BatchaiSettings, KIND, load_model, answer)


def init() -> None:
    """Load the model, once per worker."""
    service.init()


def run(request: Request) -> Any:
    """Answer one request."""
    return service.run(request)


rawhttp(run)  # the server passes the request as it is, so that a body that is too large is never read

"""The entry script of a web service that predicts batches, in Azure ML or here.

    cd src/inference/batchai
    azmlinfsrv --entry_script score.py --model_dir ../../../outputs/model

`azmlinfsrv` is Microsoft's inference server (``pip install -r requirements/serving.txt``); it listens on all addresses
of the machine. It calls `init` once per worker and `run` for each request to ``/score``, and serves ``swagger.json``,
which describes requests and answers, from the folder it runs in.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # the server loads this file by its path
    sys.path.insert(0, ROOT)

from src.common.errors import DataError
from src.inference.batchai.serving import answer, find_model_folder
from src.training.batchai.model_files import load_model

if TYPE_CHECKING:
    from src.training.batchai.model import Model

loaded: list[Model] = []
"""The model, once `init` has been called."""


def init() -> None:
    """Load the model: that of AZUREML_MODEL_DIR, else ``model/`` in OUTPUTS_DIR.

    Raises:
        DataError: There is no model.
        IntegrityError: Its files are not what training wrote.
    """
    from src.common.settings import load_settings

    settings = load_settings()
    folder = Path(settings.model_dir) if settings.model_dir else settings.outputs_folder / "model"
    loaded[:] = [load_model(find_model_folder(folder))]


def run(data: str) -> Any:
    """Answer one request.

    Args:
        data: The body of the request, JSON.

    Returns:
        JSON values; or, for a request that is wrong, an answer with status 400 whose ``message`` says what.
    """
    try:
        return answer(loaded[0], data)
    except DataError as error:
        from azureml_inference_server_http.api.aml_response import AMLResponse

        return AMLResponse({"message": str(error)}, 400, json_str=True)

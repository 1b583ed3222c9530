"""The entry script of a web service that predicts patients, for Microsoft's inference server.

    azmlinfsrv --entry_script src/inference/helloworld/score.py --model_dir outputs/registry/helloworld/1

A request is ``{"features": ["age", ...], "values": [[59, ...], ...]}``; docs/inference.md says how to run it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # the server loads this file by its path
    sys.path.insert(0, ROOT)

from src.common.errors import DataError
from src.common.json_text import from_json
from src.training.helloworld.linear_model import LinearModel
from src.training.helloworld.model_file import load_model

READS = ("model_dir",)
loaded: list[LinearModel] = []


def init() -> None:
    """Load the model of AZUREML_MODEL_DIR, else ``outputs/helloworld/model``."""
    from src.common.settings import load_settings
    from src.settings.helloworld.helloworld_settings import HelloworldSettings

    settings = load_settings(HelloworldSettings, READS)
    folder = Path(settings.model_dir) if settings.model_dir else settings.outputs_folder / "model"
    found = sorted(folder.rglob("model.json"))
    loaded[:] = [load_model(found[0].parent if found else folder)]


def run(text: str) -> dict[str, Any]:
    """Predict the patients of a request."""
    import numpy as np

    try:
        request = from_json(text)
        values = np.asarray(request["values"], dtype=np.float64)
        predicted = loaded[0].predict(values, features=[str(name) for name in request["features"]])
    except (DataError, KeyError, TypeError, ValueError, IndexError) as error:
        return {"message": str(error).splitlines()[0]}
    return {"predictions": predicted.tolist()}

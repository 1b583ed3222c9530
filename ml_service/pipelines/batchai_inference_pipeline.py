"""The inference pipeline of batchai: prepare the data, fetch the registered model, predict what waits, watch.

    python ml_service/pipelines/batchai_inference_pipeline.py [--location L] [--force] [--graph]

In DEV it runs here. In PROD it is published in Azure ML under the build's id, and started by
`run_train_pipeline.py --pipeline batchai_inference`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline import Parameter, Pipeline, Step
from ml_service.pipeline_script import Publication, run_pipeline_script
from ml_service.pipelines.batchai_training_pipeline import INFER, MONITOR, PREPARE, REGISTERED
from src.common.console import run_script
from src.settings.batchai.batchai_settings import BatchaiSettings


def batchai_inference_pipeline(settings: BatchaiSettings | None = None) -> Pipeline:
    """Declare the pipeline."""
    name = Parameter("model_name", "the name of the registered model", settings.model_name if settings else "batchai")
    fetch = Step(
        name="fetch",
        script="src/registration/fetch_model.py",
        outputs={"model_folder": REGISTERED},
        parameters={"model_name": name},
        registry=True,
    )
    return Pipeline("batchai_inference", (PREPARE, fetch, INFER, MONITOR), BatchaiSettings)


PUBLICATION = Publication(
    batchai_inference_pipeline, BatchaiSettings, published_as=lambda settings: settings.inference_pipeline
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_pipeline_script(PUBLICATION, argv, script=__file__, documentation=__doc__)


if __name__ == "__main__":
    sys.exit(run_script(main))

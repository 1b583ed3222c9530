"""The batchai pipeline: prepare the data, train, predict what waits for its measurement, report.

    python ml_service/pipelines/batchai_training_pipeline.py [--location L] [--force] [--from STEP] [--graph]

In DEV it runs here, and skips the steps that would change nothing. In PROD it is published in Azure ML under the
build's id; `run_train_pipeline.py` starts it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline import Folder, Parameter, Pipeline, Source, Step
from ml_service.pipeline_script import run_pipeline_script
from src.common.console import ALL, run_script
from src.common.settings import Settings

LOCATION = Parameter("location", "only this location", default=ALL)
PRODUCT_ID = Parameter("product_id", "only this product", default=ALL)

RAW_DATA = Source("raw exports", "input_url", dataset="input_dataset_name", datastore_path="input_dataset_path")
INPUTS = Folder("DataPrep_inputs", "inputs_folder", committed=False)
PREPARED = Folder("DataPrep_outputs", "prepared_folder", dataset="prepared_dataset_name")
RESULTS = Folder("Training_Output", "training_folder")
MODEL = Folder("outputs/model", "outputs_folder", "model")
PREDICTIONS = Folder("outputs/predictions", "outputs_folder", "predictions")
REPORT = Folder("outputs/report", "outputs_folder", "report")


def batchai_training_pipeline(_: Settings | None = None) -> Pipeline:
    """Declare the pipeline."""
    prepare = Step(
        name="prepare",
        script="src/data_preparation/batchai/batchai_datapreparation.py",
        inputs={"input_url": RAW_DATA},
        outputs={"inputs_folder": INPUTS, "prepared_folder": PREPARED},
        parameters={"location": LOCATION},
        settings=("train_min_batches",),
        files=("src/data_preparation/batchai/locations/*.yml",),
    )
    train = Step(
        name="train",
        script="src/training/batchai/batchai_training.py",
        inputs={"prepared_folder": PREPARED},
        outputs={"training_folder": RESULTS, "model_folder": MODEL},
        parameters={"location": LOCATION, "product_id": PRODUCT_ID},
        settings=("train_folds", "train_min_batches"),
    )
    infer = Step(
        name="infer",
        script="src/inference/batchai/batchai_inference.py",
        inputs={"prepared_folder": PREPARED, "model_folder": MODEL},
        outputs={"predictions_folder": PREDICTIONS},
        parameters={"location": LOCATION, "product_id": PRODUCT_ID},
    )
    report = Step(
        name="report",
        script="src/reporting/batchai/batchai_report.py",
        inputs={"prepared_folder": PREPARED, "training_folder": RESULTS, "model_folder": MODEL},
        outputs={"report_folder": REPORT},
        settings=("source_version",),
        files=("src/reporting/batchai/templates/*", "src/reporting/batchai/scripts/*.js"),
    )
    return Pipeline("batchai_training", (prepare, train, infer, report))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_pipeline_script(
        batchai_training_pipeline,
        argv,
        script=__file__,
        documentation=__doc__,
        published_as=lambda settings: settings.training_pipeline_name,
    )


if __name__ == "__main__":
    sys.exit(run_script(main))

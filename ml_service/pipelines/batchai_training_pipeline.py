"""The batchai pipeline: prepare, train, evaluate and register the model, predict what waits, watch the process, report.

    python ml_service/pipelines/batchai_training_pipeline.py [--location L] [--force] [--from STEP] [--graph]

In DEV it runs here, and skips the steps that would change nothing. In PROD it is published in Azure ML under the
build's id; `run_train_pipeline.py` starts it. With TRAIN_NODES > 1 training is four steps instead of one, of which two
are spread over the nodes of the cluster; they write the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline import Folder, Parameter, Pipeline, Source, Spread, Step
from ml_service.pipeline_script import Publication, run_pipeline_script
from src.common.console import ALL, run_script
from src.common.errors import SettingsError
from src.common.settings import Mode
from src.settings.batchai.batchai_settings import Backend, BatchaiSettings

LOCATION = Parameter("location", "only this location", default=ALL)
PRODUCT_ID = Parameter("product_id", "only this product", default=ALL)

UNKNOWN = Parameter(
    "unknown", "refuse or leave_out pending batches that the registered model does not know", default="leave_out"
)
DATA_VERSION = Parameter("data_version", "what names the raw data; Azure ML runs every step for a new one", "unknown")

FAILED_LOCATIONS = Parameter("failed_locations", "when some locations can't be prepared: warn, or stop", default="warn")

RAW_DATA = Source(
    "raw exports",
    "input_url",
    dataset="input_dataset_name",
    datastore_path="input_dataset_path",
    version=DATA_VERSION.name,
)
INPUTS = Folder("DataPrep_inputs", "inputs_folder", committed=False)
PREPARED = Folder("DataPrep_outputs", "prepared_folder", dataset="prepared_dataset_name")
RESULTS = Folder("Training_Output", "training_folder", tables=("rmse.csv", "coefficient.csv"))
MODEL = Folder("outputs/model", "outputs_folder", "model")
WORK = Folder("outputs/training_work", "outputs_folder", "training_work")
SUMS = Folder("outputs/training_sums", "outputs_folder", "training_sums")
FITS = Folder("outputs/training_fits", "outputs_folder", "training_fits")
EVALUATION = Folder("outputs/evaluation", "outputs_folder", "evaluation", tables=("decision.json", "evaluation.csv"))
REGISTRATION = Folder("outputs/registration", "outputs_folder", "registration")
REGISTERED = Folder("outputs/registered_model", "outputs_folder", "registered_model")
PREDICTIONS = Folder("outputs/predictions", "outputs_folder", "predictions")
MONITORING = Folder("outputs/monitoring", "outputs_folder", "monitoring", tables=("signals.csv",))
REPORT = Folder("outputs/report", "outputs_folder", "report", copied=("report.html",))

PREPARE = Step(
    name="prepare",
    script="src/data_preparation/batchai/batchai_datapreparation.py",
    inputs={"input_url": RAW_DATA},
    outputs={"inputs_folder": INPUTS, "prepared_folder": PREPARED},
    parameters={"location": LOCATION, "failed_locations": FAILED_LOCATIONS, "data_version": DATA_VERSION},
    files=("src/data_preparation/batchai/locations/*.yml",),
)
TRAIN = Step(
    name="train",
    script="src/training/batchai/batchai_training.py",
    inputs={"prepared_folder": PREPARED},
    outputs={"training_folder": RESULTS, "model_folder": MODEL},
    parameters={"location": LOCATION, "product_id": PRODUCT_ID},
)
PLAN = Step(
    name="plan",
    script="src/training/batchai/batchai_training_plan.py",
    inputs={"prepared_folder": PREPARED},
    outputs={"work_folder": WORK},
    parameters={"location": LOCATION, "product_id": PRODUCT_ID},
)
SUM = Step(
    name="sum",
    script="src/training/batchai/batchai_training_sums.py",
    inputs={"work_folder": WORK, "prepared_folder": PREPARED},
    outputs={"sums_folder": SUMS},
    spread=Spread(over="work_folder", nodes="train_nodes"),
)
FIT = Step(
    name="fit",
    script="src/training/batchai/batchai_training_units.py",
    inputs={"work_folder": WORK, "prepared_folder": PREPARED, "sums_folder": SUMS},
    outputs={"fits_folder": FITS},
    spread=Spread(over="work_folder", nodes="train_nodes"),
)
MERGE = Step(
    name="train",
    script="src/training/batchai/batchai_training_merge.py",
    inputs={"work_folder": WORK, "prepared_folder": PREPARED, "fits_folder": FITS},
    outputs={"training_folder": RESULTS, "model_folder": MODEL},
)
INFER = Step(
    name="infer",
    script="src/inference/batchai/batchai_inference.py",
    inputs={"prepared_folder": PREPARED, "model_folder": REGISTERED},
    outputs={"predictions_folder": PREDICTIONS},
    parameters={"location": LOCATION, "product_id": PRODUCT_ID, "unknown": UNKNOWN},
)
MONITOR = Step(
    name="monitor",
    script="src/monitoring/batchai/batchai_monitoring.py",
    inputs={"prepared_folder": PREPARED, "model_folder": REGISTERED},
    outputs={"monitoring_folder": MONITORING},
)
REPORTING = Step(
    name="report",
    script="src/reporting/batchai/batchai_report.py",
    inputs={"prepared_folder": PREPARED, "model_folder": MODEL, "monitoring_folder": MONITORING},
    outputs={"report_folder": REPORT},
    files=("src/reporting/batchai/templates/*", "src/reporting/batchai/scripts/*.js"),
)


def training_steps(settings: BatchaiSettings | None) -> tuple[Step, ...]:
    """Training: one step, or those that spread it over nodes.

    Raises:
        SettingsError: It is to be spread in two ways at once, or over a Dask cluster in Azure ML.
    """
    if settings is not None and settings.mode is Mode.PROD and settings.train_backend is Backend.DASK:
        raise SettingsError(
            "training in Azure ML does not use a Dask cluster",
            where="TRAIN_BACKEND",
            found="dask",
            expected="local",
            hint="TRAIN_NODES spreads training over the nodes of the cluster in Azure ML",
        )
    if settings is None or settings.train_nodes == 1:
        return (TRAIN,)
    if settings.train_backend is Backend.DASK:
        raise SettingsError(
            "TRAIN_NODES and TRAIN_BACKEND both spread training",
            where="TRAIN_NODES",
            found=f"TRAIN_NODES={settings.train_nodes} and TRAIN_BACKEND=dask",
            expected="TRAIN_NODES=1 or TRAIN_BACKEND=local",
            hint="TRAIN_NODES is for a cluster of Azure ML, dask for one of your own",
        )
    return (PLAN, SUM, FIT, MERGE)


def batchai_training_pipeline(settings: BatchaiSettings | None = None) -> Pipeline:
    """Declare the pipeline: every step, but for the evaluation where the settings leave it out."""
    train = training_steps(settings)
    name = Parameter("model_name", "the name of the registered model", settings.model_name if settings else "batchai")
    evaluate = Step(
        name="evaluate",
        script="src/evaluation/batchai/batchai_evaluation.py",
        inputs={"prepared_folder": PREPARED, "model_folder": MODEL},
        outputs={"evaluation_folder": EVALUATION},
        parameters={"model_name": name},
        registry=True,
    )
    register = Step(
        name="register",
        script="src/registration/batchai/batchai_registration.py",
        inputs={"model_folder": MODEL, "evaluation_folder": EVALUATION},
        outputs={"registration_folder": REGISTRATION, "registered_folder": REGISTERED},
        parameters={"model_name": name},
        registry=True,
    )
    if settings is not None and not settings.run_evaluation:
        register = replace(register, inputs={"model_folder": MODEL})
        return Pipeline("batchai_training", (PREPARE, *train, register, INFER, MONITOR, REPORTING), BatchaiSettings)
    report = replace(REPORTING, inputs={**REPORTING.inputs, "evaluation_folder": EVALUATION})
    return Pipeline("batchai_training", (PREPARE, *train, evaluate, register, INFER, MONITOR, report), BatchaiSettings)


PUBLICATION = Publication(
    batchai_training_pipeline, BatchaiSettings, published_as=lambda settings: settings.training_pipeline, registers=True
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_pipeline_script(PUBLICATION, argv, script=__file__, documentation=__doc__)


if __name__ == "__main__":
    sys.exit(run_script(main))

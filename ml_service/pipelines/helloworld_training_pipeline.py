"""The helloworld pipeline: the smallest complete model, from its data to a report.

python ml_service/pipelines/helloworld_training_pipeline.py [--force] [--graph]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline import Folder, Parameter, Pipeline, Step
from ml_service.pipeline_script import Publication, run_pipeline_script
from src.common.console import run_script
from src.settings.helloworld.helloworld_settings import HelloworldSettings

NAME = Parameter("model_name", "the name of the registered model", "helloworld")
PREPARED = Folder("DataPrep_outputs/helloworld", "prepared_folder")
MODEL, EVALUATION, REGISTRATION, REGISTERED, PREDICTIONS, REPORT = (
    Folder(f"outputs/helloworld/{name}", "outputs_folder", name)
    for name in ("model", "evaluation", "registration", "registered_model", "predictions", "report")
)
STEPS = (
    Step(
        "prepare",
        "src/data_preparation/helloworld/helloworld_datapreparation.py",
        outputs={"prepared_folder": PREPARED},
    ),
    Step(
        "train",
        "src/training/helloworld/helloworld_training.py",
        inputs={"prepared_folder": PREPARED},
        outputs={"model_folder": MODEL},
    ),
    Step(
        "evaluate",
        "src/evaluation/helloworld/helloworld_evaluation.py",
        inputs={"prepared_folder": PREPARED, "model_folder": MODEL},
        outputs={"evaluation_folder": EVALUATION},
        parameters={"model_name": NAME},
        registry=True,
    ),
    Step(
        "register",
        "src/registration/helloworld/helloworld_registration.py",
        inputs={"model_folder": MODEL, "evaluation_folder": EVALUATION},
        outputs={"registration_folder": REGISTRATION, "registered_folder": REGISTERED},
        parameters={"model_name": NAME},
        registry=True,
    ),
    Step(
        "infer",
        "src/inference/helloworld/helloworld_inference.py",
        inputs={"prepared_folder": PREPARED, "model_folder": REGISTERED},
        outputs={"predictions_folder": PREDICTIONS},
    ),
    Step(
        "report",
        "src/reporting/helloworld/helloworld_report.py",
        inputs={"model_folder": MODEL},
        outputs={"report_folder": REPORT},
    ),
)


def helloworld_training_pipeline(_: HelloworldSettings | None = None) -> Pipeline:
    """Declare the pipeline."""
    return Pipeline("helloworld_training", STEPS, HelloworldSettings)


PUBLICATION = Publication(
    helloworld_training_pipeline,
    HelloworldSettings,
    published_as=lambda settings: settings.training_pipeline,
    registers=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_pipeline_script(PUBLICATION, argv, script=__file__, documentation=__doc__)


if __name__ == "__main__":
    sys.exit(run_script(main))

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

PREPARED = Folder("DataPrep_outputs/helloworld", "prepared_folder")
MODEL, EVALUATION, REGISTRATION, REGISTERED, PREDICTIONS = (
    Folder(f"outputs/helloworld/{name}", "outputs_folder", name)
    for name in ("model", "evaluation", "registration", "registered_model", "predictions")
)
REPORT = Folder("outputs/helloworld/report", "outputs_folder", "report", copied=("report.html",))


def script(stage: str, name: str) -> str:
    """The path of a script."""
    return f"src/{stage}/helloworld/helloworld_{name}.py"


def helloworld_training_pipeline(settings: HelloworldSettings | None = None) -> Pipeline:
    """Declare the pipeline."""
    default = settings.model_name if settings else "helloworld"
    named = {"model_name": Parameter("model_name", "the name of the registered model", default)}
    data, model = {"prepared_folder": PREPARED}, {"model_folder": MODEL}
    steps = (
        Step("prepare", script("data_preparation", "datapreparation"), outputs=data),
        Step("train", script("training", "training"), inputs=data, outputs=model),
        Step(
            "evaluate",
            script("evaluation", "evaluation"),
            inputs={**data, **model},
            outputs={"evaluation_folder": EVALUATION},
            parameters=named,
            registry=True,
        ),
        Step(
            "register",
            script("registration", "registration"),
            inputs={**model, "evaluation_folder": EVALUATION},
            outputs={"registration_folder": REGISTRATION, "registered_folder": REGISTERED},
            parameters=named,
            registry=True,
        ),
        Step(
            "infer",
            script("inference", "inference"),
            inputs={**data, "model_folder": REGISTERED},
            outputs={"predictions_folder": PREDICTIONS},
        ),
        Step("report", script("reporting", "report"), inputs=model, outputs={"report_folder": REPORT}),
    )
    return Pipeline("helloworld_training", steps, HelloworldSettings)


PUBLICATION = Publication(
    helloworld_training_pipeline, HelloworldSettings, published_as=lambda of: of.training_pipeline, registers=True
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_pipeline_script(PUBLICATION, argv, script=__file__, documentation=__doc__)


if __name__ == "__main__":
    sys.exit(run_script(main))

"""The helloworld pipeline: train the smallest complete model, then predict with it.

python ml_service/pipelines/helloworld_training_pipeline.py [--force] [--graph]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline import Folder, Pipeline, Step
from ml_service.pipeline_script import Publication, run_pipeline_script
from src.common.console import run_script
from src.settings.helloworld.helloworld_settings import HelloworldSettings

MODEL = Folder("outputs/helloworld/model", "outputs_folder", "model")


def helloworld_training_pipeline(_: HelloworldSettings | None = None) -> Pipeline:
    """Declare the pipeline."""
    train = Step(
        name="train",
        script="src/training/helloworld/helloworld_training.py",
        outputs={"model_folder": MODEL},
    )
    infer = Step(
        name="infer",
        script="src/inference/helloworld/helloworld_inference.py",
        inputs={"model_folder": MODEL},
    )
    return Pipeline("helloworld_training", (train, infer), HelloworldSettings)


PUBLICATION = Publication(
    helloworld_training_pipeline, HelloworldSettings, published_as=lambda settings: settings.training_pipeline
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    return run_pipeline_script(PUBLICATION, argv, script=__file__, documentation=__doc__)


if __name__ == "__main__":
    sys.exit(run_script(main))

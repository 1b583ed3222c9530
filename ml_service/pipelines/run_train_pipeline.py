"""Find the pipeline that this build published, start it, and wait until it has ended.

    python ml_service/pipelines/run_train_pipeline.py [--output_pipeline_id_file FILE] [--skip_train_execution]

Exit status: 0 a model was registered, 5 it was not better, 4 the run failed, 6 it was cancelled. Ctrl-C cancels it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipelines.batchai_inference_pipeline import batchai_inference_pipeline
from ml_service.pipelines.batchai_training_pipeline import batchai_training_pipeline
from src.common.console import add_verbose, run_script
from src.common.errors import SettingsError
from src.common.settings import Mode, load_settings

TRAINING, INFERENCE = "training", "inference"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pipeline", choices=(TRAINING, INFERENCE), default=TRAINING, help="which (default: training)")
    parser.add_argument(
        "--output_pipeline_id_file", type=Path, metavar="FILE", help="write the pipeline's id to this file"
    )
    parser.add_argument("--skip_train_execution", action="store_true", help="find it only: another one starts it")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter, such as location=concrete-lab",
    )
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    settings = load_settings()
    if settings.mode is not Mode.PROD:
        raise SettingsError(
            "only a pipeline in Azure ML can be found and started",
            where="AML_PIPELINE_EXEC_MODE",
            found=settings.mode.value,
            expected=Mode.PROD.value,
            hint="in DEV the pipeline runs at once: python ml_service/pipelines/batchai_training_pipeline.py",
        )
    training = arguments.pipeline == TRAINING
    declared = batchai_training_pipeline(settings) if training else batchai_inference_pipeline(settings)
    name = settings.training_pipeline_name if training else settings.inference_pipeline_name
    parameters = _parameters(arguments.parameter)

    from ml_service import azureml, outcome
    from ml_service.waiting import Watch
    from src.common.azureml_adapter import connect

    parameters = azureml.parameter_values(declared, parameters)
    version = azureml.version_of(declared, settings)
    target = connect(settings)
    published = azureml.find_published(target, name=name, version=version)
    print(f"pipeline {name}, version {published.version}: id {published.id}", flush=True)
    if arguments.output_pipeline_id_file is not None:
        arguments.output_pipeline_id_file.write_text(published.id, encoding="utf-8")
    if arguments.skip_train_execution:
        return 0
    run = azureml.trigger(published, target, settings, parameters=parameters)
    watch = Watch(run)
    if not training:
        return outcome.announce_end(watch.until_end(), watch)
    model = parameters.get("model_name", settings.model_name)
    result = outcome.result_of(run, watch.until_end(), lambda: azureml.registered_by(target, run, name=model))
    outcome.announce(result, watch)
    return result.verdict.value


def _parameters(given: Sequence[str]) -> dict[str, str]:
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise SettingsError("a parameter is NAME=VALUE", where="--parameter", found=wrong[0])
    return dict(text.split("=", maxsplit=1) for text in given)


if __name__ == "__main__":
    sys.exit(run_script(main))

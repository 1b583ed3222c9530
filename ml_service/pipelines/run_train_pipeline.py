"""Find the pipeline that this build published, start it, and wait until it has ended.

    python ml_service/pipelines/run_train_pipeline.py [--pipeline NAME] [--skip_train_execution]

Exit status: 0 it finished, and a pipeline that may register a model registered one; 5 the model was not better; 4 the
run failed, or waiting ended before it; 6 it was cancelled. Ctrl-C cancels it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline_script import add_choice_of_pipeline, chosen_publication
from src.common.console import add_verbose, run_script
from src.common.errors import SettingsError
from src.common.settings import Mode, every_setting


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    publication = chosen_publication(arguments)
    settings = every_setting(publication.settings)
    if settings.mode is not Mode.PROD:
        raise SettingsError(
            "only a pipeline in Azure ML can be found and started",
            where="AML_PIPELINE_EXEC_MODE",
            found=settings.mode.value,
            expected=Mode.PROD.value,
            hint=f"in DEV the pipeline runs at once: python {publication.script}",
        )
    declared = publication.declare(settings)
    name = publication.published_as(settings)
    parameters = _parameters(arguments.parameter)

    from ml_service import azureml, build_summary, outcome
    from ml_service.waiting import Watch
    from src.common.azureml_adapter import connect

    parameters = azureml.parameter_values(declared, parameters)
    version = azureml.version_of(declared, settings)
    target = connect(settings)
    published = azureml.find_published(target, name=name, version=version, script=publication.script)
    print(f"pipeline {name}, version {published.version}: id {published.id}", flush=True)
    outcome.hand_on_pipeline(published.id)
    if arguments.output_pipeline_id_file is not None:
        arguments.output_pipeline_id_file.write_text(published.id, encoding="utf-8")
    if arguments.skip_train_execution:
        return 0
    run = azureml.continued(target, settings, published) if arguments.continue_run else None
    run = run or azureml.trigger(published, target, settings, parameters=parameters)
    watch = Watch(run, limit=None if arguments.wait_minutes is None else arguments.wait_minutes * 60)
    ended = watch.until_end()
    if arguments.summary_folder is not None and build_summary.collect_files(run.get_steps(), arguments.summary_folder):
        outcome.hand_on_folder(arguments.summary_folder)
    if not publication.registers:
        return outcome.announce_end(ended, watch)
    defaults = {parameter.name: parameter.default for parameter in declared.parameters}
    model = {**defaults, **parameters}.get("model_name", settings.model_name)
    result = outcome.result_of(run, ended, lambda: azureml.registered_by(target, run, name=model))
    outcome.announce(result, watch)
    return result.verdict.value


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    add_choice_of_pipeline(parser)
    parser.add_argument(
        "--output_pipeline_id_file", type=Path, metavar="FILE", help="write the pipeline's id to this file"
    )
    parser.add_argument("--skip_train_execution", action="store_true", help="find it only: another one starts it")
    parser.add_argument(
        "--continue_run",
        action="store_true",
        help="wait for the run that this build started before, unless it failed or was cancelled; else start one",
    )
    parser.add_argument("--wait_minutes", type=int, metavar="N", help="end waiting after N minutes; the run goes on")
    parser.add_argument(
        "--summary_folder", type=Path, metavar="FOLDER", help="put what the steps uploaded for people here"
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter, such as location=concrete-lab",
    )
    add_verbose(parser)
    return parser.parse_args(argv)


def _parameters(given: Sequence[str]) -> dict[str, str]:
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise SettingsError("a parameter is NAME=VALUE", where="--parameter", found=wrong[0])
    return dict(text.split("=", maxsplit=1) for text in given)


if __name__ == "__main__":
    sys.exit(run_script(main))

"""Determine whether the run of this build registered a new model.

    python ml_service/pipelines/report_registration.py [--pipeline NAME] [--summary_folder FOLDER]

Names the registered version, or prints "Model was not registered for this run." and ends the step as succeeded with
issues. A run that failed ends it with status 4, one that somebody cancelled with 6.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.pipeline_script import add_choice_of_pipeline, chosen_publication
from src.common.agent_commands import upload_summary
from src.common.console import add_verbose, run_script
from src.common.errors import SettingsError
from src.common.settings import Mode, every_setting

LAG_SECONDS = 120.0
"""How long a run that has ended may be shown as running."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--summary_folder", type=Path, metavar="FOLDER", help="put the report, the evaluation and a summary here"
    )
    add_choice_of_pipeline(parser)
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    publication = chosen_publication(arguments)
    settings = every_setting(publication.settings)
    if settings.mode is not Mode.PROD:
        raise SettingsError(
            "only a run in Azure ML can be looked at",
            where="AML_PIPELINE_EXEC_MODE",
            found=settings.mode.value,
            expected=Mode.PROD.value,
            hint="in DEV, outputs/registration/registration.json says it",
        )

    from ml_service import azureml, build_summary, outcome
    from ml_service.waiting import Watch
    from src.common.azureml_adapter import connect

    target = connect(settings)
    published = azureml.find_published(
        target,
        name=publication.published_as(settings),
        version=azureml.version_of(publication.declare(settings), settings),
        script=publication.script,
    )
    run = azureml.find_run(target, settings, published)
    watch = Watch(run, limit=LAG_SECONDS, cancels=False)
    model = settings.model_name
    result = outcome.result_of(run, watch.until_end(), lambda: azureml.registered_by(target, run, name=model))
    outcome.announce(result, watch)
    if arguments.summary_folder is not None:
        build_summary.collect_files(run.get_steps(), arguments.summary_folder)
        summary = build_summary.write_summary(result, arguments.summary_folder)
        print(f"summary: {summary}", flush=True)
        outcome.hand_on_folder(arguments.summary_folder)
        upload_summary(summary)
    return 0 if result.verdict is outcome.Verdict.NOT_REGISTERED else result.verdict.value


if __name__ == "__main__":
    sys.exit(run_script(main))

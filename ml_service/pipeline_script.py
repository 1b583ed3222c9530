"""The command line of a pipeline's script: DEV runs the declaration on this machine, PROD publishes it in Azure ML."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ml_service.local import LocalRun, shown
from ml_service.pipeline import Pipeline, mermaid
from src.common.console import add_verbose
from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT, Mode, Settings, every_setting

SCRIPTS = "ml_service/pipelines"
STARTS = f"{SCRIPTS}/run_train_pipeline.py"
DEFAULT = "batchai_training"
"""What is started, reported and downloaded where nobody chooses."""


@dataclass(frozen=True)
class Publication:
    """A pipeline that can be published in Azure ML, and started there. Each pipeline's script has one, ``PUBLICATION``.

    Attributes:
        declare: Declares the pipeline as the settings want it; without settings, with every step it may have.
        settings: The class of the model's settings.
        published_as: The name to publish under.
        registers: Whether a run of it may register a model.
    """

    declare: Callable[[Any], Pipeline]
    settings: type[Settings]
    published_as: Callable[[Settings], str]
    registers: bool = False

    @property
    def name(self) -> str:
        """The name of the declaration."""
        return self.declare(None).name

    @property
    def script(self) -> str:
        """The script that publishes it."""
        return f"{SCRIPTS}/{self.name}_pipeline.py"


def publications() -> dict[str, Publication]:
    """Every pipeline that can be published and started, by its name."""
    found: dict[str, Publication] = {}
    for path in sorted((PROJECT_ROOT / SCRIPTS).glob("*_pipeline.py")):
        if path.name != Path(STARTS).name:
            publication = import_module(f"{SCRIPTS.replace('/', '.')}.{path.stem}").PUBLICATION
            found[publication.name] = publication
    return found


def add_choice_of_pipeline(parser: ArgumentParser) -> None:
    """Add ``--pipeline``, which `chosen_publication` reads."""
    known = publications()
    default = DEFAULT if DEFAULT in known else next(iter(known))
    parser.add_argument("--pipeline", choices=list(known), default=default, help=f"which (default: {default})")


def chosen_publication(arguments: Namespace) -> Publication:
    """The pipeline that was chosen."""
    return publications()[arguments.pipeline]


def run_pipeline_script(
    publication: Publication, argv: Sequence[str] | None, *, script: str, documentation: str | None
) -> int:
    """Run or publish a pipeline as its command line and the mode say. Returns the exit code.

    Args:
        publication: The pipeline.
        argv: The arguments, without the script's name.
        script: The script that was started, for the command that carries on after a failure.
        documentation: The script's docstring; its first line stands in the help text.

    Raises:
        SettingsError: In PROD, an option that only makes sense on this machine.
    """
    pipeline = publication.declare(None)
    parser = ArgumentParser(description=(documentation or "").split("\n", maxsplit=1)[0])
    for parameter in pipeline.parameters:
        parser.add_argument(f"--{parameter.name}", help=f"{parameter.description} (DEV; default: {parameter.default})")
    parser.add_argument("--graph", action="store_true", help="print the pipeline as a Mermaid flowchart, and end")
    parser.add_argument("--force", action="store_true", help="run every step, whether or not it changed (DEV)")
    parser.add_argument("--from", dest="start", metavar="STEP", help="run this step and all after it (DEV)")
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    if arguments.graph:
        print(mermaid(pipeline))
        return 0
    settings = every_setting(publication.settings)
    pipeline = publication.declare(settings)
    if settings.mode is Mode.PROD:
        _refuse_local_options(pipeline, arguments)
        from ml_service import azureml

        azureml.publish(pipeline, settings, name=publication.published_as(settings))
        print(f"next: python {STARTS} --pipeline {pipeline.name}")
        return 0
    LocalRun(
        pipeline,
        settings,
        parameters=_parameters(pipeline, arguments),
        force_from=pipeline.steps[0].name if arguments.force else arguments.start,
        command=_command(pipeline, arguments, script),
    ).run()
    return 0


def _refuse_local_options(pipeline: Pipeline, arguments: Namespace) -> None:
    given = _chosen(pipeline, arguments)
    given += ["--force"] if arguments.force else []
    given += ["--from", arguments.start] if arguments.start else []
    if given:
        raise SettingsError(
            "in PROD this command publishes the pipeline, and runs nothing",
            where="the command line",
            found=shlex.join(given),
            hint="give parameters to run_train_pipeline.py, which starts it, or set AML_PIPELINE_EXEC_MODE=DEV",
        )


def _command(pipeline: Pipeline, arguments: Namespace, script: str) -> str:
    """What starts this pipeline again with the same parameters, and forces nothing."""
    return shlex.join(["python", shown(Path(script).resolve()), *_chosen(pipeline, arguments)])


def _chosen(pipeline: Pipeline, arguments: Namespace) -> list[str]:
    return [text for name, value in _parameters(pipeline, arguments).items() for text in (f"--{name}", value)]


def _parameters(pipeline: Pipeline, arguments: Namespace) -> dict[str, str]:
    """The parameters that were chosen."""
    given = {parameter.name: getattr(arguments, parameter.name) for parameter in pipeline.parameters}
    return {name: value for name, value in given.items() if value is not None}

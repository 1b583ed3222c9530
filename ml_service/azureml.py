"""PROD: a declared pipeline as a pipeline of Azure ML: build, publish, find, trigger.

Its steps: `ml_service.azureml_steps`. Waiting for it: `ml_service.waiting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic, sleep
from typing import TYPE_CHECKING

from ml_service import fingerprints
from ml_service.azureml_steps import Builder, nodes_of, variables_of
from ml_service.pipeline import Parameter, Pipeline
from src.common.azureml_adapter import asking, connect, installed, reading
from src.common.errors import CloudError, SettingsError, some_of
from src.common.model_registry import RUN_ID
from src.common.settings import Settings

if TYPE_CHECKING:
    from azureml.core import Workspace
    from azureml.pipeline.core import Pipeline as AzurePipeline
    from azureml.pipeline.core import PipelineRun, PublishedPipeline

BUILD_ID, BUILD_URI, COMMIT = "BuildId", "BuildUri", "Commit"
"""Tags of a run."""
LISTING_SECONDS = 60.0
"""How long a pipeline that was just published may be missing in the list of them."""


def version_of(pipeline: Pipeline, settings: Settings) -> str:
    """The version to publish under: the build's id, or what names exactly this code, where no build runs."""
    if settings.build_id:
        return settings.build_id
    code = [fingerprints.code_digest(step, pipeline.root) for step in pipeline.steps]
    variables = [variables_of(step, settings) for step in pipeline.steps]
    return f"local-{fingerprints.digest([code, variables, nodes_of(pipeline, settings)])[:12]}"


def publish(pipeline: Pipeline, settings: Settings, *, name: str) -> PublishedPipeline:
    """Publish a pipeline under the version of this build, unless that was done already.

    Args:
        pipeline: The declaration.
        settings: Workspace, names, sizes, and the values that the steps get.
        name: The name to publish under.

    Raises:
        SettingsError: The workspace is not named, or there is no data.
        CloudError: The workspace refuses, or finds the pipeline invalid.
    """
    with installed():
        import azureml.pipeline.core  # noqa: F401
    version = version_of(pipeline, settings)
    target = connect(settings)
    known = _published(target, name, version)
    if known:
        print(f"pipeline {name}, version {version}: published already, id {known[0].id}", flush=True)
        return known[0]
    built = build(pipeline, settings, target)
    with asking(f"the pipeline {name!r} can't be published", where=target.name):
        problems = built.validate()
        if problems:
            raise CloudError("Azure ML finds the pipeline invalid", where=pipeline.name, found=some_of(problems))
        published = built.publish(name, description=_description(pipeline, settings), version=version)
    print(f"pipeline {name}, version {version}: published, id {published.id}", flush=True)
    return published


def _description(pipeline: Pipeline, settings: Settings) -> str:
    """What a published pipeline is of. It can't have tags of its own: its runs get them."""
    facts = ((COMMIT, settings.source_version), (BUILD_URI, settings.build_uri))
    return "; ".join([f"{pipeline.name} of Batch AI", *(f"{name}: {value}" for name, value in facts if value)])


def build(pipeline: Pipeline, settings: Settings, target: Workspace) -> AzurePipeline:
    """Build a declared pipeline, with all that it needs in the workspace."""
    from azureml.pipeline.core import Pipeline as AzurePipeline

    return AzurePipeline(target, steps=Builder(pipeline, settings, target).steps())


def find_published(target: Workspace, *, name: str, version: str, patience: float | None = None) -> PublishedPipeline:
    """Find the pipeline that a build published.

    Args:
        target: The workspace.
        name: Its name.
        version: Its version.
        patience: How many seconds it may be missing in the listing, which lags behind at times (`LISTING_SECONDS`).

    Raises:
        CloudError: There is none, or there are several; what is there is listed.
    """
    deadline = monotonic() + (LISTING_SECONDS if patience is None else patience)
    while not (found := _published(target, name, version)) and monotonic() < deadline:
        sleep(min(3.0, max(0.0, deadline - monotonic())))
    if len(found) == 1:
        return found[0]
    with asking("the published pipelines can't be listed", where=target.name):
        from azureml.pipeline.core import PublishedPipeline

        there = [f"{item.name} version {item.version} ({item.id})" for item in PublishedPipeline.list(target)]
    raise CloudError(
        f"{'no pipeline' if not found else f'{len(found)} pipelines'} {name!r} of version {version!r} published",
        where=f"workspace {target.name}",
        found=some_of(there, most=12) or "no published pipeline",
        expected="exactly one",
        hint="publish it: AML_PIPELINE_EXEC_MODE=PROD python ml_service/pipelines/batchai_training_pipeline.py"
        if not found
        else "disable all but one in Azure ML studio, or start a new build",
    )


def _published(target: Workspace, name: str, version: str) -> list[PublishedPipeline]:
    from azureml.pipeline.core import PublishedPipeline

    listed = reading(
        lambda: PublishedPipeline.list(target), "the published pipelines can't be listed", where=target.name
    )
    return [item for item in listed if (item.name, item.version) == (name, version)]


def trigger(
    published: PublishedPipeline, target: Workspace, settings: Settings, *, parameters: Mapping[str, str]
) -> PipelineRun:
    """Start a published pipeline, and tag its run with the build.

    Raises:
        CloudError: It can't be started.
    """
    from azureml.core import Experiment

    what = f"the pipeline {published.name!r} can't be started"

    def known() -> Experiment:
        experiment = Experiment(target, settings.experiment_name)
        _ = experiment.id  # asks for it, or makes it
        return experiment

    experiment = reading(known, what, where=target.name)
    with asking(what, where=target.name):  # once: nobody could tell whether a second try starts a second run
        run = experiment.submit(published, pipeline_parameters=dict(parameters) or None)
    reading(lambda: run.set_tags(run_tags(published.version, settings)), "the run can't be tagged", where=run.id)
    return run


def find_run(target: Workspace, settings: Settings, *, version: str) -> PipelineRun:
    """Find the newest run of the pipeline that a build published.

    Raises:
        CloudError: The build started none.
    """
    from azureml.core import Experiment

    def newest() -> PipelineRun | None:
        runs = Experiment(target, settings.experiment_name).get_runs(tags={BUILD_ID: version})
        return next((run for run in runs if hasattr(run, "get_steps")), None)

    run = reading(newest, "the runs can't be listed", where=target.name)
    if run is None:
        raise CloudError(
            f"no run of build {version!r}",
            where=f"experiment {settings.experiment_name} in workspace {target.name}",
            expected=f"a run of the pipeline with the tag {BUILD_ID}={version}",
            hint="look at the job that triggers the pipeline: did it run?",
        )
    return run


def registered_by(target: Workspace, run: PipelineRun, *, name: str) -> str | None:
    """The version of the model of this name that a run registered; None if it registered none."""
    from azureml.core import Model

    models = reading(
        lambda: Model.list(target, name=name, tags=[[RUN_ID, run.id]]), "the models can't be listed", where=target.name
    )
    return str(models[0].version) if models else None


def run_tags(version: str, settings: Settings) -> dict[str, str]:
    """What a run is tagged with, so that it can be found by its build."""
    tags = {BUILD_ID: version, BUILD_URI: settings.build_uri, COMMIT: settings.source_version}
    return {name: value for name, value in tags.items() if value}


def parameter_values(pipeline: Pipeline, chosen: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a pipeline that somebody chose.

    Raises:
        SettingsError: The pipeline has no such parameter.
    """
    known: dict[str, Parameter] = {parameter.name: parameter for parameter in pipeline.parameters}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise SettingsError(
            f"the pipeline {pipeline.name} has no parameter {unknown[0]!r}", expected=", ".join(known) or "none"
        )
    return dict(chosen)

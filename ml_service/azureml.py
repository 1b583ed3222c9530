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
from ml_service.waiting import Outcome
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
PIPELINE_ID = "azureml.pipelineid"
"""The property of a run that names the published pipeline it was started from."""
ENDED = ("Completed", "Finished", "Failed", "Canceled")
LISTING_SECONDS = 60.0
"""How long a pipeline that was just published may be missing in the list of them."""


def version_of(pipeline: Pipeline, settings: Settings) -> str:
    """The version to publish under: the build's id, or what names exactly this code, where no build runs."""
    if settings.build_id:
        return settings.build_id
    code = [fingerprints.code_digest(step, pipeline.root) for step in pipeline.steps]
    variables = [variables_of(step, pipeline, settings) for step in pipeline.steps]
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
    disable_old(target, settings, name=name)
    return published


def _description(pipeline: Pipeline, settings: Settings) -> str:
    """What a published pipeline is of. It can't have tags of its own: its runs get them."""
    facts = ((COMMIT, settings.source_version), (BUILD_URI, settings.build_uri))
    return "; ".join([f"{pipeline.name} of Batch AI", *(f"{name}: {value}" for name, value in facts if value)])


def build(pipeline: Pipeline, settings: Settings, target: Workspace) -> AzurePipeline:
    """Build a declared pipeline, with all that it needs in the workspace."""
    from azureml.pipeline.core import Pipeline as AzurePipeline

    return AzurePipeline(target, steps=Builder(pipeline, settings, target).steps())


def find_published(
    target: Workspace, *, name: str, version: str, script: str, patience: float | None = None
) -> PublishedPipeline:
    """Find the pipeline that a build published.

    Args:
        target: The workspace.
        name: Its name.
        version: Its version.
        script: The script that publishes it, for the message.
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
        hint=f"publish it: AML_PIPELINE_EXEC_MODE=PROD python {script}"
        if not found
        else "disable all but one in Azure ML studio, or start a new build",
    )


def _published(target: Workspace, name: str, version: str) -> list[PublishedPipeline]:
    from azureml.pipeline.core import PublishedPipeline

    listed = reading(
        lambda: PublishedPipeline.list(target), "the published pipelines can't be listed", where=target.name
    )
    return [item for item in listed if (item.name, item.version) == (name, version)]


def disable_old(target: Workspace, settings: Settings, *, name: str) -> None:
    """Disable what earlier builds published under a name, but for the newest `KEEP_PUBLISHED` and what still runs.

    The ids of builds count up, so they say what is old. What was published by hand is left alone.

    Raises:
        CloudError: The workspace refuses.
    """
    from azureml.pipeline.core import PublishedPipeline

    what = f"the old pipelines {name!r} can't be disabled"
    listed = reading(lambda: PublishedPipeline.list(target), what, where=target.name)
    of_builds = [item for item in listed if item.name == name and (item.version or "").isdecimal()]
    newest_first = sorted(of_builds, key=lambda item: int(item.version), reverse=True)
    for item in newest_first[settings.keep_published :]:
        with asking(what, where=target.name):
            if _runs(target, settings, item):
                continue
            item.disable()
        print(f"pipeline {name}, version {item.version}: disabled, newer ones are published", flush=True)


def _runs(target: Workspace, settings: Settings, published: PublishedPipeline) -> bool:
    """Whether a run of a published pipeline has not ended."""
    from azureml.core import Experiment

    runs = Experiment(target, settings.experiment).get_runs(properties={PIPELINE_ID: published.id})
    return any(run.get_status() not in ENDED for run in runs)


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
        experiment = Experiment(target, settings.experiment)
        _ = experiment.id  # asks for it, or makes it
        return experiment

    experiment = reading(known, what, where=target.name)
    with asking(what, where=target.name):  # once: nobody could tell whether a second try starts a second run
        run = experiment.submit(published, pipeline_parameters=dict(parameters) or None)
    reading(lambda: run.set_tags(run_tags(published.version, settings)), "the run can't be tagged", where=run.id)
    return run


def newest_run(target: Workspace, settings: Settings, published: PublishedPipeline) -> PipelineRun | None:
    """The newest run of the pipeline that a build published; None if the build started none."""
    from azureml.core import Experiment

    def newest() -> PipelineRun | None:
        runs = Experiment(target, settings.experiment).get_runs(tags={BUILD_ID: published.version})
        return next((run for run in runs if run.get_properties().get(PIPELINE_ID) == published.id), None)

    return reading(newest, "the runs can't be listed", where=target.name)


def continued(target: Workspace, settings: Settings, published: PublishedPipeline) -> PipelineRun | None:
    """The run that this build started before, for a rerun of its job; None where it failed or was cancelled."""
    run = newest_run(target, settings, published)
    if run is None or run.get_status() in (Outcome.FAILED.value, Outcome.CANCELLED.value):
        return None
    print(f"run {run.id}: this build started it before", flush=True)
    return run


def find_run(target: Workspace, settings: Settings, published: PublishedPipeline) -> PipelineRun:
    """Find the newest run of the pipeline that a build published.

    Raises:
        CloudError: The build started none.
    """
    run = newest_run(target, settings, published)
    if run is None:
        version = published.version
        raise CloudError(
            f"no run of build {version!r}",
            where=f"experiment {settings.experiment} in workspace {target.name}",
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

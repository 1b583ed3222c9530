"""PROD: the steps of a declared pipeline as steps of Azure ML, with all that they need in the workspace."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from ml_service import workspace
from ml_service.pipeline import Folder, Pipeline, Source, Spread, Step
from ml_service.script_source import settings_read
from src.common.errors import SettingsError
from src.common.settings import STEP_READS, Mode, Settings

if TYPE_CHECKING:
    from azureml.core import Workspace
    from azureml.core.runconfig import RunConfiguration
    from azureml.pipeline.steps import ParallelRunStep, PythonScriptStep

MODE_VARIABLE = "AML_PIPELINE_EXEC_MODE"
UNIT_SECONDS = 24 * 3600
"""How long one unit of a step that is spread may take. Azure ML would end it after a minute."""


class Builder:
    """Builds the steps of one pipeline: each output, parameter and dataset once."""

    def __init__(self, pipeline: Pipeline, settings: Settings, target: Workspace) -> None:
        from azureml.data import OutputFileDatasetConfig
        from azureml.pipeline.core import PipelineParameter

        self._pipeline = pipeline
        self._settings = settings
        self._cluster = workspace.ensure_cluster(target, settings, nodes=max(nodes_of(pipeline, settings).values()))
        self._environment = workspace.ensure_environment(target, settings, pipeline.root)
        datastore = workspace.get_datastore(target, settings)
        self._datasets = {
            source: workspace.ensure_dataset(
                target,
                datastore,
                name=getattr(settings, source.dataset),
                path=getattr(settings, source.datastore_path),
            )
            for source in dict.fromkeys(
                what for step in pipeline.steps for what in step.inputs.values() if isinstance(what, Source)
            )
        }
        versions = {
            source.version: workspace.content_version(target, dataset) for source, dataset in self._datasets.items()
        }
        self._parameters = {
            parameter: PipelineParameter(parameter.name, versions.get(parameter.name, parameter.default))
            for parameter in pipeline.parameters
        }
        destination = f"{pipeline.name}/{{run-id}}/{{output-name}}"
        self._outputs = {
            folder: OutputFileDatasetConfig(_identifier(folder.name), (datastore, destination))
            for step in pipeline.steps
            for folder in step.outputs.values()
            if folder.committed
        }

    def steps(self) -> list[PythonScriptStep | ParallelRunStep]:
        """The steps, in the order of the declaration; the data between them says what waits for what."""
        return [
            self._on_one_node(step) if step.spread is None else self._on_nodes(step, step.spread)
            for step in self._pipeline.steps
        ]

    def _on_one_node(self, step: Step) -> PythonScriptStep:
        """The same arguments as in DEV; what stands for a folder or a parameter is replaced when the step runs."""
        from azureml.pipeline.steps import PythonScriptStep

        return PythonScriptStep(
            step.script,
            name=step.name,
            arguments=step.arguments(lambda what: self._place(what, step), self._parameters.__getitem__),
            compute_target=self._cluster,
            runconfig=self._run_configuration(step),
            source_directory=str(self._pipeline.root),
            allow_reuse=not step.registry,
        )

    def _on_nodes(self, step: Step, spread: Spread) -> ParallelRunStep:
        """One process per node, one file per call of `run`; nothing may fail.

        The SDK mounts every input. It knows an input in the arguments only by being the same object.
        """
        from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

        units = step.inputs[spread.over]
        beside = {argument: what for argument, what in step.inputs.items() if argument != spread.over}
        placed = {what: self._place(what, step) for what in (units, *beside.values(), *step.outputs.values())}
        given = replace(step, inputs=beside).arguments(placed.__getitem__, self._parameters.__getitem__)
        (output,) = step.outputs.values()
        return ParallelRunStep(
            name=step.name,
            parallel_run_config=ParallelRunConfig(
                environment=self._environment,
                entry_script=step.script,
                source_directory=str(self._pipeline.root),
                compute_target=self._cluster,
                node_count=getattr(self._settings, spread.nodes),
                process_count_per_node=1,
                mini_batch_size="1",
                error_threshold=0,
                output_action="summary_only",
                run_invocation_timeout=UNIT_SECONDS,
                environment_variables=variables_of(step, self._pipeline, self._settings),
            ),
            inputs=[placed[units]],
            side_inputs=[placed[what] for what in dict.fromkeys(beside.values())],
            output=placed[output],
            arguments=given,
            allow_reuse=not step.registry,
        )

    def _place(self, what: Source | Folder, step: Step) -> Any:
        if isinstance(what, Source):
            return self._datasets[what].as_named_input(_identifier(what.name)).as_download()
        if not what.committed:
            if what in step.inputs.values():
                raise SettingsError(f"{step.name!r} reads {what.name!r}, a working copy that stays with another step")
            return what.name
        output = self._outputs[what]
        if what in step.outputs.values():
            # uploaded when the step is done: a mounted folder can't be renamed whole. What many processes write goes
            # into a mounted one, each file when it is closed
            written = output.as_mount() if step.spread else output.as_upload()
            return written.register_on_complete(getattr(self._settings, what.dataset)) if what.dataset else written
        return output.as_input(_identifier(what.name)).as_download()

    def _run_configuration(self, step: Step) -> RunConfiguration:
        from azureml.core.runconfig import RunConfiguration

        configuration = RunConfiguration()
        configuration.target = self._cluster
        configuration.environment = self._environment
        configuration.environment_variables = variables_of(step, self._pipeline, self._settings)
        return configuration


def nodes_of(pipeline: Pipeline, settings: Settings) -> dict[str, int]:
    """On how many nodes each step runs, by the step's name."""
    return {step.name: 1 if step.spread is None else getattr(settings, step.spread.nodes) for step in pipeline.steps}


def variables_of(step: Step, pipeline: Pipeline, settings: Settings) -> dict[str, str]:
    """The settings that a step reads, as variables of its environment: no other variable of this machine gets there."""
    reads = settings_read(pipeline.root / step.script, pipeline.root, pipeline.settings)
    variables = {MODE_VARIABLE: Mode.PROD.value, STEP_READS: ",".join(reads)}
    for item in fields(settings):
        if item.name in reads:
            if not item.repr:
                raise SettingsError(f"the step {step.name!r} reads the secret {item.metadata['variable']}")
            variables[item.metadata["variable"]] = _text(getattr(settings, item.name))
    return variables


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _identifier(name: str) -> str:
    """A name that Azure ML takes for an input or output."""
    return "".join(sign if sign.isalnum() else "_" for sign in name)

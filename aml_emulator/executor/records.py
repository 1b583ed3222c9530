"""What the history and the pipeline say of a step, from its queueing to its end."""

import json

from aml_emulator.executor.environment import not_imitated
from aml_emulator.executor.step import Outcome, StepRun
from aml_emulator.store.artifacts import run_container
from aml_emulator.store.database import Row, now

NODE_STATUS = {"Completed": "Finished", "Failed": "Failed", "Canceled": "Canceled"}


def _create(step: StepRun, status: str, properties: dict[str, str]) -> None:
    node, site = step.node, step.site
    environment = node.runconfig.get("environment") or {}
    missing = not_imitated(node)
    if missing:
        properties = {**properties, "emulator.not_imitated": "; ".join(missing)}
    target = node.parameters.get("Target")
    site.runs.create(
        step.workspace.id,
        step.experiment,
        run=step.run,
        kind="azureml.StepRun",
        parent=step.pipeline_run,
        status=status,
        # the SDK makes a StepRun out of a run only when it finds these two tags
        tags={"azureml.nodeid": node.id, "azureml.pipeline": step.pipeline_run},
        properties={
            "ContentSnapshotId": node.snapshot,
            "StepType": node.module.get("StepType") or "PythonScriptStep",
            "ComputeTargetType": "AmlCompute",
            "azureml.moduleid": node.module["Id"],
            "azureml.moduleName": node.name,
            "azureml.nodeid": node.id,
            "azureml.pipelinerunid": step.pipeline_run,
            "azureml.runsource": "azureml.StepRun",
            "azureml.parameters": json.dumps(_own_parameters(step)),
            "emulator.environment": str(environment.get("name") or ""),
            **properties,
        },
        document={
            "name": node.name,
            "displayName": node.name,
            "target": target,
            "scriptName": node.parameters.get("Script"),
            "runDefinition": {**node.runconfig, "script": node.parameters.get("Script"), "target": target},
        },
    )


def _own_parameters(step: StepRun) -> dict[str, str | None]:
    """Return the parameters that the step's author declared, without those every module has."""
    declared = {
        parameter["Name"]
        for parameter in step.node.structured.get("Parameters") or []
        if parameter.get("SetEnvironmentVariable")
    }
    return {name: value for name, value in step.node.parameters.items() if name in declared}


def record_queued(step: StepRun, reuse_key: str) -> None:
    """A step waits for room."""
    with step.site.database.transaction():
        _create(step, "Queued", {})
        step.site.pipelines.change_node(
            step.pipeline_run,
            step.node.id,
            {"status": "Queued", "run": step.run, "reuse_key": reuse_key if step.node.reusable else None},
        )


def record_start(step: StepRun) -> None:
    """A step begins."""
    with step.site.database.transaction():
        step.site.runs.start(step.workspace.id, step.run)
        step.site.pipelines.change_node(step.pipeline_run, step.node.id, {"status": "Running", "started": now()})


def record_end(step: StepRun, outcome: Outcome) -> None:
    """A step is over."""
    site = step.site
    with site.database.transaction():
        if site.runs.get(step.workspace.id, step.run) is None:
            _create(step, "Running", {})
        site.runs.end(step.workspace.id, step.run, outcome.status, outcome.error)
        site.pipelines.change_node(
            step.pipeline_run,
            step.node.id,
            {"status": NODE_STATUS[outcome.status], "run": step.run, "ended": now()},
        )


def record_reuse(step: StepRun, reuse_key: str, earlier: Row) -> None:
    """A step is not run: the result of an earlier run of it is taken; its metrics stay with that run."""
    site, workspace = step.site, step.workspace.id
    with site.database.transaction():
        _create(
            step,
            "Running",
            {
                "azureml.isreused": "true",
                "azureml.reusedrunid": earlier["run"],
                "azureml.reusednodeid": earlier["node"],
                "azureml.reusedpipeline": earlier["pipeline_run"],
                "azureml.reusedpipelinerunid": earlier["pipeline_run"],
            },
        )
        for artifact in site.artifacts.of_run(workspace, earlier["run"]):
            site.artifacts.register(
                workspace, "ExperimentRun", run_container(step.run), artifact["path"], blob=artifact["blob"]
            )
        site.runs.end(workspace, step.run, "Completed")
        site.pipelines.change_node(
            step.pipeline_run,
            step.node.id,
            {
                "status": "Finished",
                "run": step.run,
                "reuse_key": reuse_key,
                "reused_run": earlier["run"],
                "started": now(),
                "ended": now(),
                "outputs": earlier["outputs"],
            },
        )

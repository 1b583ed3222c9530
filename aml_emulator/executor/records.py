"""What the history and the pipeline say of a task, from its queueing to its end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aml_emulator.executor.task import Task
from aml_emulator.store.artifacts import run_container
from aml_emulator.store.database import Row, now
from aml_emulator.store.store import Store
from aml_emulator.store.workspaces import Workspace

SCRIPT_RUN = "azureml.scriptrun"
NODE_STATUS = {"Completed": "Finished", "Failed": "Failed", "Canceled": "Canceled"}


@dataclass(frozen=True)
class Outcome:
    """How a task ended: Completed, Failed or Canceled, and the error document of a failure."""

    status: str
    error: dict[str, Any] | None = None


def failure(message: str, *, code: str = "UserError") -> dict[str, Any]:
    """Return the error document of a run."""
    return {"error": {"code": code, "message": message, "messageFormat": "{Message}", "details": []}}


@dataclass(frozen=True)
class Record:
    """The record of one task of one pipeline run.

    Attributes:
        store: The records of the state.
        workspace: The workspace.
        pipeline_run: Id of the pipeline run.
        experiment: Name of the experiment.
        task: The task.
        run: Id of the task's run.
        tags: Tags that all tasks of the pipeline run get.
    """

    store: Store
    workspace: Workspace
    pipeline_run: str
    experiment: str
    task: Task
    run: str
    tags: Mapping[str, str] = field(default_factory=dict)

    def _create(self, status: str, properties: Mapping[str, str]) -> None:
        task = self.task
        missing = {"emulator.not_imitated": "; ".join(task.not_imitated)} if task.not_imitated else {}
        self.store.runs.create(
            self.workspace.id,
            self.experiment,
            run=self.run,
            kind="azureml.StepRun",
            parent=self.pipeline_run,
            status=status,
            # the SDK makes a StepRun out of a run only when it finds these two tags
            tags={**self.tags, "azureml.nodeid": task.id, "azureml.pipeline": self.pipeline_run},
            properties={
                "ContentSnapshotId": task.code,
                "StepType": task.kind,
                "ComputeTargetType": "AmlCompute",
                "azureml.moduleName": task.name,
                "azureml.nodeid": task.id,
                "azureml.pipelinerunid": self.pipeline_run,
                "azureml.runsource": "azureml.StepRun",
                "azureml.parameters": json.dumps(dict(task.parameters)),
                **task.properties,
                **missing,
                **properties,
            },
            document={
                "name": task.name,
                "displayName": task.name,
                "target": task.target,
                "scriptName": task.script,
                "runDefinition": task.run_definition,
            },
        )

    def _node(self, changes: Mapping[str, Any]) -> None:
        self.store.pipelines.change_node(self.pipeline_run, self.task.id, changes)

    def queued(self, reuse_key: str) -> None:
        """The task waits for room."""
        with self.store.transaction():
            self._create("Queued", {})
            key = reuse_key if self.task.reusable else None
            self._node({"status": "Queued", "run": self.run, "reuse_key": key})

    def started(self) -> None:
        """The task begins."""
        with self.store.transaction():
            self.store.runs.start(self.workspace.id, self.run)
            self._node({"status": "Running", "started": now()})

    def ended(self, outcome: Outcome) -> None:
        """The task is over."""
        with self.store.transaction():
            if self.store.runs.get(self.workspace.id, self.run) is None:
                self._create("Running", {})
            self.store.runs.end(self.workspace.id, self.run, outcome.status, outcome.error)
            self._node({"status": NODE_STATUS[outcome.status], "run": self.run, "ended": now()})

    def outputs(self, locations: Mapping[str, Any]) -> None:
        """The task has written its outputs there."""
        self._node({"outputs": locations})

    def reused(self, reuse_key: str, earlier: Row) -> None:
        """The task is not run: the result of an earlier run is taken; its metrics stay with that run."""
        store, workspace = self.store, self.workspace.id
        with store.transaction():
            self._create(
                "Running",
                {
                    "azureml.isreused": "true",
                    "azureml.reusedrunid": earlier["run"],
                    "azureml.reusednodeid": earlier["node"],
                    "azureml.reusedpipeline": earlier["pipeline_run"],
                    "azureml.reusedpipelinerunid": earlier["pipeline_run"],
                },
            )
            for artifact in store.artifacts.of_run(workspace, earlier["run"]):
                container = run_container(self.run)
                store.artifacts.register(workspace, "ExperimentRun", container, artifact["path"], blob=artifact["blob"])
            store.runs.end(workspace, self.run, "Completed")
            self._node(
                {
                    "status": "Finished",
                    "run": self.run,
                    "reuse_key": reuse_key,
                    "reused_run": earlier["run"],
                    "started": now(),
                    "ended": now(),
                    "outputs": earlier["outputs"],
                }
            )


@dataclass(frozen=True)
class ScriptRecord(Record):
    """The record of a script that runs without a pipeline; its own run, or that of a parent, is its root.

    Attributes:
        parent: Id of the run that it belongs to.
    """

    parent: str | None = None

    def _create(self, status: str, properties: Mapping[str, str]) -> None:
        task = self.task
        missing = {"emulator.not_imitated": "; ".join(task.not_imitated)} if task.not_imitated else {}
        self.store.runs.create(
            self.workspace.id,
            self.experiment,
            run=self.run,
            kind=SCRIPT_RUN,
            parent=self.parent,
            status=status,
            properties={"ContentSnapshotId": task.code, **missing, **properties},
            document={
                "name": task.name,
                "displayName": task.name,
                "target": task.target,
                "scriptName": task.script,
                "runDefinition": task.run_definition,
            },
        )

    def _node(self, changes: Mapping[str, Any]) -> None:
        """There is no node."""

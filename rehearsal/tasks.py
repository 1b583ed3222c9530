"""Tasks of Azure DevOps: played, or named as needless on this machine. A task that is unknown here is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from rehearsal import agentless
from rehearsal.expressions import NotPlayedError, Result
from rehearsal.log_commands import Heard
from rehearsal.processes import run_process

AGENTLESS = "ms-air-aiagility.vss-services-azureml.azureml-restApi-task.MLPublishedPipelineRestAPITask@0"
NEEDLESS = {
    "UsePythonVersion@0": "the rehearsal's own Python runs the scripts",
    "UseNode@1": "the rehearsal's own Node runs Azurite",
    "PublishTestResults@2": "there is nobody to publish to",
    "PublishCodeCoverageResults@2": "there is nobody to publish to",
    "PublishPipelineArtifact@1": "there is nobody to publish to",
}
"""Tasks that have no effect on this machine, and why."""


def play(
    task: str, inputs: Mapping[str, str], *, root: Path, environment: Mapping[str, str], log: Path
) -> tuple[Result, Heard]:
    """Do what a task does.

    Raises:
        NotPlayedError: The task is unknown, or lacks an input.
    """
    if task in NEEDLESS:
        return Result.SKIPPED, Heard(warnings=[])
    if task != AGENTLESS:
        raise NotPlayedError(f"the task {task} is not played")
    wanted = {"azureSubscription", "PipelineId", "ExperimentName", "PipelineParameters"}
    if set(inputs) != wanted or not all(inputs.values()):
        raise NotPlayedError(f"the task {task} has the inputs {dict(inputs)}, expected are {sorted(wanted)}")
    command = [sys.executable, "-m", agentless.__name__]
    command += [inputs["PipelineId"], inputs["ExperimentName"], inputs["PipelineParameters"]]
    result, heard = run_process(command, root, environment, log)
    if f"exit status {agentless.CANCELLED}" in heard.errors:
        return Result.CANCELED, Heard()
    return result, heard

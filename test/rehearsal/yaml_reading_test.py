"""The pipelines of .pipelines/, read strictly: keys, types, values, tasks and their inputs, for whatever starts a run.

What is known of tasks stands in rehearsal/task_inputs.yml, taken from the tasks' own definitions; the keys are those of
https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from rehearsal.definition import read_definition
from rehearsal.pipeline import CHECKOUT, Definition
from rehearsal.predefined import for_templates, of_run
from rehearsal.results import NotPlayedError
from rehearsal.task_inputs import check_inputs, task_inputs
from rehearsal.yaml_files import read_yaml
from src.common.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / ".pipelines"
TRAINING, INFERENCE, NIGHTLY = "batch_ai-dataprep.yml", "batch_ai-inference.yml", "batch_ai-nightly.yml"
BRANCHES = {"IndividualCI": ("refs/heads/main", "refs/heads/develop"), "PullRequest": ("refs/pull/17/merge",)}
RUNS = [(reason, branch) for reason, branches in BRANCHES.items() for branch in branches] + [
    ("Manual", "refs/heads/topic"),
    ("Schedule", "refs/heads/main"),
]


def choices(name: str) -> list[dict[str, str]]:
    """Values for a pipeline's parameters: the defaults, then each other value of each."""
    found: list[dict[str, str]] = [{}]
    for parameter in read_yaml(FOLDER / name).get("parameters", []):
        kinds = {"boolean": ["true", "false"], "number": ["5"]}
        for value in parameter.get("values", kinds.get(parameter["type"], [])):
            found.append({parameter["name"]: value})
    return found


def read(folder: Path, name: str, reason: str, branch: str, parameters: dict[str, str]) -> Definition:
    """A pipeline, compiled for a run."""
    variables = for_templates(of_run(1, reason, branch))
    return read_definition(folder / name, root=folder, parameters=parameters, variables=variables)


@pytest.mark.parametrize(("reason", "branch"), RUNS)
@pytest.mark.parametrize("name", [TRAINING, INFERENCE, NIGHTLY])
def test_every_pipeline_can_be_read_whatever_starts_it(name: str, reason: str, branch: str) -> None:
    for parameters in choices(name):
        for job in read(FOLDER, name, reason, branch, parameters).jobs():
            assert {step.task.lower() for step in job.steps} <= {CHECKOUT, *task_inputs()}


WRONG = {
    "key of a pipeline": (TRAINING, "\nstages:", "\nstage:", "a template can't stand here"),
    "key of a stage": (TRAINING, "    displayName: Model CI", "    displayNam: Model CI", "'displayNam'"),
    "key of a job": (TRAINING, "        timeoutInMinutes: 60", "        timeoutInMinute: 60", "'timeoutInMinute'"),
    "key of a step": (TRAINING, "            displayName: Lint", "            displayNam: Lint", "'displayNam'"),
    "key of a stage in a template": (
        "templates/train-model.yml",
        "    lockBehavior: sequential",
        "    lockBehaviour: sequential",
        "'lockBehaviour'",
    ),
    "name of a step": ("templates/train-model.yml", "name: find", "name: to find", "'to find'"),
    "kind of a step": (TRAINING, "- script: python dev.py", "- scrip: python dev.py", "'scrip'"),
    "unknown task": (TRAINING, "task: UseNode@1", "task: UseNodes@1", "'UseNodes@1'"),
    "unknown version": (TRAINING, "task: UseNode@1", "task: UseNode@9", "'UseNode@9'"),
    "unknown input": (TRAINING, "testResultsFiles:", "testResultsFile:", "no input testResultsFile"),
    "value of an input": (TRAINING, "testResultsFormat: JUnit", "testResultsFormat: JUni", "one of JUnit"),
    "missing input": (TRAINING, "summaryFileLocation: coverage.xml", "pathToSources: src", "summaryFileLocation"),
    "type of an input": ("templates/azure-ml.yml", "keepAzSessionActive: true", "keepAzSessionActive: soon", "'soon'"),
    "unknown task of an extension": ("templates/train-model.yml", "RestAPITask@0", "RestAPITask@9", "RestAPITask@9"),
    "unknown input of an extension": ("templates/train-model.yml", " PipelineId:", " PipelineI:", "no input PipelineI"),
    "type of a time": (TRAINING, "timeoutInMinutes: 60", "timeoutInMinutes: soon", "whole number"),
    "type of an environment": (
        TRAINING,
        "              AML_PIPELINE_EXEC_MODE: DEV",
        "              AML: [a]",
        "mapping of text",
    ),
    "unknown parameter": (
        TRAINING,
        "wait: ${{ parameters.wait }}",
        "wai: ${{ parameters.wait }}",
        "no parameter 'wai'",
    ),
    "type of a parameter": (TRAINING, "    default: 45", "    default: fifty", "should be a number"),
    "value of a parameter": (TRAINING, "    default: connection", "    default: connections", "allowed are"),
    "unknown function": (TRAINING, "succeededOrFailed()", "succeededOrFaild()", "succeededOrFaild"),
    "lock": ("templates/train-model.yml", "lockBehavior: sequential", "lockBehavior: first", "lockBehavior"),
    "template that is not there": (TRAINING, "templates/python.yml", "templates/pythn.yml", "pythn.yml"),
    "broken YAML": (TRAINING, "  - stage: model_ci", "  - stage: [model_ci", "can't be read"),
    "key of a variable": ("batch_ai-variables.yml", "    value: PROD", "    valu: PROD", "'valu'"),
}


def refusal(folder: Path, parameters: dict[str, str]) -> str:
    """Why the training pipeline is refused, for a push to main; empty where it is not."""
    try:
        read(folder, TRAINING, "IndividualCI", "refs/heads/main", parameters)
    except NotPlayedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("name", "right", "wrong", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_by_name(tmp_path: Path, name: str, right: str, wrong: str, said: str) -> None:
    folder = tmp_path / "pipelines"
    shutil.copytree(FOLDER, folder)
    text = (folder / name).read_text(encoding="utf-8")
    assert right in text
    (folder / name).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    found = [refusal(folder, parameters) for parameters in ({}, {"wait": "agentless"})]
    assert any(said in message for message in found), found


@pytest.mark.parametrize(
    ("task", "inputs", "said"),
    [
        # learn.microsoft.com/azure/devops/pipelines/tasks/reference/azure-cli-v2: scriptPath is required when
        # scriptLocation = scriptPath, inlineScript when scriptLocation = inlineScript
        (
            "AzureCLI@2",
            {"azureSubscription": "a", "scriptType": "bash", "scriptLocation": "inlineScript"},
            "inlineScript",
        ),
        ("AzureCLI@2", {"azureSubscription": "a", "scriptType": "bash", "scriptLocation": "scriptPath"}, "scriptPath"),
        (
            "AzureCLI@2",
            {"scriptType": "bash", "scriptLocation": "inlineScript", "inlineScript": "a"},
            "azureSubscription",
        ),
        ("AzureCLI@2", {"azureSubscription": "a", "scriptType": "sh"}, "ps, pscore, batch, bash"),
        # .../cache-v2: key and path are required
        ("Cache@2", {"path": "a"}, "key"),
        ("Cache@2", {"key": "a"}, "path"),
        # .../use-python-version-v0: architecture is x86, x64 or arm64
        ("UsePythonVersion@0", {"versionSpec": "3.11", "architecture": "ia64"}, "x86, x64, arm64"),
        # .../publish-code-coverage-results-v2
        ("PublishCodeCoverageResults@2", {"summaryFileLocation": "a", "failIfCoverageEmpty": "perhaps"}, "'perhaps'"),
        # .../publish-pipeline-artifact-v1
        ("PublishPipelineArtifact@1", {"targetPath": "a", "publishLocation": "cloud"}, "pipeline, filepath"),
        ("PublishPipelineArtifact@1", {"targetPath": "a", "publishLocation": "filepath"}, "fileSharePath"),
    ],
)
def test_inputs_of_tasks_are_those_of_their_pages(task: str, inputs: dict[str, str], said: str) -> None:
    with pytest.raises(NotPlayedError, match=re.escape(said)):
        check_inputs(task, inputs, "a step")


@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        # the example of learn.microsoft.com/azure/devops/pipelines/process/tasks#task-control-options
        ("UsePythonVersion@0", {"versionSpec": "3.7", "architecture": "x64"}),
        ("PublishTestResults@2", {"testResultsFiles": "**/TEST-*.xml"}),
        # those of .../artifacts/pipeline-artifacts
        (
            "PublishPipelineArtifact@1",
            {"targetPath": "$(System.DefaultWorkingDirectory)/bin", "artifactName": "WebApp"},
        ),
        (
            "DownloadPipelineArtifact@2",
            {"artifact": "WebApp", "patterns": "**/*.js", "path": "$(Build.SourcesDirectory)"},
        ),
        # that of .../process/variables#use-outputs-in-a-different-stage
        ("Bash@3", {"filePath": "script-a.sh"}),
        ("Bash@3", {"targetType": "inline", "script": "echo 'Hello inline version'"}),
    ],
)
def test_the_examples_of_the_pages_are_taken(task: str, inputs: dict[str, str]) -> None:
    check_inputs(task, inputs, "a step")

"""The pipelines as an editor checks them: Microsoft's language server, with Microsoft's schema, over stdio.

The schema is that of the service (https://dev.azure.com/<organisation>/_apis/distributedtask/yamlschema). It is no part
of this repository: BATCHAI_AZURE_PIPELINES_SCHEMA names a copy. Plain JSON-schema validation refuses correct files: the
schema's dialect is an extension. Every number is text in it, so that it takes ``timeoutInMinutes: soon``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.common.settings import PROJECT_ROOT
from test.support.language_server import LanguageServer, started

FOLDER = PROJECT_ROOT / ".pipelines"
SERVER = PROJECT_ROOT / "node_modules" / "azure-pipelines-language-server" / "bin" / "azure-pipelines-language-server"
VARIABLE = "BATCHAI_AZURE_PIPELINES_SCHEMA"
SCHEMA = Path(
    os.environ.get(VARIABLE) or PROJECT_ROOT.parent / "shared" / "reference" / "azure-pipelines-service-schema.json"
)

TASKS: dict[str, tuple[dict[str, str], list[str]]] = {
    "UseNode@1": (
        {
            "version": "string",
            "checkLatest": "boolean",
            "force32bit": "boolean",
            "retryCountOnDownloadFails": "string",
            "delayBetweenRetries": "string",
        },
        [],
    ),
    "PublishCodeCoverageResults@2": (
        {"summaryFileLocation": "string", "pathToSources": "string", "failIfCoverageEmpty": "boolean"},
        ["summaryFileLocation"],
    ),
    "ms-air-aiagility.vss-services-azureml.azureml-restApi-task.MLPublishedPipelineRestAPITask@0": (
        dict.fromkeys(("azureSubscription", "PipelineId", "ExperimentName", "PipelineParameters"), "string"),
        ["azureSubscription", "PipelineId", "ExperimentName"],
    ),
}
"""Inputs that the schema (v1.261.1) lacks, with their types, and those that a task needs. The first two it lists
without them; learn.microsoft.com/azure/devops/pipelines/tasks/reference has them. The third comes from an
extension, which an organisation's own schema holds when it is installed there."""

PIPELINE = "batch_ai-dataprep.yml"
WRONG = {
    "key of a stage": (PIPELINE, "    displayName: Model CI", "    displayNam: Model CI", "displayNam"),
    "dependsOn of a stage": (PIPELINE, "    dependsOn: model_ci", "    dependOn: model_ci", "dependOn"),
    "key of a job": (PIPELINE, "        timeoutInMinutes: 60", "        timeoutInMinute: 60", "timeoutInMinute"),
    "key of a step": (PIPELINE, "            name: find", "            nam: find", "nam"),
    "key of a pipeline": (PIPELINE, "\nstages:", "\nstage:", "stage"),
    "key of a trigger": (PIPELINE, "trigger:\n  branches:", "trigger:\n  branch:", "branch"),
    "kind of a step": (PIPELINE, "- script: echo", "- scrip: echo", "scrip"),
    "unknown task": (PIPELINE, "task: UseNode@1", "task: UseNodes@1", "is not accepted"),
    "unknown task of an extension": (PIPELINE, "RestAPITask@0", "RestAPITask@9", "is not accepted"),
    "unknown input": (PIPELINE, "testResultsFiles:", "testResultsFile:", "testResultsFile"),
    "unknown input of an extension": (PIPELINE, "              PipelineId:", "              PipelineI:", "PipelineI"),
    "value of an input": (PIPELINE, "testResultsFormat: JUnit", "testResultsFormat: JUni", "JUnit"),
    "missing input": (PIPELINE, "summaryFileLocation: coverage.xml", "pathToSources: src", "summaryFileLocation"),
    "type of a time": (PIPELINE, "timeoutInMinutes: 60", "timeoutInMinutes: [60]", "type"),
    "type of an environment": (PIPELINE, "AML_PIPELINE_EXEC_MODE: DEV", "- DEV", "type"),
    "name of a step": (PIPELINE, "name: registration", "name: of registration", "pattern"),
    "broken YAML": (PIPELINE, "  - stage: train_model", "  - stage: [train_model", "YAML"),
    "key of another pipeline": (
        "batch_ai-inference.yml",
        "    timeoutInMinutes",
        "    timeoutInMinute",
        "timeoutInMinute",
    ),
    "key of a template": ("templates/set-up.yml", "    displayName: Install", "    displayNam: Install", "displayNam"),
    "key of a variable": ("batch_ai-variables.yml", "    value: PROD", "    valu: PROD", "valu"),
}


def files() -> list[str]:
    return sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.yml"))


def document(name: str) -> str:
    """A file's text as the schema can judge it.

    The schema describes pipelines. A template of steps has the form of one; a template of variables becomes one with a
    step, into which Azure DevOps would put it.
    """
    text = (FOLDER / name).read_text(encoding="utf-8")
    return f"{text}\nsteps:\n  - script: echo\n" if name == "batch_ai-variables.yml" else text


def organisation_schema() -> dict[str, Any]:
    """The schema with the tasks that it lacks."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    task = schema["definitions"]["task"]
    for name, (inputs, needed) in TASKS.items():
        listed = {value for entry in task["properties"]["task"]["anyOf"] for value in entry["enum"]}
        if name not in listed:
            task["properties"]["task"]["anyOf"].append({"ignoreCase": "value", "enum": [name]})
        properties = {key: {"type": kind, "ignoreCase": "key"} for key, kind in inputs.items()}
        task["anyOf"].append(
            {
                "properties": {
                    "task": {"ignoreCase": "value", "pattern": f"^{name}$"},
                    "inputs": {"properties": properties, "additionalProperties": False, "required": needed},
                },
                "firstProperty": ["task"],
                "required": ["task", "inputs"] if needed else ["task"],
            }
        )
    return schema


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    node = shutil.which("node")
    if node is None or not SERVER.is_file():
        pytest.skip("Node or azure-pipelines-language-server is not installed: npm ci")
    if not SCHEMA.is_file():
        pytest.skip(f"no schema of Azure Pipelines: {VARIABLE} names the file, service-schema.json of its extension")
    schema = tmp_path_factory.mktemp("schema") / "schema.json"
    schema.write_text(json.dumps(organisation_schema()), encoding="utf-8")
    with started([node, str(SERVER), "--stdio"], PROJECT_ROOT, schema=schema) as running:
        yield running


@pytest.mark.skipif(not SCHEMA.is_file(), reason=f"no schema of Azure Pipelines: {VARIABLE} names its file")
def test_the_schema_still_lacks_the_tasks_that_are_added() -> None:
    described = json.loads(SCHEMA.read_text(encoding="utf-8"))["definitions"]["task"]["anyOf"]
    assert not {f"^{name}$" for name in TASKS} & {entry["properties"]["task"]["pattern"] for entry in described}


@pytest.mark.parametrize("name", files())
def test_the_editor_has_nothing_to_say(server: LanguageServer, name: str) -> None:
    assert server.diagnostics((FOLDER / name).as_uri(), document(name)) == []


@pytest.mark.parametrize(("name", "right", "wrong", "said"), WRONG.values(), ids=WRONG)
def test_the_editor_refuses_what_is_wrong(server: LanguageServer, name: str, right: str, wrong: str, said: str) -> None:
    text = document(name)
    assert right in text
    found = server.diagnostics((FOLDER / name).as_uri(), text.replace(right, wrong, 1))
    assert any(said in message for message in found), found

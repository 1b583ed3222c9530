"""The compiled pipelines as an editor checks them: Microsoft's language server, with Microsoft's schema, over stdio.

An extra to test/rehearsal/yaml_reading_test.py, which skips nowhere: the schema is that of the service
(https://dev.azure.com/<organisation>/_apis/distributedtask/yamlschema) and no part of this repository;
TEST_AZURE_PIPELINES_SCHEMA names a copy. Plain JSON-schema validation refuses correct files: the schema's dialect is
an extension. Every number is text in it, so that it takes ``timeoutInMinutes: soon``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.compiling import compiled
from rehearsal.predefined import for_templates, of_run
from rehearsal.task_inputs import task_inputs
from src.common.settings import PROJECT_ROOT
from test.support.language_server import LanguageServer, started

FOLDER = PROJECT_ROOT / ".pipelines"
SERVER = PROJECT_ROOT / "node_modules" / "azure-pipelines-language-server" / "bin" / "azure-pipelines-language-server"
VARIABLE = "TEST_AZURE_PIPELINES_SCHEMA"
SCHEMA = Path(
    os.environ.get(VARIABLE) or PROJECT_ROOT.parent / "shared" / "reference" / "azure-pipelines-service-schema.json"
)

LACKING = (
    *("UseNode@1", "PublishCodeCoverageResults@2"),
    "ms-air-aiagility.vss-services-azureml.azureml-restApi-task.MLPublishedPipelineRestAPITask@0",
)
"""Tasks whose inputs the schema (v1.261.1) lacks: rehearsal/task_inputs.yml has them. The last one comes from an
extension, which an organisation's own schema holds when it is installed there."""
NUMBERS_AND_BOOLEANS = re.compile(r": '(\d+|true|false)'$", flags=re.MULTILINE)
"""The compiler makes all scalars text."""
RUNS = {
    "main": ("batch_ai-dataprep.yml", "BatchedCI", "refs/heads/main", {}),
    "develop, without an agent": ("batch_ai-dataprep.yml", "BatchedCI", "refs/heads/develop", {"wait": "agentless"}),
    "by secret": ("batch_ai-dataprep.yml", "BatchedCI", "refs/heads/main", {"sign_in": "secret"}),
    "pull request": ("batch_ai-dataprep.yml", "PullRequest", "refs/pull/17/merge", {}),
    "inference": ("batch_ai-inference.yml", "Manual", "refs/heads/main", {}),
    "inference elsewhere": ("batch_ai-inference.yml", "Manual", "refs/heads/topic", {}),
    "nightly": ("batch_ai-nightly.yml", "Schedule", "refs/heads/main", {}),
}
WRONG = {
    "key of a stage": ("displayName: Model CI", "displayNam: Model CI", "displayNam"),
    "key of a job": ("timeoutInMinutes: 60", "timeoutInMinute: 60", "timeoutInMinute"),
    "key of a trigger": ("trigger:\n  batch:", "trigger:\n  bach:", "bach"),
    "kind of a step": ("- script: python dev.py", "- scrip: python dev.py", "scrip"),
    "name of a step": ("name: registration", "name: of registration", "pattern"),
    "unknown task": ("task: UseNode@1", "task: UseNodes@1", "is not accepted"),
    "unknown input": ("testResultsFiles:", "testResultsFile:", "testResultsFile"),
    "value of an input": ("testResultsFormat: JUnit", "testResultsFormat: JUni", "JUnit"),
    "missing input": ("summaryFileLocation: coverage.xml", "pathToSources: src", "summaryFileLocation"),
}


def document(name: str, reason: str, branch: str, parameters: Mapping[str, str]) -> str:
    """A pipeline, compiled for a run."""
    variables = for_templates(of_run(1, reason, branch))
    read = compiled(FOLDER / name, PROJECT_ROOT, parameters, variables)
    return NUMBERS_AND_BOOLEANS.sub(r": \1", yaml.safe_dump(read, sort_keys=False, width=10_000))


def organisation_schema() -> dict[str, Any]:
    """The schema with the tasks that it lacks."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    task = schema["definitions"]["task"]
    for name in LACKING:
        listed = {value for entry in task["properties"]["task"]["anyOf"] for value in entry["enum"]}
        if name not in listed:
            task["properties"]["task"]["anyOf"].append({"ignoreCase": "value", "enum": [name]})
        inputs = task_inputs()[name.lower()]
        needed = [key for key, entry in inputs.items() if entry.get("needed") is True]
        properties = {key: {"type": entry.get("type", "string"), "ignoreCase": "key"} for key, entry in inputs.items()}
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
    assert not {f"^{name}$" for name in LACKING} & {entry["properties"]["task"]["pattern"] for entry in described}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_the_editor_has_nothing_to_say(server: LanguageServer, run: tuple[str, str, str, dict[str, str]]) -> None:
    assert server.diagnostics((FOLDER / run[0]).as_uri(), document(*run)) == []


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG.values(), ids=WRONG)
def test_the_editor_refuses_what_is_wrong(server: LanguageServer, right: str, wrong: str, said: str) -> None:
    text = document(*RUNS["main"])
    assert right in text
    found = server.diagnostics((FOLDER / RUNS["main"][0]).as_uri(), text.replace(right, wrong, 1))
    assert any(said in message for message in found), found

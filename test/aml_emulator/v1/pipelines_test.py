"""Pipelines through the SDK: published, found, disabled, triggered, behind an endpoint."""

from pathlib import Path
from typing import Any

import pytest
import requests

from test.aml_emulator.support import ended, python_step, step_of, submit

ECHO = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--word")
print("said", parser.parse_args().word)
"""


@pytest.fixture
def published(workspace: Any, tmp_path: Path) -> Any:
    """A published pipeline of one step and one parameter."""
    from azureml.pipeline.core import Pipeline, PipelineParameter

    word = PipelineParameter("word", default_value="default")
    step = python_step(tmp_path, "echo", ECHO, arguments=["--word", word])
    pipeline = Pipeline(workspace, steps=[step])
    assert pipeline.validate() == []
    return pipeline.publish("echo", description="says a word", version="1.0")


def test_a_published_pipeline_is_found_and_disabled(workspace: Any, published: Any) -> None:
    from azureml.pipeline.core import PublishedPipeline

    found = PublishedPipeline.get(workspace, published.id)
    assert (found.name, found.version, found.description) == ("echo", "1.0", "says a word")
    assert (found.status, found.total_run_steps) == ("Active", 1)
    assert published.id in [one.id for one in PublishedPipeline.list(workspace)]
    found.disable()
    assert published.id not in [one.id for one in PublishedPipeline.list(workspace)]
    assert published.id in [one.id for one in PublishedPipeline.list(workspace, active_only=False)]
    with pytest.raises(Exception, match="is Disabled"):
        found.submit(workspace, "tests")
    found.enable()
    assert PublishedPipeline.get(workspace, published.id).status == "Active"
    with pytest.raises(Exception, match="was not found"):
        PublishedPipeline.get(workspace, "absent")


def test_parameters_reach_the_step(workspace: Any, published: Any) -> None:
    from azureml.pipeline.core import PipelineRun

    run = published.submit(workspace, "triggered", pipeline_parameters={"word": "given"})
    assert ended(run) == "Finished"
    step = step_of(run, "echo")
    assert step.get_stdout_log() == "said given\n"
    assert step.get_properties()["azureml.parameters"] == '{"word": "given"}'
    assert [one.id for one in PipelineRun.get_pipeline_runs(workspace, published.id)] == [run.id]
    assert PipelineRun.get(workspace, run.id).get_status() == "Finished"


def test_the_rest_trigger_starts_a_run(workspace: Any, published: Any) -> None:
    from azureml.core import Experiment
    from azureml.pipeline.core import PipelineRun

    header = workspace._auth.get_authentication_header()
    body: Any = {"ExperimentName": "rest", "ParameterAssignments": {"word": "rest"}, "tags": {"build": "7"}}
    assert requests.post(published.endpoint, json=body, timeout=10).status_code == 401
    answer = requests.post(published.endpoint, headers=header, json=body, timeout=10)
    assert answer.status_code == 200
    run = PipelineRun(Experiment(workspace, "rest"), answer.json()["Id"])
    assert ended(run) == "Finished"
    assert step_of(run, "echo").get_stdout_log() == "said rest\n"
    assert run.get_tags() == {"build": "7"}
    refused = requests.post(published.endpoint, headers=header, json={}, timeout=10)
    assert refused.status_code == 400
    assert "ExperimentName is missing" in refused.json()["error"]["message"]


def test_an_endpoint_leads_to_its_default_version(workspace: Any, published: Any, tmp_path: Path) -> None:
    from azureml.pipeline.core import Pipeline, PipelineEndpoint

    endpoint = PipelineEndpoint.publish(workspace, "door", pipeline=published, description="a door")
    step = python_step(tmp_path, "second", "print('second')")
    second = Pipeline(workspace, steps=[step]).publish("second", version="2.0")
    endpoint.add_default(second)
    found = PipelineEndpoint.get(workspace, name="door")
    assert (found.default_version, found.description) == ("1", "a door")
    assert [one.version for one in found.list_versions()] == ["0", "1"]
    assert {one.id for one in found.list_pipelines()} == {published.id, second.id}
    run = found.submit("behind-a-door")
    assert ended(run) == "Finished"
    assert [one.name for one in run.get_steps()] == ["second"]
    found.set_default_version("0")
    old = found.submit("behind-a-door", pipeline_parameters={"word": "old"})
    by_version = found.submit("behind-a-door", pipeline_version="1")
    assert (ended(old), ended(by_version)) == ("Finished", "Finished")
    assert step_of(old, "echo").get_stdout_log() == "said old\n"
    assert [one.name for one in by_version.get_steps()] == ["second"]
    assert "door" in [one.name for one in PipelineEndpoint.list(workspace)]
    found.disable()
    assert "door" not in [one.name for one in PipelineEndpoint.list(workspace)]
    with pytest.raises(Exception, match="Disabled"):
        found.submit("behind-a-door")


def test_a_run_can_be_published(workspace: Any, tmp_path: Path) -> None:
    run = submit([python_step(tmp_path, "once", "print('once')")])
    assert ended(run) == "Finished"
    again = run.publish_pipeline("from a run", "published afterwards", "3").submit(workspace, "tests")
    assert ended(again) == "Finished"
    assert step_of(again, "once").get_stdout_log() == "once\n"

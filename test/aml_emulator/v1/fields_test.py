"""Strict in every field: what would be left out of account is refused by its name.

The fields are those of the models in ``azureml.pipeline.core._restclients.aeva.models`` and
``azureml._restclient.models`` of azureml-pipeline-core 1.62 and azureml-core 1.61.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from test.aml_emulator.in_process import Emulator

RUN = "/history/v1.0{ws}/experiments/e/runs/r"
PIPELINES = "/pipelines/v1.0{ws}"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    found = Emulator(tmp_path)
    yield found
    found.site.close()


def message(reply: Any) -> str:
    return str(reply.content["error"]["message"])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/Pipelines/Create", {"Name": "p", "Graph": {}, "CompositeNodesEnabled": True}, "CompositeNodesEnabled"),
        ("/PipelineRuns/PipelineSubmit/x", {"ExperimentName": "e", "ScheduleId": "s"}, "ScheduleId"),
        ("/PipelineRuns/PipelineSubmit/x", {"ExperimentName": "e", "NoSuchField": 1}, "NoSuchField"),
        ("/PipelineEndpoints/Create", {"Name": "n", "PipelineId": "p", "Colour": "red"}, "Colour"),
    ],
)
def test_a_field_that_is_not_served_is_named(emulator: Emulator, path: str, body: Any, field: str) -> None:
    reply = emulator.ask("POST", PIPELINES + path, body)
    assert reply.status == 501
    assert f"field {field} of POST" in message(reply)
    assert any(field in call for call in emulator.site.unserved.listed())
    null = emulator.ask("POST", PIPELINES + path, {**body, field: None})
    assert null.status != 501


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/Pipelines/Create", {"Graph": {}}, "'Name' is missing"),
        ("/Pipelines/Create", {"Name": 7, "Graph": {}}, "'Name' cannot be 7"),
        ("/Pipelines/Create", {"Name": "p", "Graph": []}, "'Graph' cannot be []"),
        ("/PipelineEndpoints/Create", {"Name": "n"}, "'PipelineId' is missing"),
        ("/Modules", {"StructuredInterface": "x"}, "'StructuredInterface' cannot be 'x'"),
    ],
)
def test_a_field_that_is_missing_or_of_another_kind_is_named(
    emulator: Emulator, path: str, body: Any, words: str
) -> None:
    reply = emulator.ask("POST", PIPELINES + path, body)
    assert reply.status == 400, reply
    assert words in message(reply)


def test_a_module_needs_a_snapshot_that_is_there(emulator: Emulator) -> None:
    body = {"Name": "m", "StorageId": "7f3b5c1e-0000-4000-8000-000000000000", "StructuredInterface": {}}
    reply = emulator.ask("POST", f"{PIPELINES}/Modules", body)
    assert (reply.status, message(reply)) == (404, f"Snapshot '{body['StorageId']}' was not found.")


def test_an_event_that_is_not_known_is_named(emulator: Emulator) -> None:
    emulator.ask("PATCH", RUN, {})
    known = "Microsoft.MachineLearning.Run."
    for name in ("Start", "Heartbeat", "Warning", "Completed"):
        assert emulator.ask("POST", f"{RUN}/events", {"name": known + name, "data": {}}).status == 200
    reply = emulator.ask("POST", f"{RUN}/events", {"name": f"{known}Paused"})
    assert reply.status == 501
    assert "does not serve the event 'Microsoft.MachineLearning.Run.Paused'" in message(reply)


@pytest.mark.parametrize("response", [{}, {"error": None}, {"error": {}}, {"error": "text"}, {"message": "x"}])
def test_an_error_says_what_it_is(emulator: Emulator, response: Any) -> None:
    emulator.ask("PATCH", RUN, {})
    event = {"name": "Microsoft.MachineLearning.Run.Error", "data": {"ErrorResponse": response}}
    assert emulator.ask("POST", f"{RUN}/events", event).status == 400
    assert emulator.ask("PATCH", RUN, {"error": response or {"code": "x"}}).status == 400
    assert "Error</h2>" not in emulator.page("/runs/r")


def test_an_error_of_an_older_state_is_shown_as_it_is(emulator: Emulator) -> None:
    emulator.ask("PATCH", RUN, {})
    emulator.store.runs.change(emulator.workspace.id, "r", {"error": {"message": "no inner error"}})
    assert "no inner error" in emulator.page("/runs/r")


def test_a_file_of_any_name_is_linked(emulator: Emulator) -> None:
    emulator.ask("PATCH", RUN, {})
    emulator.store.artifacts.register(emulator.workspace.id, "ExperimentRun", "dcid.r", "outputs/a#b?c%20d.txt")
    assert 'href="/files/r/outputs/a%23b%3Fc%2520d.txt"' in emulator.page("/runs/r")


def test_all_runs_come_page_by_page_in_the_order_asked_for(emulator: Emulator) -> None:
    for number in range(505):
        emulator.store.runs.create(emulator.workspace.id, "e", run=f"r{number}", tags={"odd": str(number % 2)})
    path, found, token = "/history/v1.0{ws}/experiments/e/runs:query", [], None
    while True:
        sent = {"top": 500, "orderby": ["RunNumber asc"], "continuationToken": token, "filter": ""}
        reply = emulator.ask("POST", path, sent)
        found += [run["runId"] for run in reply.content["value"]]
        if (token := reply.content["continuationToken"]) is None:
            break
    assert found == [f"r{number}" for number in range(505)]
    newest = emulator.ask("POST", path, {"top": 1, "orderby": "RunNumber desc"}).content
    assert ([run["runId"] for run in newest["value"]], newest["continuationToken"]) == (["r504"], "1")
    for wrong in ({"orderby": ["Colour asc"]}, {"orderby": ["a b c"]}, {"continuationToken": "x"}, {"orderby": 7}):
        assert emulator.ask("POST", path, wrong).status == 400


def test_environments_of_the_same_content_are_one_version(emulator: Emulator) -> None:
    path = "/environment/v1.0{ws}/environments/env"
    first = {"name": "env", "python": {"condaDependencies": {"name": "x", "channels": []}}, "docker": {"enabled": True}}
    other_order = {"docker": {"enabled": True}, "python": {"condaDependencies": {"channels": [], "name": "x"}}}
    assert emulator.ask("PUT", path, first).content["version"] == "1"
    assert emulator.ask("PUT", path, other_order).content["version"] == "1"
    assert emulator.ask("PUT", path, {**first, "docker": {"enabled": False}}).content["version"] == "2"


def test_the_clouds_are_told_before_anybody_signs_in(emulator: Emulator) -> None:
    (cloud,) = emulator.ask("GET", "/metadata/endpoints?api-version=2019-05-01", token="none").content
    assert (cloud["name"], cloud["authentication"]["loginEndpoint"]) == (
        "AzureCloud",
        "https://login.microsoftonline.com/",
    )

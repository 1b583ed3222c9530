"""What the server answers by itself: no token, no route, no JSON."""

import json
import urllib.error
import urllib.request

import pytest

from aml_emulator.runtime.stack import Stack
from test.aml_emulator.support import GROUP, NAME, SUBSCRIPTION

SCOPE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{NAME}"
)


def ask(
    emulator: Stack, path: str, *, method: str = "GET", token: str | None = None, body: bytes | None = None
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(emulator.site.base_url + path, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    "path",
    [
        SCOPE,
        f"/pipelines/v1.0{SCOPE}/Pipelines",
        f"/history/v1.0{SCOPE}/experiments/x",
        f"/modelmanagement/v1.0{SCOPE}/models",
        "/subscriptions",
    ],
)
def test_nothing_is_answered_without_a_token(emulator: Stack, path: str) -> None:
    status, text = ask(emulator, path)
    assert status == 401
    assert "carries no bearer token" in text
    assert ask(emulator, path, token="a.b.c")[0] == 401
    assert ask(emulator, path, token=emulator.site.tokens.issue("x", lifetime=-1))[0] == 401


def test_a_call_that_is_not_served_is_named_and_listed(emulator: Stack) -> None:
    path = f"/pipelines/v1.0{SCOPE}/GraphDrafts/0f8fad5b-d9cb-469f-a165-70867728950e"
    status, text = ask(emulator, path, token=emulator.site.tokens.issue("x"))
    assert status == 501
    name = "GET /pipelines/v1.0{workspace}/GraphDrafts/{id}"
    assert f"does not serve {name}" in text
    assert json.loads(ask(emulator, "/emulator/unserved", token=emulator.site.door.secret)[1])[name] == 1


def test_case_and_doubled_slashes_do_not_matter(emulator: Stack) -> None:
    path = f"/pipelines/v1.0/{SCOPE.upper()}//pipelines/"
    assert ask(emulator, path, token=emulator.site.tokens.issue("x"))[0] == 200


def test_another_workspace_is_not_there(emulator: Stack) -> None:
    path = f"/history/v1.0{SCOPE}x/experiments/a"
    status, text = ask(emulator, path, token=emulator.site.tokens.issue("x"))
    assert status == 404
    assert "'workspacex' was not found" in text


def test_a_body_that_is_not_json_is_refused(emulator: Stack) -> None:
    path = f"/pipelines/v1.0{SCOPE}/Pipelines/Create"
    status, text = ask(emulator, path, method="POST", token=emulator.site.tokens.issue("x"), body=b"{")
    assert status == 400
    assert "this is not JSON" in text

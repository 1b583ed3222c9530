"""Faults on request: their language, and what the SDK makes of them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aml_emulator.door.faults import Faults, FaultSyntaxError, parse_fault
from aml_emulator.runtime.stack import Stack
from test.aml_emulator.support import ended, python_step


@pytest.mark.parametrize(
    ("rule", "action", "seconds", "left"),
    [
        ("503 on POST /pipelines/** twice", "503", 0, 2),
        ("401 on * /history/** once", "401", 0, 1),
        ("delay 2s on GET /modelmanagement/** 3 times", "delay", 2, 3),
        ("delay 0.25s on get /a", "delay", 0.25, None),
        ("drop on POST /metric/**", "drop", 0, None),
        ("expired-token  on GET  /pipelines/** once", "expired-token", 0, 1),
        ("lag 5s on GET /pipelines/**", "lag", 5, None),
    ],
)
def test_rules_are_read(rule: str, action: str, seconds: float, left: int | None) -> None:
    fault = parse_fault(rule)
    assert (fault.action, fault.seconds, fault.left) == (action, seconds, left)


@pytest.mark.parametrize("rule", ["", "503", "explode on GET /a", "503 on GET a", "delay on GET /a", "42 on GET /a"])
def test_other_rules_are_refused(rule: str) -> None:
    with pytest.raises(FaultSyntaxError, match="ACTION on METHOD PATH"):
        parse_fault(rule)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/pipelines/**", "/pipelines/v1.0/subscriptions/s/Modules", True),
        ("/PIPELINES/**", "/pipelines/v1.0", True),
        ("/pipelines/*", "/pipelines/v1.0/more", False),
        ("/**/Modules", "/pipelines/v1.0/Modules", True),
        ("/a.b", "/aXb", False),
    ],
)
def test_paths_are_matched(pattern: str, path: str, fits: bool) -> None:
    assert bool(Faults([f"503 on GET {pattern}"]).take("GET", path)) is fits


@given(times=st.integers(0, 5), asked=st.integers(0, 8))
def test_a_rule_holds_so_many_times(times: int, asked: int) -> None:
    faults = Faults([f"500 on * /** {times} times"])
    met = sum(bool(faults.take("PUT", "/x/y")) for _ in range(asked))
    assert met == min(times, asked)
    assert faults.listed() == [{"rule": f"500 on * /** {times} times", "hits": met, "left": times - met}]


@pytest.fixture
def faults(sdk: Stack) -> Iterator[Faults]:
    yield sdk.site.faults
    sdk.site.faults.clear()


def test_the_sdk_tries_again_after_503(workspace: Any, faults: Faults) -> None:
    from azureml.core import Experiment

    faults.add("503 on GET /history/** once")
    faults.add("drop on GET /history/** once")
    assert Experiment(workspace, "kept-on-trying").id
    assert list(Experiment(workspace, "kept-on-trying").get_runs()) == []


def test_an_expired_token_is_refused(workspace: Any, faults: Faults) -> None:
    from azureml.core import Model

    faults.add("expired-token on GET /modelmanagement/**")
    with pytest.raises(Exception, match="Unauthorized"):
        Model.list(workspace, name="any")
    faults.clear()
    assert Model.list(workspace, name="any") == []


def test_a_listing_lags(workspace: Any, faults: Faults, tmp_path: Path) -> None:
    from azureml.pipeline.core import Pipeline, PublishedPipeline

    published = Pipeline(workspace, steps=[python_step(tmp_path, "lags", "print(1)")]).publish("lags")
    faults.add("lag 600s on GET /pipelines/**")
    assert published.id not in [one.id for one in PublishedPipeline.list(workspace)]
    assert PublishedPipeline.get(workspace, published.id).name == "lags"
    faults.clear()
    assert published.id in [one.id for one in PublishedPipeline.list(workspace)]


def test_a_step_outlives_lost_replies(workspace: Any, faults: Faults, tmp_path: Path) -> None:
    from azureml.core import Experiment
    from azureml.pipeline.core import Pipeline

    script = "from azureml.core import Run\nrun = Run.get_context()\nrun.log('m', 1)\nrun.parent.log('p', 2)"
    faults.add("drop on POST /metric/** once")
    run = Experiment(workspace, "faults").submit(Pipeline(workspace, [python_step(tmp_path, "logs", script)]))
    assert ended(run) == "Finished"
    (step,) = run.get_steps()
    assert (step.get_metrics(), run.get_metrics()) == ({"m": 1}, {"p": 2})


def test_faults_come_and_go_while_it_runs(sdk: Stack) -> None:
    address = f"{sdk.site.base_url}/emulator/faults"

    def ask(method: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {sdk.site.door.secret}"}
        request = urllib.request.Request(address, data=data, method=method, headers=headers)
        return json.load(urllib.request.urlopen(request, timeout=10))

    assert ask("POST", {"rule": "500 on GET /nothing"}) == [{"rule": "500 on GET /nothing", "hits": 0, "left": None}]
    with pytest.raises(urllib.error.HTTPError, match="400"):
        ask("POST", {"rule": "nonsense"})
    assert len(ask("GET")) == 1
    assert ask("DELETE") == []

"""Every rule of docs/azure-devops-rules.yml, by the examples that stand there: the values are of Microsoft's pages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.compiling import compiled
from rehearsal.conditions import Before, holds, job_status
from rehearsal.expressions import Scope, evaluate
from rehearsal.log_commands import Heard
from rehearsal.outcomes import RunOutcome
from rehearsal.player import Player
from rehearsal.predefined import for_templates, of_run
from rehearsal.results import NotPlayedError, Result
from rehearsal.triggers import Event, reason
from rehearsal.variables import Variable, Variables
from rehearsal.yaml_files import read_yaml
from test.rehearsal.playing import MAIN, log, player

FILE = Path(__file__).resolve().parents[2] / "docs" / "azure-devops-rules.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(FILE.read_text(encoding="utf-8")).values() for rule in group
]
OPTIONS = ("files", "parameters", "groups", "secrets", "connections", "cancels_at", "paid", "minute")
Example = Mapping[str, Any]


def examples(kind: str) -> list[Any]:
    """The examples of one kind, each with its rule's id as its name."""
    return [
        pytest.param(example, id=f"{rule['id']}-{number}")
        for rule in RULES
        for number, example in enumerate(rule["examples"], start=1)
        if next(key for key in KINDS if key in example) == kind
    ]


KINDS = ("expression", "condition", "macros", "event", "lines", "compiled", "yaml")


def test_every_rule_is_whole() -> None:
    assert len(RULES) >= 60
    assert len({rule["id"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule) == {"id", "rule", "page", "examples"}, rule["id"]
        assert rule["examples"], rule["id"]
        assert (
            rule["page"].startswith(("https://learn.microsoft.com/", "https://github.com/microsoft/"))
            or "://" not in rule["page"]
        )


@pytest.mark.parametrize("example", examples("expression"))
def test_expressions(example: Example) -> None:
    variables = Variables(Variable(name, value) for name, value in example.get("variables", {}).items())
    scope = Scope({"variables": variables, "parameters": example.get("parameters", {})})
    if "refused" in example:
        with pytest.raises(NotPlayedError) as refused:
            evaluate(example["expression"], scope)
        assert example["refused"] in str(refused.value)
        return
    given, expected = evaluate(example["expression"], scope), example["gives"]
    assert given == expected
    assert isinstance(given, bool) == isinstance(expected, bool)


@pytest.mark.parametrize("example", examples("condition"))
def test_conditions(example: Example) -> None:
    results = {name: Result(value) for name, value in example.get("jobs", {}).items()}
    functions = Before(results, canceled=example.get("canceled", False)).functions()
    if "job_status" in example:
        functions = job_status(Result(example["job_status"]))
    if "refused" in example:
        with pytest.raises(NotPlayedError) as refused:
            holds(example["condition"], {}, functions)
        assert example["refused"] in str(refused.value)
    else:
        assert holds(example["condition"], {}, functions) is example["holds"]


@pytest.mark.parametrize("example", examples("macros"))
def test_macros(example: Example) -> None:
    variables = Variables(Variable(name, value) for name, value in example["variables"].items())
    assert variables.macros(example["macros"]) == example["gives"]


@pytest.mark.parametrize("example", examples("event"))
def test_triggers(example: Example, tmp_path: Path) -> None:
    file = tmp_path / "azure-pipelines.yml"
    file.write_text(example["yaml"], encoding="utf-8")
    event = {**example["event"], "paths": tuple(example["event"].get("paths", ()))}
    assert reason(read_yaml(file), Event(**event)) == example["reason"]


@pytest.mark.parametrize("example", examples("lines"))
def test_log_commands(example: Example) -> None:
    heard = Heard()
    if "refused" in example:
        with pytest.raises(NotPlayedError) as refused:
            list(map(heard.line, example["lines"]))
        assert example["refused"] in str(refused.value)
        return
    for line in example["lines"]:
        heard.line(line)
    found = {key: value for key, value in asdict(heard).items() if value}
    if "variables" in found:
        found["variables"] = {item["name"]: item["value"] for item in found["variables"]}
    assert found == example["heard"]


@pytest.mark.parametrize("example", examples("compiled"))
def test_compiled_templates(example: Example, tmp_path: Path) -> None:
    for name, text in {"azure-pipelines.yml": example["yaml"], **example.get("files", {})}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    build = for_templates(of_run(1, "IndividualCI", MAIN))
    document = compiled(tmp_path / "azure-pipelines.yml", tmp_path, example.get("parameters", {}), build)
    assert {key: document[key] for key in example["compiled"]} == _written(example["compiled"])


def _written(value: Any) -> Any:
    """A value of the table as the YAML of a pipeline has it: text."""
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    return [_written(item) for item in value] if isinstance(value, list) else str(value)


@pytest.mark.skipif(os.name == "nt", reason="the scripts are those of a Linux agent")
@pytest.mark.parametrize("example", examples("yaml"))
def test_pipelines(example: Example, tmp_path: Path) -> None:
    options = {key: example[key] for key in OPTIONS if key in example}
    if "refused" in example:
        with pytest.raises(NotPlayedError) as refused:
            played(player(tmp_path, example["yaml"], **options), example, tmp_path)
        assert example["refused"] in str(refused.value)
    else:
        played(player(tmp_path, example["yaml"], **options), example, tmp_path)


def played(one: Player, example: Example, folder: Path) -> None:
    """Play a pipeline and compare what it does with what the table says."""
    run = one.run()
    for place, result in example.get("ends", {}).items():
        assert ended(run, place) == result, place
    if "status" in example:
        assert run.status == example["status"]
    for place, text in example.get("prints", {}).items():
        stage, job, step = place.split("/")
        assert lines(log(folder, job, int(step), stage=stage)) == lines(text), place
    for kind in ("errors", "warnings"):
        if kind in example:
            assert [text for step in run.steps() for text in getattr(step, kind)] == example[kind]
    if "tags" in example:
        assert run.tags == example["tags"]
    if "again" in example:
        one.around.stand_ins = example.get("repaired", {})
        run = one.rerun_failed()
        for place, result in example["again"].items():
            assert ended(run, place) == result, place
        for place, text in example.get("prints_again", {}).items():
            stage, job, attempt, step = place.split("/")
            assert lines(log(folder, job, int(step), stage=stage, attempt=int(attempt))) == lines(text), place
    if "artifacts" in example:
        assert run.artifacts == example["artifacts"]


def ended(run: RunOutcome, place: str) -> str:
    """How a stage, a job or a step ended."""
    stage, *rest = place.split("/")
    if not rest:
        return run.stages[stage].result.value
    job = run.stages[stage].jobs.get(rest[0])
    if job is None:
        return Result.SKIPPED.value
    return job.steps[int(rest[1]) - 1].result.value if rest[1:] else job.result.value


def lines(text: str) -> list[str]:
    """Lines without the space at their ends."""
    return [line.rstrip() for line in text.strip().splitlines()]

"""Pipelines' files as stages, jobs and steps; what is not understood is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.definition import read_definition
from rehearsal.pipeline import Definition
from rehearsal.results import NotPlayedError

PIPELINE = """
trigger: none
variables:
  - group: shared
  - name: COLOUR
    value: blue
  - template: more.yml
stages:
  - stage: one
    displayName: The first
    jobs:
      - job: a
        pool:
          vmImage: ubuntu-latest
        timeoutInMinutes: 60
        steps:
          - template: steps/common.yml
          - script: ls
            name: list
            env:
              SWITCH: true
      - job: b
        dependsOn: a
        pool: server
        continueOnError: true
        variables:
          COUNT: 3
        steps:
          - task: Cache@2
            condition: always()
            inputs:
              key: "a"
              path: b
"""


def read(folder: Path, text: str = PIPELINE) -> Definition:
    """The definition of this pipeline, beside its templates."""
    (folder / "steps").mkdir(exist_ok=True)
    (folder / "steps" / "common.yml").write_text("steps:\n  - script: echo common\n", encoding="utf-8")
    (folder / "more.yml").write_text("variables:\n  - name: FAST\n    value: true\n", encoding="utf-8")
    file = folder / "pipeline.yml"
    file.write_text(text, encoding="utf-8")
    return read_definition(file)


def test_stages_jobs_and_steps(tmp_path: Path) -> None:
    definition = read(tmp_path)
    assert (definition.variables, definition.groups) == ({"COLOUR": "blue", "FAST": "true"}, ("shared",))
    (stage,) = definition.stages
    assert (stage.title, stage.condition, stage.depends_on) == ("The first", "succeeded()", ())
    a, b = stage.jobs
    assert (a.depends_on, a.pool.server, a.continue_on_error, a.timeout) == ((), False, False, 60)
    assert (b.depends_on, b.pool.server, b.continue_on_error, b.timeout) == (("a",), True, True, None)
    common, listed = a.steps
    assert (common.task, common.script, common.title, common.condition) == (
        "CmdLine@2",
        "echo common",
        "CmdLine",
        "succeeded()",
    )
    assert (listed.name, listed.env) == ("list", {"SWITCH": "true"})
    assert (b.steps[0].task, b.steps[0].inputs, b.steps[0].condition) == (
        "Cache@2",
        {"key": "a", "path": "b"},
        "always()",
    )


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("trigger: none", "resources: {}", "'resources'"),
        ("    displayName: The first", "    displayNam: The first", "'displayNam'"),
        ("        timeoutInMinutes: 60", "        timeout: 60", "'timeout'"),
        ("            name: list", "            workingDir: src", "'workingDir'"),
        ("    value: blue", "    value: blue\n    readOnly: true", "'readOnly'"),
        ("stages:\n", "stage:\n", "'stage'"),
        ("  - stage: one\n", "  - condition: one\n", "first key of a stage"),
        ("      - job: b\n", "      - condition: b\n", "first key of a job"),
        ("          - script: ls\n", "          - script: ls\n            task: Ls@1\n", "'task'"),
        ("          - script: ls\n", "          - ls\n          - script: ls\n", "'ls'"),
        ("    value: blue", "    valu: blue", "'valu'"),
        ("  - name: COLOUR\n    value: blue\n", "  - name: COLOUR\n", "no value"),
        ("          COUNT: 3", "          - COUNT", "COUNT"),
        ("              SWITCH: true", "              - SWITCH", "SWITCH"),
        ("        dependsOn: a", "        dependsOn: c", "'b' depends on c"),
        ("        continueOnError: true", "        continueOnError: perhaps", "'perhaps'"),
        ("            condition: always()", "            condition: $(WHEN)", "$(WHEN)"),
        ("steps/common.yml", "steps/missing.yml", "missing.yml"),
        ("trigger: none", "trigger: [none", "can't be read"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path: Path, right: str, wrong: str, named: str) -> None:
    assert right in PIPELINE
    with pytest.raises(NotPlayedError, match=r"\w+\.yml") as refused:
        read(tmp_path, PIPELINE.replace(right, wrong, 1))
    assert named in str(refused.value)


@pytest.mark.parametrize("text", ["", "- 1", "steps", "stages: {}", "{}"])
def test_what_is_no_pipeline_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotPlayedError, match=r"pipeline\.yml"):
        read(tmp_path, text)

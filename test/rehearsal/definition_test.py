"""Pipelines' files as stages, jobs and steps; what is not understood is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.definition import Definition, read_definition
from rehearsal.expressions import NotPlayedError

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
          - task: Wait@1
            condition: always()
            inputs:
              minutes: 5
  - stage: two
    jobs: []
  - stage: three
    dependsOn: one
    condition: failed()
    jobs: []
  - stage: four
    dependsOn: []
    jobs: []
"""


def read(folder: Path, text: str = PIPELINE) -> Definition:
    """The definition of this pipeline, beside its templates."""
    (folder / "steps").mkdir(exist_ok=True)
    (folder / "steps" / "common.yml").write_text("steps:\n  - script: echo common\n", encoding="utf-8")
    (folder / "more.yml").write_text("variables:\n  - name: FAST\n    value: true\n", encoding="utf-8")
    file = folder / "pipeline.yml"
    file.write_text(text, encoding="utf-8")
    return read_definition(file)


def test_variables_come_from_the_file_and_its_template(tmp_path: Path) -> None:
    definition = read(tmp_path)
    assert definition.variables == {"COLOUR": "blue", "FAST": "true"}
    assert definition.groups == ("shared",)


def test_a_stage_depends_on_the_one_before_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert {stage.name: stage.depends_on for stage in read(tmp_path).stages} == {
        "one": (),
        "two": ("one",),
        "three": ("one",),
        "four": (),
    }


def test_titles_and_conditions_have_defaults(tmp_path: Path) -> None:
    one, two, three, _ = read(tmp_path).stages
    assert (one.title, two.title) == ("The first", "two")
    assert (one.condition, three.condition) == ("succeeded()", "failed()")


def test_jobs_and_steps(tmp_path: Path) -> None:
    a, b = read(tmp_path).stages[0].jobs
    assert (a.depends_on, a.server, a.continue_on_error) == ((), False, False)
    assert (b.depends_on, b.server, b.continue_on_error, b.variables) == (("a",), True, True, {"COUNT": "3"})
    common, listed = a.steps
    assert (common.script, common.title, common.condition) == ("echo common", "echo common", "succeeded()")
    assert (listed.name, listed.env) == ("list", {"SWITCH": "true"})
    assert (b.steps[0].task, b.steps[0].inputs, b.steps[0].condition) == ("Wait@1", {"minutes": "5"}, "always()")


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("trigger: none", "resources: {}", "'resources'"),
        ("    displayName: The first", "    displayNam: The first", "'displayNam'"),
        ("        timeoutInMinutes: 60", "        timeout: 60", "'timeout'"),
        ("            name: list", "            workingDirectory: src", "'workingDirectory'"),
        ("    value: blue", "    value: blue\n    readonly: true", "'readonly'"),
        ("stages:\n", "stage:\n", "'stage'"),
        ("  - stage: two\n    jobs: []", "  - stage: two", "no jobs"),
        ("  - stage: two\n", "  - displayName: two\n", "no stage"),
        ("      - job: b\n", "      - displayName: b\n", "no job"),
        ("          - script: ls\n", "          - displayName: ls\n", "a script or a task"),
        ("          - script: ls\n", "          - script: ls\n            task: Ls@1\n", "a script or a task"),
        ("          - script: ls\n", "          - ls\n          - script: ls\n", "'ls'"),
        ("    value: blue", "    valu: blue", "'valu'"),
        ("  - name: COLOUR\n    value: blue\n", "  - name: COLOUR\n", "no value"),
        ("          COUNT: 3", "          - COUNT", "COUNT"),
        ("              SWITCH: true", "              - SWITCH", "SWITCH"),
        ("    jobs: []\n  - stage: three", "    jobs: none\n  - stage: three", "'none'"),
        ("        dependsOn: a", "        dependsOn: c", "'b' depends on c"),
        ("    dependsOn: one", "    dependsOn: [one, four]", "'three' depends on four"),
        ("  - stage: two", "  - stage: one", "'one' is there twice"),
        ("steps/common.yml", "steps/missing.yml", "missing.yml"),
        ("trigger: none", "trigger: [none", "can't be read"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path: Path, right: str, wrong: str, named: str) -> None:
    assert right in PIPELINE
    with pytest.raises(NotPlayedError, match=r"\w+\.yml") as refused:
        read(tmp_path, PIPELINE.replace(right, wrong, 1))
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("    value: blue", "    value: ${{ parameters.colour }}"),
        ("    displayName: The first", "    displayName: ${{ variables.title }}"),
        ("SWITCH: true", "SWITCH: ${{ true }}"),
        ("COUNT: 3", "COUNT: ${{ 3 }}"),
        ("minutes: 5", "minutes: ${{ 5 }}"),
        ("COUNT: 3", "${{ if true }}: 3"),
        ("vmImage: ubuntu-latest", "vmImage: ${{ 'ubuntu' }}"),
    ],
)
def test_a_template_expression_is_refused_wherever_it_stands(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in PIPELINE
    with pytest.raises(NotPlayedError, match=r"template expression.*\$\{\{"):
        read(tmp_path, PIPELINE.replace(right, wrong, 1))


@pytest.mark.parametrize("text", ["", "- 1", "steps", "stages: {}"])
def test_what_is_no_pipeline_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotPlayedError, match=r"pipeline\.yml"):
        read(tmp_path, text)

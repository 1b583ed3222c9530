"""Small pipelines, played with real processes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from rehearsal.definition import read_definition
from rehearsal.expressions import NotPlayedError, Result
from rehearsal.player import Player, combined
from rehearsal.processes import checkout

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts are those of a Linux agent")


def player(folder: Path, stages: str, **skipped: str) -> Player:
    """A player of these stages, in a project that holds nothing else."""
    file = folder / "pipeline.yml"
    file.write_text("variables:\n  - name: COLOUR\n    value: blue\nstages:\n" + stages, encoding="utf-8")
    return Player(
        definition=read_definition(file),
        root=folder,
        variables={"Build.Reason": "Manual", "KEY": "hidden"},
        secrets=frozenset({"KEY"}),
        environment={},
        logs=folder / "logs",
        skipped=skipped,
    )


def log(folder: Path, job: str, step: int = 1) -> str:
    """What a step printed."""
    return (folder / "logs" / job / f"{step}.log").read_text(encoding="utf-8")


def test_variables_reach_scripts_and_secrets_only_where_they_are_mapped(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - script: 'echo "$COLOUR $BUILD_REASON $(COLOUR) [${KEY-}] [${MINE-}]"'
          - script: 'echo "[$MINE]"'
            env:
              MINE: $(KEY)
"""
    assert player(tmp_path, stages).run() is Result.SUCCEEDED
    assert log(tmp_path, "first") == "blue Manual blue [] []\n"
    assert log(tmp_path, "first", 2) == "[hidden]\n"


def test_an_output_variable_reaches_the_next_job(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - script: 'echo "##vso[task.setvariable variable=ID;isOutput=true]42"'
            name: find
          - script: 'echo "##vso[task.setvariable variable=LOCAL]7"'
          - script: echo "$LOCAL"
      - job: second
        dependsOn: first
        variables:
          FOUND: $[ dependencies.first.outputs['find.ID'] ]
        steps:
          - script: 'echo "$FOUND [${LOCAL-}]"'
"""
    assert player(tmp_path, stages).run() is Result.SUCCEEDED
    assert log(tmp_path, "first", 3) == "7\n"
    assert log(tmp_path, "second") == "42 []\n"


def test_after_a_failed_step_only_those_run_that_ask_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - script: echo why; false
          - script: echo never
          - script: echo after
            condition: succeededOrFailed()
  - stage: two
    jobs:
      - job: second
        steps:
          - script: echo never
"""
    assert player(tmp_path, stages).run() is Result.FAILED
    assert not (tmp_path / "logs" / "first" / "2.log").exists()
    assert log(tmp_path, "first", 3) == "after\n"
    assert not (tmp_path / "logs" / "second").exists()
    printed = capsys.readouterr().out
    assert "| why" in printed
    assert "error: exit status 1" in printed
    assert "two: skipped" in printed


def test_a_script_that_has_issues_makes_the_build_yellow(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - script: |
              echo "##vso[task.logissue type=warning]not registered"
              echo "##vso[task.complete result=SucceededWithIssues;]"
"""
    played = player(tmp_path, stages)
    assert played.run() is Result.ISSUES
    assert played.messages == ["not registered"]


def test_a_failed_job_that_may_fail_lets_the_next_one_run(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        continueOnError: true
        steps:
          - script: exit 3
      - job: second
        dependsOn: first
        steps:
          - script: echo on
"""
    assert player(tmp_path, stages).run() is Result.ISSUES
    assert log(tmp_path, "second") == "on\n"


def test_a_job_behind_a_skipped_one_is_skipped_unless_its_condition_says_otherwise(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        condition: eq(variables['COLOUR'], 'red')
        steps:
          - script: echo never
      - job: second
        dependsOn: first
        steps:
          - script: echo never
      - job: third
        dependsOn: first
        condition: not(canceled())
        steps:
          - script: echo on
"""
    assert player(tmp_path, stages).run() is Result.SUCCEEDED
    assert not (tmp_path / "logs" / "second").exists()
    assert log(tmp_path, "third") == "on\n"


def test_an_unknown_task_is_refused_by_name(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - task: CopyFiles@2
"""
    with pytest.raises(NotPlayedError, match="CopyFiles@2"):
        player(tmp_path, stages).run()


@pytest.mark.parametrize(
    ("stages", "named"),
    [
        ("  - stage: one\n    dependOn: zero\n    jobs: []\n", "dependOn"),
        ("  - stage: one\n    jobs:\n      - job: a\n        strategy: {}\n        steps: []\n", "strategy"),
        ("  - stage: one\n    jobs:\n      - job: a\n        steps:\n          - bash: ls\n", "bash"),
        ("  - stage: one\n    condition: ${{ true }}\n    jobs: []\n", "template expression"),
        ("  - stage: one\n    jobs:\n      - job: a\n        steps:\n          - name: x\n", "a script or a task"),
    ],
)
def test_keys_that_are_not_played_are_refused_by_name(tmp_path: Path, stages: str, named: str) -> None:
    with pytest.raises(NotPlayedError, match=named):
        player(tmp_path, stages)


def test_the_worst_part_counts() -> None:
    assert combined([Result.SUCCEEDED, Result.SKIPPED]) is Result.SUCCEEDED
    assert combined([Result.SUCCEEDED, Result.ISSUES]) is Result.ISSUES
    assert combined([Result.ISSUES, Result.CANCELED]) is Result.CANCELED
    assert combined([Result.CANCELED, Result.FAILED]) is Result.FAILED
    assert combined([Result.SKIPPED]) is Result.SKIPPED


def test_always_runs_after_a_failure_and_failed_only_then(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - script: echo before
            condition: failed()
          - script: exit 4
          - script: echo always
            condition: always()
          - script: echo failed
            condition: failed()
"""
    assert player(tmp_path, stages).run() is Result.FAILED
    assert not (tmp_path / "logs" / "first" / "1.log").exists()
    assert (log(tmp_path, "first", 3), log(tmp_path, "first", 4)) == ("always\n", "failed\n")


def test_a_condition_asks_for_the_result_of_a_job(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - script: exit 1
      - job: second
        dependsOn: first
        condition: eq(dependencies.first.result, 'Succeeded')
        steps:
          - script: echo never
      - job: third
        dependsOn: [first, second]
        condition: and(eq(dependencies.first.result, 'Failed'), eq(dependencies.second.result, 'Skipped'))
        steps:
          - script: echo on
"""
    assert player(tmp_path, stages).run() is Result.FAILED
    assert not (tmp_path / "logs" / "second").exists()
    assert log(tmp_path, "third") == "on\n"


def test_the_tree_shows_stages_jobs_and_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = """
  - stage: one
    displayName: Stage
    jobs:
      - job: first
        displayName: Job
        steps:
          - script: echo "##vso[task.setvariable variable=ID;isOutput=true]42"
            displayName: Hand on
            name: find
          - script: echo "##vso[task.logissue type=warning]careful"
            displayName: Warn
          - script: echo never
            displayName: Needless
          - script: echo never
            displayName: Not now
            condition: failed()
      - job: second
        displayName: Another
        condition: eq(variables['COLOUR'], 'red')
        steps: []
"""
    assert player(tmp_path, stages, Needless="there is no need").run() is Result.SUCCEEDED
    printed = re.sub(r"\d+\.\d s", "0.0 s", capsys.readouterr().out)
    assert printed.splitlines() == [
        "Stage",
        "  Job",
        "    ✓ Hand on: 0.0 s",
        "        output: ID = 42",
        "    ✓ Warn: 0.0 s",
        "        warning: careful",
        "    · Needless: skipped by the rehearsal: there is no need",
        "    · Not now: skipped (its condition does not hold)",
        "  ✓ Job: Succeeded, 0.0 s",
        "  · Another: skipped (its condition does not hold)",
        "✓ Stage: Succeeded",
    ]


def git(folder: Path, *arguments: str) -> None:
    """Run Git, with no settings of this machine."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    subprocess.run(["git", *arguments], cwd=folder, env=alone, check=True, capture_output=True)


def test_a_checkout_holds_what_git_keeps_and_nothing_that_it_ignores(tmp_path: Path) -> None:
    contents = {".gitignore": "secret.env\n", "kept.txt": "1", "gone.txt": "2", "run.sh": "3", "secret.env": "4"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "run.sh").chmod(0o755)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    (tmp_path / "kept.txt").write_text("changed", encoding="utf-8")
    (tmp_path / "new.txt").write_text("5", encoding="utf-8")
    (tmp_path / "gone.txt").unlink()
    with checkout(tmp_path) as folder:
        assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "kept.txt", "new.txt", "run.sh"]
        assert (folder / "kept.txt").read_text(encoding="utf-8") == "changed"
        assert os.access(folder / "run.sh", os.X_OK)
    assert not folder.exists()


def test_each_job_has_a_checkout_of_its_own(tmp_path: Path) -> None:
    stages = """
  - stage: one
    jobs:
      - job: first
        steps:
          - script: echo left > behind.txt
          - script: cat behind.txt
      - job: second
        steps:
          - script: ls behind.txt || echo absent
"""
    assert player(tmp_path, stages).run() is Result.SUCCEEDED
    assert log(tmp_path, "first", 2) == "left\n"
    assert log(tmp_path, "second").endswith("absent\n")
    assert not (tmp_path / "behind.txt").exists()

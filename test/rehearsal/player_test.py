"""What a run looks like, and the folders of its jobs; the rules are tested in rules_test.py."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from rehearsal.checkout import check_out, workspace
from test.rehearsal.playing import log, player

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts are those of a Linux agent")

SHOWN = """
stages:
- stage: one
  displayName: Stage
  jobs:
  - deployment: first
    displayName: Job
    environment: dev
    strategy:
      runOnce:
        deploy:
          steps:
          - script: echo "##vso[task.setvariable variable=ID;isOutput=true]42"
            displayName: Hand on
            name: find
          - script: echo "##vso[task.logissue type=warning]careful"; echo "##vso[build.addbuildtag]tagged"
            displayName: Warn
          - script: echo long
            displayName: Long
          - script: echo '$(NONE)'; exit 2
            displayName: Fail
          - script: echo never
            displayName: Not now
  - job: second
    displayName: Another
    condition: eq(variables['Build.Reason'], 'Manual')
    steps: []
- stage: two
  jobs: [{job: x, steps: []}]
"""


def test_a_run_is_shown_as_on_its_page(tmp_path: Path) -> None:
    told: list[str] = []
    options = {"stand_ins": {"Long": "echo short"}, "environments": {"dev": ("approval",)}}
    played = player(tmp_path, SHOWN, tell=told.append, **options)
    played.display.run_ends(played.run())
    assert [re.sub(r"\d+\.\d s", "0.0 s", line) for line in told] == [
        "Stage",
        "  check passed: dev: approval",
        "  Job",
        "    ✓ Hand on: 0.0 s",
        "        output: ID = 42",
        "    ✓ Warn: 0.0 s",
        "        warning: careful",
        "        tag: tagged",
        "    ✓ Long: 0.0 s",
        "        note: a stand-in was played: echo short",
        "    ✗ Fail: 0.0 s",
        "        note: there is no variable for $(NONE), so it stays as it is",
        "        error: Bash exited with code '2'.",
        "        | $(NONE)",
        "    · Not now: skipped",
        "        note: its condition does not hold",
        "  ✗ Job: Failed (red), 0.0 s",
        "  · Another: Skipped, its condition does not hold",
        "✗ Stage: Failed (red)",
        "· two: Skipped, its condition does not hold",
        "✗ run: failed (red), 1 errors, 1 warnings",
        "  tags: tagged; artifacts: none",
    ]


def test_a_secret_is_masked_wherever_it_is_shown(tmp_path: Path) -> None:
    told: list[str] = []
    text = """
variables: [{group: G}]
steps:
- bash: |
    echo "$(KEY)"
    echo "##vso[task.logissue type=error]with $(KEY)"
    echo "##vso[task.setvariable variable=OUT;isOutput=true]$(KEY)"
    exit 1
  name: s
"""
    player(tmp_path, text, groups={"G": {"KEY": "hidden7"}}, secrets=["KEY"], tell=told.append).run()
    assert "hidden7" not in "\n".join([*told, log(tmp_path, "Job")])
    assert "        error: with ***" in told
    assert "        output: OUT = ***" in told


def git(folder: Path, *arguments: str) -> None:
    """Run Git, with no settings of this machine."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, env=alone, check=True, capture_output=True)


def test_a_checkout_holds_the_commit_with_changes_and_nothing_that_git_does_not_track(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    contents = {".gitignore": "secret.env\n", "kept.txt": "1", "gone.txt": "2", "run.sh": "3", "secret.env": "4"}
    for name, content in contents.items():
        (root / name).write_text(content, encoding="utf-8")
    (root / "run.sh").chmod(0o755)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "all")
    (root / "kept.txt").write_text("changed", encoding="utf-8")
    (root / "new.txt").write_text("5", encoding="utf-8")
    (root / "gone.txt").unlink()
    with workspace() as place:
        notes = check_out(root, place.sources)
        assert sorted(path.name for path in place.sources.iterdir()) == [".git", ".gitignore", "kept.txt", "run.sh"]
        assert (place.sources / "kept.txt").read_text(encoding="utf-8") == "changed"
        assert os.access(place.sources / "run.sh", os.X_OK)
    assert notes == [
        "2 files have changes that are not committed: gone.txt, kept.txt",
        "1 files are not tracked, so they are left out",
    ]
    assert not place.folder.exists()

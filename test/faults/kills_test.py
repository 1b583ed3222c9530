"""A script is killed before a call that changes the disk: old or new results are left, and a rerun ends the same."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT, open_committed, verify_files
from src.common.errors import BatchAIError
from src.common.files import TEMPORARY_PREFIX
from src.common.local_registry import LocalRegistry
from test.faults.plugin import Cases
from test.faults.together import Ended, Script, run_together
from test.faults.trained_plant import STEPS, copy_of
from test.support.small_plant import SmallPlant
from test.support.trees import read_tree

pytestmark = [
    pytest.mark.fault("a killed script leaves old results or new ones, and a rerun ends with the same bytes", sample=1),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

OUTPUTS = {
    "prepare": ("prepared",),
    "train": ("results", "outputs/model"),
    "evaluate": ("outputs/evaluation",),
    "register": ("outputs/registration",),
    "infer": ("outputs/predictions",),
    "monitor": ("outputs/monitoring",),
    "report": ("outputs/report",),
}
CHANGED = {"TRAIN_FOLDS": "4"}
MOST_CALLS = 400
TOGETHER = 40
"""Rounds per process that forks."""


class States:
    """A plant before each step, and after it, when there are more batches and other folds than before."""

    def __init__(self, plant: SmallPlant, root: Path) -> None:
        self.made = [copy_of(plant, root / "0").root]
        SmallPlant(self.made[0]).export(60, columns=("pressure", "temperature"))

    def around(self, step: str) -> tuple[Path, Path]:
        """The plant before a step, and after it."""
        place = STEPS.index(step)
        for following in STEPS[len(self.made) - 1 : place + 1]:
            root = copy_of(SmallPlant(self.made[-1]), self.made[0].parent / following).root
            ((ended,),) = run_together([(root, [Script(following, CHANGED)])])
            assert ended.exit_code == 0, ended.said
            self.made.append(root)
        return self.made[place], self.made[place + 1]


@pytest.fixture(scope="module")
def states(trained_plant: SmallPlant, tmp_path_factory: pytest.TempPathFactory) -> States:
    return States(trained_plant, tmp_path_factory.mktemp("states"))


def kept(root: Path) -> dict[str, bytes]:
    """All files but those that hold the time of a registration."""
    return {name: content for name, content in read_tree(root).items() if "registry/" not in name or "/model/" in name}


def mixed(root: Path, step: str, before: Path, after: Path) -> Iterator[str]:
    """The results of a killed step that are neither the old ones nor the new ones."""
    for name in OUTPUTS[step]:
        try:
            verify_files(root / name, open_committed(root / name).manifest)
        except BatchAIError as error:
            yield f"{name}: {error}"
            continue
        if read_tree(root / name) not in (read_tree(before / name), read_tree(after / name)):
            yield f"{name} is a mixture"


def leftovers(root: Path) -> list[Path]:
    """What a writer should have swept; the file of a lock that nobody holds is none."""
    return [path for name in (TEMPORARY_PREFIX, NEXT) for path in root.rglob(f"{name}*")]


@pytest.mark.parametrize("step", STEPS)
def test_a_script_is_killed(states: States, step: str, tmp_path: Path, cases: Cases) -> None:
    before, after = states.around(step)
    points = cases.some(range(MOST_CALLS), most=MOST_CALLS) if cases.nightly else [6, 30]
    for first in range(0, len(points), TOGETHER):
        some = points[first : first + TOGETHER]
        roots = [copy_of(SmallPlant(before), tmp_path / str(point)).root for point in some]
        killed = run_together(
            [(root, [Script(step, CHANGED, killed_at=point)]) for root, point in zip(roots, some, strict=True)]
        )
        reached = [root for root, (ended,) in zip(roots, killed, strict=True) if ended.exit_code != 0]
        wrong = {root: list(mixed(root, step, before, after)) for root in reached}
        again = run_together([(root, [Script(step, CHANGED)]) for root in reached])
        for root, (first_end,), (second_end,) in zip(reached, killed, again, strict=False):
            with cases.case(f"{step}, killed before call {root.name}"):
                check(root, after, first_end, second_end, wrong[root])
        for root in roots:
            shutil.rmtree(root)
        if len(reached) < len(roots):
            return
    assert len(points) < MOST_CALLS, f"{step} makes more calls than were tried"


def check(root: Path, after: Path, killed: Ended, again: Ended, wrong: list[str]) -> None:
    assert killed.exit_code == -signal.SIGKILL, killed.said
    assert wrong == []
    assert again.exit_code == 0, again.said
    assert kept(root) == kept(after)
    assert leftovers(root) == []
    versions = [LocalRegistry(place / "outputs" / "registry").newest("batchai") for place in (root, after)]
    assert versions[0] == versions[1]

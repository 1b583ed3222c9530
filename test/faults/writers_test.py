"""Two and three scripts at the same moment on the same folders: nothing is lost, and each says what it did."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT, open_committed, verify_files
from src.common.errors import BatchAIError
from src.common.files import TEMPORARY_PREFIX
from src.common.folder_lock import LOCK_NAME
from src.common.local_registry import LocalRegistry
from src.common.manifest import MANIFEST_NAME
from test.faults.loop_of_writers import write_and_read_at_once
from test.faults.plugin import Cases
from test.faults.together import Ended, Script, run_together
from test.faults.trained_plant import SCRIPTS, copy_of
from test.support.small_plant import SmallPlant

pytestmark = [
    pytest.mark.fault("scripts at the same moment lose nothing, and succeed, wait or refuse in a sentence", sample=1),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

FOLDERS = ("prepared", "results", *(f"outputs/{name}" for name in ("model", "evaluation", "registration")))
FOLDERS += ("outputs/predictions", "outputs/monitoring", "outputs/report")
FOLDS = ("3", "4", "5")
"""Each of the scripts of a round trains in its own way, so that a mixture of two results would be seen."""
PAIRS = list(combinations_with_replacement(SCRIPTS, 2))
TRIPLES = [(first, second, third) for first, second in PAIRS for third in SCRIPTS]
ROUNDS = 200


def scripts_of(names: tuple[str, ...], root: Path) -> list[Script]:
    return [
        Script(
            name,
            {"TRAIN_FOLDS": folds},
            ("--model_folder", str(root / "outputs" / "model")) if name == "fetch" else (),
        )
        for name, folds in zip(names, FOLDS, strict=False)
    ]


def problems(root: Path, ended: list[Ended]) -> Iterator[str]:
    """What is wrong after a round; nothing was killed, so nothing may be left over."""
    for end in ended:
        if not end.is_clear or "is not what was written" in end.said:
            yield f"a script ended with {end.exit_code}: {end.said[-600:]}"
    for name in FOLDERS:
        try:
            opened = open_committed(root / name)
            verify_files(root / name, opened.manifest)
        except BatchAIError as error:
            yield f"{name} is lost: {error}"
            continue
        shown = {path.relative_to(root / name).as_posix() for path in (root / name).rglob("*") if path.is_file()}
        if shown != {*opened.manifest.files, MANIFEST_NAME}:
            yield f"{name} holds other files than its manifest says: {sorted(shown)}"
    registry = LocalRegistry(root / "outputs" / "registry")
    if registry.newest("batchai") is None:
        yield "the registered model is lost"
    for leftover in (TEMPORARY_PREFIX, NEXT, LOCK_NAME):
        yield from (f"left over: {path}" for path in root.rglob(f"{leftover}*"))


def test_scripts_at_the_same_moment(trained_plant: SmallPlant, tmp_path: Path, cases: Cases) -> None:
    table: list[tuple[str, ...]] = [*PAIRS, *TRIPLES]
    chosen = cases.some([table[number % len(table)] for number in range(ROUNDS)], most=3)
    rounds = [(copy_of(trained_plant, tmp_path / str(number)).root, names) for number, names in enumerate(chosen)]
    ended = run_together([(root, scripts_of(names, root)) for root, names in rounds])
    for (root, names), ends in zip(rounds, ended, strict=True):
        with cases.case(f"{root.name}, {' and '.join(names)}"):
            assert list(problems(root, ends)) == []
            assert any(end.exit_code == 0 for end in ends)
        shutil.rmtree(root)


def test_writers_and_readers_in_a_loop(tmp_path: Path, cases: Cases) -> None:
    writers, readers, times = (3, 2, 300) if cases.nightly else (2, 1, 20)
    write_and_read_at_once(tmp_path, writers=1, readers=0, times=1)
    with cases.case(f"{writers} writers and {readers} readers, each {times} times"):
        assert write_and_read_at_once(tmp_path, writers=writers, readers=readers, times=times) == []
        assert not [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")]

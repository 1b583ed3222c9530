"""The whole pipeline in DEV and the registry that it fills."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_service.pipelines.batchai_training_pipeline import main
from src.common.console import run_script
from src.common.local_registry import LocalRegistry
from test.support.small_plant import SmallPlant

NEW = "not done yet"
ALL_STEPS = dict.fromkeys(("prepare", "train", "evaluate", "register", "infer", "monitor", "report"), NEW)
AGAIN = dict.fromkeys(("evaluate", "register"), "model registry changed")


@dataclass
class Laptop:
    """The small plant, and the pipeline's command."""

    plant: SmallPlant
    run: Callable[[], tuple[int, dict[str, str]]]

    @property
    def versions(self) -> int:
        """How many versions are registered."""
        newest = LocalRegistry(self.plant.registry).newest("batchai")
        return 0 if newest is None else newest.version

    @property
    def registered(self) -> bool:
        """What registration.json says."""
        path = self.plant.root / "outputs" / "registration" / "registration.json"
        return bool(json.loads(path.read_text(encoding="utf-8"))["registered"])


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Laptop:
    plant = SmallPlant(tmp_path)
    for name, value in plant.variables.items():
        monkeypatch.setenv(name, value)
    plant.export(50, columns=("pressure",))

    def run() -> tuple[int, dict[str, str]]:
        """Run the pipeline. Returns its exit code, and the steps that ran with their reasons."""
        capfd.readouterr()
        exit_code = run_script(lambda: main([]))
        lines = [line.removeprefix("--- ") for line in capfd.readouterr().out.splitlines() if line.startswith("--- ")]
        return exit_code, dict(line.split(": ", maxsplit=1) for line in lines)

    return Laptop(plant, run)


def test_a_registry_that_was_deleted_is_filled_again(laptop: Laptop) -> None:
    assert laptop.run() == (0, ALL_STEPS)
    assert (laptop.versions, laptop.registered) == (1, True)
    assert laptop.run() == (0, {})
    shutil.rmtree(laptop.plant.registry)
    assert laptop.run() == (0, AGAIN)
    assert (laptop.versions, laptop.registered) == (1, True)
    assert laptop.run() == (0, {})


def test_a_better_model_is_registered_and_a_version_given_up_is_judged_again(laptop: Laptop) -> None:
    assert laptop.run() == (0, ALL_STEPS)
    laptop.plant.export(66)
    exit_code, ran = laptop.run()
    assert (exit_code, list(ran)) == (0, list(ALL_STEPS))
    assert (laptop.versions, laptop.registered) == (2, True)
    assert laptop.run() == (0, {})
    shutil.rmtree(laptop.plant.registry / "batchai" / "2")
    assert laptop.run() == (0, AGAIN)
    assert (laptop.versions, laptop.registered) == (2, True)


def test_a_step_that_fails_after_the_registration_judges_nothing_again(laptop: Laptop) -> None:
    """The model would be compared with itself, and said not to be registered."""
    foreign = laptop.plant.root / "outputs" / "predictions" / "notes.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    exit_code, ran = laptop.run()
    assert (exit_code, list(ran)) == (3, ["prepare", "train", "evaluate", "register", "infer"])
    foreign.unlink()
    assert laptop.run() == (0, {"infer": NEW, "monitor": NEW, "report": NEW})
    assert (laptop.versions, laptop.registered) == (1, True)
    assert laptop.run() == (0, {})


def test_without_an_evaluation_there_is_no_such_step(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_EVALUATION", "false")
    assert laptop.run() == (0, {name: why for name, why in ALL_STEPS.items() if name != "evaluate"})
    assert (laptop.versions, laptop.registered) == (1, True)
    assert not (laptop.plant.root / "outputs" / "evaluation").exists()
    shutil.rmtree(laptop.plant.registry)
    assert laptop.run() == (0, {"register": "model registry changed"})
    assert laptop.versions == 1

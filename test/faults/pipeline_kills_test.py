"""The real batchai pipeline on the sample: killed in the middle of each step, it keeps what it had and carries on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from src.common.committed_folder import NEXT, read_manifest, verify_files
from src.common.files import TEMPORARY_PREFIX
from src.common.manifest import MANIFEST_NAME, Manifest
from src.common.settings import PROJECT_ROOT
from test.support.imports import HEAVY, imported_packages
from test.support.waiting import is_free, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to kill")

PIPELINE = PROJECT_ROOT / "ml_service" / "pipelines" / "batchai_training_pipeline.py"
OUTPUTS = {
    "prepare": ("prepared",),
    "train": ("outputs/model", "results"),
    "evaluate": ("outputs/evaluation",),
    "register": ("outputs/registration",),
    "infer": ("outputs/predictions",),
    "monitor": ("outputs/monitoring",),
    "report": ("outputs/report",),
}
STEPS = tuple(OUTPUTS)
# Python imports a module of this name when it starts: it holds one script where it opens the manifest of one of its
# outputs for writing, when all else is written and nothing is committed yet
HOLDS = """
import os, sys, time

def hold(event, details):
    path = str(details[0]) if event == "open" and details else ""
    ours = any(path.startswith(folder) for folder in os.environ["HELD_FOLDERS"].split(os.pathsep))
    if ours and path.count("/.tmp-") == 2 and sys.argv[0].endswith(os.environ["HELD_SCRIPT"]):
        time.sleep(120)
        os._exit(9)

sys.addaudithook(hold)
"""


class Laptop:
    """The folders of one person, and the command that they type."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(PROJECT_ROOT / "sample_data" / "batchai", root / "source")
        (root / "holding").mkdir()
        (root / "holding" / "sitecustomize.py").write_text(HOLDS)
        self.variables = {
            **os.environ,
            "AML_PIPELINE_EXEC_MODE": "DEV",
            "BATCHAI_INPUT_URL": str(root / "source"),
            "DATAPREP_INPUTS_DIR": str(root / "inputs"),
            "DATAPREP_OUTPUTS_DIR": str(root / "prepared"),
            "TRAINING_OUTPUT_DIR": str(root / "results"),
            "OUTPUTS_DIR": str(root / "outputs"),
            "TRAIN_FOLDS": "3",
        }

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the pipeline to its end."""
        command = [sys.executable, *options, str(PIPELINE)]
        return subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False)

    def reasons(self) -> dict[str, str]:
        """Run the pipeline to its end, which has to be a good one. Returns the steps that ran, and why."""
        done = self.run()
        assert done.returncode == 0, done.stderr
        lines = [line.removeprefix("--- ") for line in done.stdout.splitlines() if line.startswith("--- ")]
        return dict(line.split(": ", maxsplit=1) for line in lines)

    def manifests(self) -> dict[str, Manifest]:
        """The manifest of each output, after checking that all its files are whole."""
        kept = {}
        for name in (folder for folders in OUTPUTS.values() for folder in folders):
            kind = Manifest.from_json((self.root / name / MANIFEST_NAME).read_bytes()).kind
            kept[name] = read_manifest(self.root / name, kind=kind, made_by="")
            verify_files(self.root / name, kept[name])
        return kept

    def leftovers(self, step: str) -> list[Path]:
        """What an unfinished write of a step has left in its outputs."""
        folders = [self.root / name for name in OUTPUTS[step]]
        return [path for folder in folders for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]

    def kill_in(self, step: str, script: str, *argv: str) -> None:
        """Run the pipeline, and kill it with all its processes when a step has started to write."""
        folders = os.pathsep.join(f"{self.root / name}/" for name in OUTPUTS[step])
        held = {**self.variables, "PYTHONPATH": str(self.root / "holding"), "HELD_SCRIPT": script}
        held["HELD_FOLDERS"] = folders
        command = [sys.executable, str(PIPELINE), *argv]
        process = subprocess.Popen(
            command, env=held, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            until(lambda: bool(self.leftovers(step)) or process.poll() is not None, what=f"{step} starts to write")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            ended = process.wait()
        assert ended == -signal.SIGKILL
        lock = self.root / "outputs" / "pipeline" / "batchai_training.lock"
        until(lambda: is_free(lock), what="the system ends the step")
        assert self.leftovers(step)
        assert not [name for name in OUTPUTS[step] if (self.root / name / NEXT).exists()]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    """One on which the pipeline has run."""
    ready = Laptop(tmp_path_factory.mktemp("laptop"))
    assert list(ready.reasons()) == list(STEPS)
    return ready


def comment_a_description(laptop: Laptop) -> list[str]:
    description = laptop.root / "source" / "pharma-plant" / "location.yml"
    description.write_text(description.read_text(encoding="utf-8") + "\n# checked\n", encoding="utf-8")
    return []


def choose_other_folds(laptop: Laptop) -> list[str]:
    laptop.variables["TRAIN_FOLDS"] = "4"
    return []


def force_evaluation(_: Laptop) -> list[str]:
    return ["--from", "evaluate"]


def force_registration(_: Laptop) -> list[str]:
    return ["--from", "register"]


def force_inference(_: Laptop) -> list[str]:
    return ["--from", "infer"]


def force_report(_: Laptop) -> list[str]:
    return ["--from", "report"]


@pytest.mark.fault("a killed pipeline keeps what it had, and carries on at the step that was killed", sample=1)
@pytest.mark.parametrize(
    ("step", "script", "change"),
    [
        ("prepare", "batchai_datapreparation.py", comment_a_description),
        ("train", "batchai_training.py", choose_other_folds),
        ("evaluate", "batchai_evaluation.py", force_evaluation),
        ("register", "batchai_registration.py", force_registration),
        ("infer", "batchai_inference.py", force_inference),
        ("report", "batchai_report.py", force_report),
    ],
)
def test_a_kill_in_the_middle_of_a_step(
    laptop: Laptop, step: str, script: str, change: Callable[[Laptop], list[str]]
) -> None:
    before = laptop.manifests()
    laptop.kill_in(step, script, *change(laptop))
    assert laptop.manifests() == before
    ran = laptop.reasons()
    assert next(iter(ran.items())) == (step, "not done yet")
    laptop.manifests()
    assert not laptop.leftovers(step)
    assert laptop.reasons() == {}


def test_a_run_with_nothing_changed_imports_no_heavy_library(laptop: Laptop) -> None:
    assert laptop.reasons() == {}
    done = laptop.run("-X", "importtime")
    assert done.returncode == 0
    assert "skipped (nothing changed)" in done.stdout
    imported = imported_packages(done.stderr)
    assert {"ml_service", "src"} <= imported
    assert not imported & HEAVY

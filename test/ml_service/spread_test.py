"""A step that is spread over nodes: one script in DEV, calls of `run` in PROD, through the real SDK."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ml_service import azureml
from ml_service.local import LocalRun
from ml_service.pipeline import Folder, Parameter, Pipeline, Source, Spread, Step
from ml_service.waiting import Outcome, Watch
from src.common.azureml_adapter import connect
from src.common.settings import PROJECT_ROOT
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.support.settings import load_settings

HEAD = f"""
import sys
sys.path.insert(0, {str(PROJECT_ROOT)!r})
import json, os
from argparse import ArgumentParser
from pathlib import Path
from src.common.committed_folder import read_manifest, replace_folder
from src.common.manifest import MANIFEST_NAME
"""
PLAN = (
    HEAD
    + """
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with replace_folder(Path(given["--beside_folder"]), kind="beside") as staged:
    staged.write("factor.txt", "7")
with replace_folder(Path(given["--work_folder"]), kind="work") as staged:
    for number, word in enumerate((Path(given["--source"]) / "words.txt").read_text().split()):
        staged.write_json(f"unit-{number}.json", {"number": number, "word": word})
"""
)
UNITS = (
    HEAD
    + """
READS = ("train_folds",)
STATE = {}

def arguments(argv=None):
    parser = ArgumentParser(allow_abbrev=False)
    for name in ("--work_folder", "--beside_folder", "--made_folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--word")
    return parser.parse_known_args(argv)[0]

def made(file, given):
    unit = json.loads(file.read_text())
    factor = int((given.beside_folder / "factor.txt").read_text())
    if unit["word"] == "bad":
        raise ValueError(f"unit {unit['number']} is bad")
    return json.dumps([unit["number"] * factor, unit["word"], given.word, os.environ.get("TRAIN_FOLDS")])

def init():
    STATE["given"] = arguments()
    print("init", os.getpid(), *sys.argv[1:])

def run(mini_batch):
    for file in map(Path, mini_batch):
        if file.name != MANIFEST_NAME:
            print("run", os.getpid(), file.name, flush=True)
            (STATE["given"].made_folder / file.name).write_text(made(file, STATE["given"]))
    return mini_batch

def main(argv=None):
    given = arguments(argv)
    with replace_folder(given.made_folder, kind="made") as staged:
        for name in sorted(read_manifest(given.work_folder, kind="work", made_by="plan").files):
            staged.write(name, made(given.work_folder / name, given))

if __name__ == "__main__":
    main()
"""
)
MERGE = (
    HEAD
    + """
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
work = read_manifest(Path(given["--work_folder"]), kind="work", made_by="plan")
with replace_folder(Path(given["--merged_folder"]), kind="merged") as staged:
    made = Path(given["--made_folder"])
    staged.write_json("merged.json", [json.loads((made / name).read_text()) for name in sorted(work.files)])
"""
)
WORDS = ("one", "two", "three", "four", "five")
WORD = Parameter("word", "a word", default="quiet")
SOURCE = Source("raw", "input_url", dataset="input_dataset_name", datastore_path="input_dataset_path")
WORK, BESIDE, MADE, MERGED = (Folder(name, "outputs_folder", name) for name in ("work", "beside", "made", "merged"))


def pipeline(root: Path) -> Pipeline:
    plan = Step("plan", "plan.py", inputs={"source": SOURCE}, outputs={"work_folder": WORK, "beside_folder": BESIDE})
    make = Step(
        "make",
        "units.py",
        inputs={"work_folder": WORK, "beside_folder": BESIDE},
        outputs={"made_folder": MADE},
        parameters={"word": WORD},
        spread=Spread(over="work_folder", nodes="train_nodes"),
    )
    merge = Step(
        "merge", "merge.py", inputs={"work_folder": WORK, "made_folder": MADE}, outputs={"merged_folder": MERGED}
    )
    return Pipeline("spread", (plan, make, merge), BatchaiSettings, root=root)


@dataclass(frozen=True)
class Project:
    """A project with a step that is spread, and its run in both modes."""

    root: Path
    settings: BatchaiSettings

    def run_here(self) -> Any:
        """Run it in DEV; return what it merged."""
        LocalRun(pipeline(self.root), self.settings, parameters={"word": "loud"}).run()
        return json.loads((self.settings.outputs_folder / "merged" / "merged.json").read_text())

    def run_there(self) -> tuple[Any, Outcome]:
        """Run it in PROD; return its run and how that ended."""
        from azureml.core import Dataset

        target = connect(self.settings)
        place = (target.get_default_datastore(), self.settings.input_dataset_path)
        Dataset.File.upload_directory(str(self.root / "source"), place, overwrite=True, show_progress=False)
        published = azureml.publish(pipeline(self.root), self.settings, name=self.settings.training_pipeline_name)
        run = azureml.trigger(published, target, self.settings, parameters={"word": "loud"})
        return run, Watch(run).until_end()

    def merged_there(self, run: Any, folder: Path) -> Any:
        """What a run merged."""
        (made,) = run.find_step_run("merge")
        prefix = f"spread/{made.id}/merged"
        connect(self.settings).get_default_datastore().download(str(folder), prefix=prefix, show_progress=False)
        return json.loads((folder / prefix / "merged.json").read_text())


@pytest.fixture
def project(
    prod: BatchaiSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Project:
    root = tmp_path / "project"
    for name, text in {
        "plan.py": PLAN,
        "units.py": UNITS,
        "merge.py": MERGE,
        "requirements/compute.txt": "numpy==2.2.6\n",
        "requirements/steps.txt": "azureml-core==1.61.0.post4\nazureml-dataset-runtime[fuse]==1.62.0.post1\n",
        "source/words.txt": " ".join(WORDS),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    own = f"s{abs(hash(request.node.name)) % 10_000_000}"
    for name, value in {
        "BATCHAI_INPUT_URL": str(root / "source"),
        "OUTPUTS_DIR": str(tmp_path / "dev"),
        "INPUT_DATASET_NAME": own,
        "INPUT_DATASET_PATH": f"{own}/raw",
        "EXPERIMENT_NAME": own,
        "TRAINING_PIPELINE_NAME": own,
        "BUILD_BUILDID": "",
        "TRAIN_FOLDS": "7",
        "TRAIN_NODES": "2",
    }.items():
        monkeypatch.setenv(name, value)
    return Project(root, load_settings())


def test_every_unit_is_a_call_on_one_of_the_nodes_and_the_result_is_that_of_dev(
    project: Project, tmp_path: Path
) -> None:
    here = project.run_here()
    assert here == [[number * 7, word, "loud", "7"] for number, word in enumerate(WORDS)]
    run, outcome = project.run_there()
    assert outcome is Outcome.FINISHED
    assert project.merged_there(run, tmp_path / "down") == here
    (made,) = run.find_step_run("make")
    said = [line.split() for line in made.get_stdout_log().splitlines()]
    calls = [line[1:] for line in said if line[0] == "run"]
    assert sorted(name for _, name in calls) == [f"unit-{number}.json" for number in range(5)]
    starts = [line for line in said if line[0] == "init"]
    assert len({line[1] for line in starts}) == 2
    assert {process for process, _ in calls} <= {line[1] for line in starts}
    assert all("--beside_folder" in line and "--work_folder" not in line for line in starts)
    configuration = made.get_details()["runDefinition"]
    assert configuration["nodeCount"] == 2


def test_the_same_again_is_reused(project: Project) -> None:
    (first, _), (second, outcome) = project.run_there(), project.run_there()
    assert outcome is Outcome.FINISHED
    (made,), (again,) = first.find_step_run("make"), second.find_step_run("make")
    assert again.get_properties()["azureml.reusedrunid"] == made.id


def test_a_unit_that_fails_fails_the_run_with_its_reason(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    (project.root / "source/words.txt").write_text("one bad three")
    run, outcome = project.run_there()
    assert outcome is Outcome.FAILED
    Watch(run).show_failure()
    shown = capfd.readouterr().out
    assert "the end of the log of make" in shown
    assert "ValueError: unit 1 is bad" in shown
    assert run.find_step_run("merge") == []


def test_another_number_of_nodes_is_another_version(project: Project) -> None:
    declared = pipeline(project.root)
    two, three = (azureml.version_of(declared, replace(project.settings, train_nodes=nodes)) for nodes in (2, 3))
    assert two != three

"""The same declaration in both modes: what a step is given, and what it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml_service import azureml
from ml_service.local import LocalRun
from ml_service.pipeline import Folder, Parameter, Pipeline, Source, Step
from ml_service.pipelines.batchai_training_pipeline import batchai_training_pipeline
from ml_service.waiting import Outcome, Watch
from src.common.azureml_adapter import connect
from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.support.settings import load_settings

SCRIPT = f"""
import json, os, sys
from pathlib import Path
sys.path.insert(0, {str(PROJECT_ROOT)!r})
from src.common.committed_folder import replace_folder
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with replace_folder(Path(given["--made_folder"]), kind="argv") as staged:
    staged.write_json("said.json", {{"argv": sys.argv[1:], "environment": dict(os.environ)}})
"""
WORD = Parameter("word", "a word", default="quiet")
SOURCE = Source("raw", "input_url", dataset="input_dataset_name", datastore_path="input_dataset_path")
FIRST = Folder("first", "outputs_folder", "first")
SECOND = Folder("second", "outputs_folder", "second")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of two steps that say what they were given."""
    for name, text in {
        "steps/one.py": SCRIPT + 'READS = ("train_folds", "run_evaluation", "cluster_priority")\n',
        "steps/two.py": SCRIPT,
        "requirements/compute.txt": "numpy==2.2.6\n",
        "requirements/steps.txt": "azureml-core==1.61.0.post4\n",
        "source/plant/a.csv": "a\n1\n",
    }.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


def pipeline(root: Path) -> Pipeline:
    one = Step(
        "one",
        "steps/one.py",
        inputs={"source": SOURCE},
        outputs={"made_folder": FIRST},
        parameters={"word": WORD},
    )
    two = Step(
        "two", "steps/two.py", inputs={"first": FIRST}, outputs={"made_folder": SECOND}, parameters={"word": WORD}
    )
    return Pipeline("said", (one, two), BatchaiSettings, root=root)


def test_both_modes_give_every_step_the_same_arguments_and_prod_only_the_settings_that_it_names(
    prod: BatchaiSettings, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azureml.core import Dataset

    for name, value in {
        "BATCHAI_INPUT_URL": str(root / "source"),
        "OUTPUTS_DIR": str(tmp_path / "dev"),
        "INPUT_DATASET_NAME": "said-raw",
        "INPUT_DATASET_PATH": "said/raw",
        "EXPERIMENT_NAME": "said",
        "BUILD_BUILDID": "",
        "TRAIN_FOLDS": "7",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    declared = pipeline(root)
    LocalRun(declared, settings, parameters={"word": "loud"}).run()

    target = connect(settings)
    datastore = target.get_default_datastore()
    Dataset.File.upload_directory(str(root / "source"), (datastore, "said/raw"), show_progress=False)
    published = azureml.publish(declared, settings, name="said")
    assert published.version == azureml.version_of(declared, settings)
    assert published.version.startswith("local-")
    run = azureml.trigger(published, target, settings, parameters={"word": "loud"})
    assert Watch(run).until_end() is Outcome.FINISHED

    for step, folder in (("one", "first"), ("two", "second")):
        here = json.loads((tmp_path / "dev" / folder / "said.json").read_text())
        there = said_in_azure(run, step, folder, datastore, tmp_path / step)
        assert here["argv"][::2] == there["argv"][::2] == [f"--{name}" for name in names_of(declared.step(step))]
        assert dict(pairs(here["argv"]))["--word"] == dict(pairs(there["argv"]))["--word"] == "loud"
        assert there["environment"]["AML_PIPELINE_EXEC_MODE"] == "PROD"
        assert not {"SP_APP_SECRET", "SP_APP_ID", "WORKSPACE_NAME", "BUILD_BUILDID"} & set(there["environment"])
    first = said_in_azure(run, "one", "first", datastore, tmp_path / "again")["environment"]
    assert (first["TRAIN_FOLDS"], first["RUN_EVALUATION"], first["AML_CLUSTER_PRIORITY"]) == ("7", "true", "dedicated")

    (root / "steps/two.py").write_text(SCRIPT + "# changed\n")
    assert azureml.version_of(pipeline(root), settings) != published.version


def said_in_azure(run: Any, step: str, folder: str, datastore: Any, target: Path) -> dict[str, Any]:
    (made,) = run.find_step_run(step)
    datastore.download(str(target), prefix=f"said/{made.id}/{folder}", show_progress=False)
    said: dict[str, Any] = json.loads((target / "said" / made.id / folder / "said.json").read_text())
    return said


def names_of(step: Step) -> list[str]:
    return [*step.inputs, *step.outputs, *step.parameters]


def pairs(argv: list[str]) -> list[tuple[str, str]]:
    return list(zip(argv[::2], argv[1::2], strict=True))


def test_a_step_that_reads_a_secret_setting_is_refused(prod: BatchaiSettings, root: Path) -> None:
    declared = pipeline(root)
    (root / "steps/two.py").write_text(SCRIPT + 'READS = ("sp_app_secret",)\n')
    with pytest.raises(SettingsError, match=r"the step 'two' reads the secret SP_APP_SECRET"):
        azureml.version_of(declared, replace(prod, build_id=""))


def test_the_snapshot_of_a_step_holds_the_scripts_and_the_defaults_and_nothing_else(
    prod: BatchaiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the SDK itself reads .amlignore; it looks into no ignored folder."""
    from azureml._project.ignore_file import get_project_ignore_file

    ignored = get_project_ignore_file(str(PROJECT_ROOT))
    sent = [
        path
        for path in PROJECT_ROOT.rglob("*")
        if path.is_file()
        and not {".git", ".venv", "node_modules"} & set(path.relative_to(PROJECT_ROOT).parts)
        and not ignored.is_file_excluded(str(path.relative_to(PROJECT_ROOT)))
    ]
    assert {path.relative_to(PROJECT_ROOT).parts[0] for path in sent} == {"src", ".env"}
    assert not [path for path in sent if path.suffix == ".pyc"]
    assert sum(path.stat().st_size for path in sent) < 5_000_000
    scripts = {step.script for step in batchai_training_pipeline().steps}
    assert scripts <= {path.relative_to(PROJECT_ROOT).as_posix() for path in sent}

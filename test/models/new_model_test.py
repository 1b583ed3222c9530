"""A new model by one command: what it makes, what it leaves alone, and that all of it works."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from aml_emulator.runtime.azurite import AzuriteError, find_script
from ml_service.new_model import main
from src.common.console import run_script
from test.support.project_copy import copy_project, files_in, run_in, run_tests

pytestmark = pytest.mark.long
LISTS = {".env", ".vscode/launch.json"}
OWN_TESTS = ("test/training/demo", "test/inference/demo", "test/ml_service/demo_pipeline_test.py")
TESTS_OF_LISTS = ("test/common/settings_test.py", "test/vscode_test.py", "test/ml_service/pipeline_script_test.py")


@dataclass(frozen=True)
class Project:
    """A copy of the project with the new model, and what was there before."""

    root: Path
    before: dict[str, bytes]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = copy_project(tmp_path_factory.mktemp("new") / "project")
    before = files_in(root)
    printed = run_in(root, "-m", "ml_service.new_model", "demo")
    assert "the model demo is made of helloworld" in printed
    return Project(root, before)


def test_no_file_of_another_model_changes_but_lists(project: Project) -> None:
    made_by_tools = ("__pycache__", ".ruff_cache")
    files = files_in(project.root).items()
    after = {name: content for name, content in files if not any(part in name for part in made_by_tools)}
    assert {name for name, content in project.before.items() if after.get(name) != content} == LISTS
    new = set(after) - set(project.before)
    assert len(new) > 20
    assert [name for name in new if "demo" not in name] == []
    assert not [name for name in new if b"helloworld" in after[name].lower()]


def test_its_stages_run_one_after_the_other_to_a_report(project: Project) -> None:
    script = "ml_service/pipelines/demo_training_pipeline.py"
    printed = run_in(project.root, script)
    assert printed.count("ran (not done yet)") == 6
    assert (project.root / "outputs" / "demo" / "report" / "report.html").is_file()
    assert (project.root / "outputs" / "registry" / "demo" / "1").is_dir()
    assert run_in(project.root, script).count("skipped (nothing changed)") == 6


def test_its_tests_and_those_of_the_lists_pass(project: Project) -> None:
    for command in (("check", "."), ("format", "--check", ".")):
        run_in(project.root, "-m", "ruff", *command)
    assert " passed" in run_tests(project.root, *OWN_TESTS, *TESTS_OF_LISTS)


@pytest.mark.nightly
def test_the_rehearsal_trains_and_registers_it(project: Project) -> None:
    if importlib.util.find_spec("azureml") is None:
        pytest.skip("the packages of Azure ML are not installed (they end at Python 3.11)")
    if shutil.which("node") is None:
        pytest.skip("Azurite needs Node.js")
    try:
        find_script()
    except AzuriteError as error:
        pytest.skip(str(error))
    printed = run_in(project.root, "-m", "rehearsal", "--scenario", "demo")
    assert "MODELVERSION = 1" in printed
    assert "not as expected" not in printed


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("de", "would not take"),
        ("Demo", "would not take"),
        ("two-words", "would not take"),
        ("../demo", "would not take"),
        ("class", "would not take"),
        ("json", "would not take"),
        ("helloworld", "one name is in the other"),
        ("batchai2", "one name is in the other"),
        ("train", "the setting TRAIN_FOLDS"),
        ("azure", "the setting AZURE_STORAGE_"),
        ("settings", "which is there already"),
    ],
)
def test_a_name_that_clashes_is_refused(name: str, found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script(lambda: main([name])) == 2
    errors = capsys.readouterr().err
    assert f"no model can be called {name!r}" in errors
    assert found in errors

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import dev
from src.common.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / ".vscode"
VARIABLES = {"workspaceFolder", "file", "command:python.interpreterPath"}


def read(name: str) -> dict[str, Any]:
    document = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def in_project(path: str) -> Path:
    assert path.startswith("${workspaceFolder}/")
    return PROJECT_ROOT / path.removeprefix("${workspaceFolder}/")


def launch_configurations() -> list[dict[str, Any]]:
    configurations = read("launch.json")["configurations"]
    assert isinstance(configurations, list)
    return configurations


@pytest.mark.parametrize("name", ["settings.json", "launch.json", "tasks.json", "extensions.json"])
def test_nothing_belongs_to_one_machine(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    json.loads(text)
    assert set(re.findall(r"\$\{(.+?)\}", text)) <= VARIABLES
    assert not re.search(r'"(/|~|[A-Za-z]:\\)', text), "an absolute path"


@pytest.mark.parametrize("configuration", launch_configurations(), ids=lambda configuration: configuration["name"])
def test_each_launch_configuration_starts_what_exists(configuration: dict[str, Any]) -> None:
    assert configuration["cwd"] == "${workspaceFolder}"
    if "program" in configuration:
        source = in_project(configuration["program"]).read_text(encoding="utf-8")
        assert 'if __name__ == "__main__":' in source
    elif configuration["module"] == "pytest":
        assert configuration["args"] == ["${file}"]
    else:
        assert (PROJECT_ROOT / configuration["module"] / "__main__.py").is_file()


def test_every_script_can_be_launched() -> None:
    launched = {in_project(entry["program"]) for entry in launch_configurations() if "program" in entry}
    scripts = {
        path
        for pattern in ("*_training.py", "*_inference.py", "src/**/batchai_*.py", "ml_service/pipelines/*_pipeline.py")
        for path in PROJECT_ROOT.glob(pattern)
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    }
    assert scripts <= launched
    names = [entry["name"] for entry in launch_configurations()]
    assert len(names) == len(set(names))


def test_tasks_call_commands_of_dev_py() -> None:
    for task in read("tasks.json")["tasks"]:
        program, command = task["args"]
        assert (PROJECT_ROOT / program).samefile(dev.__file__)
        assert command in dev.COMMANDS


def test_the_interpreter_is_found_on_every_system() -> None:
    # a folder, not a program: it is bin/python on one system and Scripts/python.exe on another
    folder = in_project(read("settings.json")["python.defaultInterpreterPath"])
    assert folder == dev.Environment(PROJECT_ROOT, (3, 11)).folder


def test_the_tests_that_the_editor_finds_are_those_of_the_project() -> None:
    settings = read("settings.json")
    assert (settings["python.testing.pytestEnabled"], settings["python.testing.unittestEnabled"]) == (True, False)
    assert all((PROJECT_ROOT / folder).is_dir() for folder in settings["python.testing.pytestArgs"])


def test_the_container_has_what_the_editor_recommends_and_sets_up_with_dev_py() -> None:
    container = json.loads((PROJECT_ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert set(container["customizations"]["vscode"]["extensions"]) == set(read("extensions.json")["recommendations"])
    python, program, command = container["postCreateCommand"].split()
    assert (python, program) == ("python", "dev.py")
    assert command in dev.COMMANDS
    version = container["image"].split(":")[1].split("-")[0]
    assert dev.refusal((*map(int, version.split(".")), 0)) is None

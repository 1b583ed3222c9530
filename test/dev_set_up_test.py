from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import dev
from dev import Environment


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Recorder:
    """Takes the place of running a program: keeps the commands, answers with a status."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.status = 0

    def __call__(self, command: Sequence[str], folder: Path, watch: object = None) -> tuple[int, str]:
        self.commands.append(list(command))
        return self.status, "  last line"

    def installed(self) -> list[list[str]]:
        """The requirement files of each call of pip."""
        return [[word for word in command if word.endswith(".txt")] for command in self.commands if "pip" in command]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(dev, "_run_quietly", recorder)
    return recorder


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A project whose environment is there, with nothing installed in it."""
    environment = Environment(tmp_path, (3, 11))
    for name in ("compute", "dev", "dask", "sql", "azureml", "serving"):
        write(tmp_path / "requirements" / f"{name}.txt", f"{name}-package==1\n")
    write(environment.folder / "pyvenv.cfg", "home = /usr/bin\nversion = 3.11.7\n")
    python = write(Path(environment.program("python")))
    write(python.with_name("activate"), f"export VIRTUAL_ENV={environment.folder}\n")
    write(python.with_name("activate.bat"), f'@echo off\nset "VIRTUAL_ENV={environment.folder}"\n')
    return environment


def test_an_environment_of_this_folder_and_version_is_kept(environment: Environment) -> None:
    assert environment.why_remake() is None


@pytest.mark.skipif(os.name == "nt", reason="Windows reads activate.bat")
@pytest.mark.parametrize(
    "script",
    [
        "deactivate () {{\n}}\nVIRTUAL_ENV={quote}{folder}{quote}\nexport VIRTUAL_ENV\n",
        "case x in\n  VIRTUAL_ENV=$(cygpath {quote}{folder}{quote})\n;;\n  export VIRTUAL_ENV={quote}{folder}{quote}\n",
    ],
)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_activation_scripts_of_all_versions_are_understood(environment: Environment, script: str, quote: str) -> None:
    activate = Path(environment.program("activate"))
    write(activate, script.format(folder=environment.folder, quote=quote))
    assert environment.why_remake() is None
    write(activate, script.format(folder=f"{environment.folder}/elsewhere", quote=quote))
    assert environment.why_remake() == "its folder was moved"


def test_an_environment_that_is_not_there_is_made(environment: Environment, recorder: Recorder) -> None:
    shutil.rmtree(environment.folder)
    assert environment.why_remake() == "there is none yet"
    recorder.status = 1
    with pytest.raises(dev.SetupError, match="python -m venv failed"):
        dev.set_up(environment, ["compute"])
    assert recorder.commands == [[sys.executable, "-m", "venv", "--clear", str(environment.folder)]]


@pytest.mark.parametrize("line", ["version = 3.10.13", "version_info = 3.12.1.final.0", "version = 3.1.1", "nothing"])
def test_an_environment_of_another_version_is_made_again(environment: Environment, line: str) -> None:
    write(environment.folder / "pyvenv.cfg", f"home = /usr/bin\n{line}\n")
    assert environment.why_remake() == "another version of Python made it"


def test_an_environment_without_its_interpreter_is_made_again(environment: Environment) -> None:
    Path(environment.program("python")).unlink()
    assert environment.why_remake() == "its interpreter is gone"


def test_an_environment_that_is_incomplete_is_made_again(environment: Environment) -> None:
    (environment.folder / "pyvenv.cfg").unlink()
    assert environment.why_remake() == "it is incomplete"


def test_an_environment_that_was_moved_is_made_again(environment: Environment, recorder: Recorder) -> None:
    dev.set_up(environment, ["compute"])
    moved = environment._replace(root=environment.root.with_name("moved"))
    environment.root.rename(moved.root)
    assert moved.why_remake() == "its folder was moved"


def test_an_environment_in_use_is_not_made_again(
    environment: Environment, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(environment.program("python")).unlink()
    monkeypatch.setattr(sys, "prefix", str(environment.folder))
    with pytest.raises(dev.SetupError, match="deactivate it"):
        dev.set_up(environment, ["compute"])
    assert recorder.commands == []


def test_what_is_installed_is_not_installed_again(environment: Environment, recorder: Recorder) -> None:
    dev.set_up(environment, ["compute", "dev"])
    dev.set_up(environment, ["compute"])
    dev.set_up(environment, ["compute", "dev"])
    assert recorder.installed() == [["requirements/compute.txt", "requirements/dev.txt"]]


def test_only_what_is_missing_is_installed(environment: Environment, recorder: Recorder) -> None:
    dev.set_up(environment, ["compute"])
    dev.set_up(environment, ["compute", "dev", "azureml"])
    dev.set_up(environment, ["compute"])
    assert recorder.installed() == [
        ["requirements/compute.txt"],
        ["requirements/dev.txt", "requirements/azureml.txt"],
    ]


def test_a_changed_requirement_file_is_installed_again(environment: Environment, recorder: Recorder) -> None:
    dev.set_up(environment, ["compute", "dev"])
    write(environment.root / "requirements" / "dev.txt", "dev-package==2\n")
    dev.set_up(environment, ["compute"])
    assert len(recorder.installed()) == 1
    dev.set_up(environment, ["compute", "dev"])
    assert recorder.installed()[1:] == [["requirements/dev.txt"]]


def test_line_ends_of_another_system_change_nothing(environment: Environment) -> None:
    before = environment.digest("compute")
    (environment.root / "requirements" / "compute.txt").write_bytes(b"compute-package==1\r\n")
    assert environment.digest("compute") == before
    assert environment._replace(python_version=(3, 12)).digest("compute") != before


def test_an_interrupted_installation_is_done_again(
    environment: Environment, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.set_up(environment, ["compute"])
    write(environment.root / "requirements" / "compute.txt", "compute-package==2\n")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(dev, "_install", lambda environment, sets: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            dev.set_up(environment, ["compute"])
    write(environment.root / "requirements" / "compute.txt", "compute-package==1\n")
    dev.set_up(environment, ["compute"])
    assert len(recorder.installed()) == 2  # version 1 is what the stamp said, and no longer what is there


@pytest.mark.parametrize("content", ["", "{", "[]", '{"folder": 1}', '{"folder": "elsewhere", "sets": {}}'])
def test_a_broken_stamp_is_no_stamp(environment: Environment, recorder: Recorder, content: str) -> None:
    write(environment.stamp, content)
    dev.set_up(environment, ["compute"])
    assert recorder.installed() == [["requirements/compute.txt"]]
    assert json.loads(environment.stamp.read_text())["sets"] == {"compute": environment.digest("compute")}


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/npm" if name == "npm" else None)
    write(tmp_path / "package-lock.json", "{}")
    (tmp_path / "node_modules").mkdir()
    return tmp_path


def test_node_tools_are_installed_once_per_lock_file(npm: Path, recorder: Recorder) -> None:
    assert [dev.install_node_tools(npm), dev.install_node_tools(npm)] == ["passed", "passed"]
    assert [command[:2] for command in recorder.commands] == [["/bin/npm", "ci"]]
    write(npm / "package-lock.json", '{"changed": true}')
    assert dev.install_node_tools(npm) == "passed"
    assert len(recorder.commands) == 2


def test_a_failure_of_npm_is_shown_and_tried_again(
    npm: Path, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.status = 1
    assert [dev.install_node_tools(npm), dev.install_node_tools(npm)] == ["FAILED", "FAILED"]
    assert len(recorder.commands) == 2
    assert "npm ci failed (exit status 1), its last lines are:\n  last line" in capsys.readouterr().out


def test_without_node_the_tests_that_need_it_are_named(
    npm: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert dev.install_node_tools(npm) == "skipped"
    assert recorder.commands == []
    assert "tests that need Azurite are skipped" in capsys.readouterr().out


@pytest.mark.parametrize("failing", [[], ["ruff"], ["mypy", "pytest"], ["lint-imports"]])
def test_every_check_runs_whatever_fails(
    environment: Environment,
    recorder: Recorder,
    failing: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran: list[Sequence[str]] = []

    def run_program(command: Sequence[str], folder: Path) -> int:
        ran.append(command)
        return 1 if any(name in command or command[0].endswith(name) for name in failing) else 0

    monkeypatch.setattr(dev, "run_program", run_program)
    monkeypatch.setattr(dev, "install_node_tools", lambda root: "skipped")
    assert dev.test(environment, ["-k", "some name"]) == (1 if failing else 0)
    assert [command[2] if command[1] == "-m" else Path(command[0]).stem for command in ran] == [
        "ruff",
        "ruff",
        "mypy",
        "lint-imports",
        "pytest",
    ]
    assert ran[-1][-2:] == ["-k", "some name"]
    table = capsys.readouterr().out.splitlines()[-6:]
    assert [line.split()[0] for line in table] == ["npm", "ruff", "ruff", "mypy", "import", "pytest"]
    assert sum("FAILED" in line for line in table) == {"ruff": 2}.get("".join(failing), len(failing))


@pytest.mark.parametrize(("version", "sets"), [((3, 11), 6), ((3, 12), 4)])
def test_azure_ml_is_installed_where_it_exists(
    environment: Environment,
    recorder: Recorder,
    version: tuple[int, int],
    sets: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(environment.folder / "pyvenv.cfg", f"version = {version[0]}.{version[1]}.0\n")
    monkeypatch.setattr(dev, "run_program", lambda command, folder: 0)
    monkeypatch.setattr(dev, "install_node_tools", lambda root: "passed")
    assert dev.test(environment._replace(python_version=version), []) == 0
    assert [len(files) for files in recorder.installed()] == [sets]
    assert ("Azure ML end at Python 3.11" in capsys.readouterr().out) == (sets == 4)


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_a_killed_program_gives_the_status_that_a_shell_gives(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert dev.run_program([sys.executable, "-c", code], tmp_path) == 128 + signal.SIGKILL

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dev

VERSION = sys.version_info[:2]
STAND_IN_PIPELINE = """
import os, sys, time
print("pipeline", sys.argv[1:], os.environ["AML_PIPELINE_EXEC_MODE"], sys.prefix, flush=True)
if "--wait" in sys.argv:
    try:
        print("waiting", flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print("tidied up", flush=True)
        sys.exit(130)
sys.exit(int(sys.argv[-1]) if "--exit" in sys.argv else 0)
"""
STAND_IN_SETTINGS = """
from pathlib import Path
from types import SimpleNamespace
PROJECT_ROOT = Path.cwd()
def load_settings(declared, reads):
    return SimpleNamespace(training_folder=PROJECT_ROOT / "there", outputs_folder=PROJECT_ROOT / "nowhere")
"""
# a program that was started in the background may have been told to ignore Ctrl-C
HEARS_CTRL_C = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project").resolve()
    shutil.copy(dev.__file__, root / "dev.py")
    for name in ("compute", "dev", "azureml"):
        write(root / "requirements" / f"{name}.txt", "# nothing\n")
    write(root / dev.PIPELINE, STAND_IN_PIPELINE)
    write(root / "src" / "common" / "settings.py", STAND_IN_SETTINGS)
    write(root / "src" / "settings" / "batchai" / "batchai_settings.py", "class BatchaiSettings: ...\n")
    write(root / "there" / "rmse.csv")
    made = run_dev(root, "run", "--first")
    assert made.returncode == 0, made.stderr
    assert f"set-up: making .venv with Python {VERSION[0]}.{VERSION[1]}" in made.stdout
    assert "set-up: installing requirements: compute (" in made.stdout
    assert f"pipeline ['--first'] DEV {root / '.venv'}" in made.stdout
    return root


def run_dev(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, "AML_PIPELINE_EXEC_MODE": "PROD"}
    command = [sys.executable, str(root / "dev.py"), *arguments]
    return subprocess.run(
        command, cwd=root.parent, env=surroundings, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_second_run_sets_nothing_up(project: Path) -> None:
    second = run_dev(project, "run")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.splitlines() == [
        f"pipeline [] DEV {project / '.venv'}",
        "The results lie in:",
        f"  expected errors {Path('there/rmse.csv')}",
    ]


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        (["--force", "--exit", "7"], ["--force", "--exit", "7"]),
        (["--", "--help", "--exit", "7"], ["--help", "--exit", "7"]),
        (["--from", "training step", "--exit", "7"], ["--from", "training step", "--exit", "7"]),
    ],
)
def test_arguments_and_exit_status_pass_through(project: Path, given: list[str], passed_on: list[str]) -> None:
    done = run_dev(project, "run", *given)
    assert done.returncode == 7
    assert f"pipeline {passed_on} DEV" in done.stdout
    assert "The results" not in done.stdout


def test_a_failed_set_up_says_why_and_is_done_again(project: Path) -> None:
    requirements = project / "requirements" / "compute.txt"
    write(requirements, "./no-such-package\n")
    failed = run_dev(project, "run")
    assert failed.returncode == 1
    assert "error: pip failed (exit status 1), its last lines are:" in failed.stderr
    assert "no-such-package" in failed.stderr
    assert "pip config list" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "pipeline" not in failed.stdout

    write(requirements, "# nothing\n")
    repaired = run_dev(project, "run")
    assert repaired.returncode == 0
    assert "installing requirements: compute (" in repaired.stdout
    assert "making .venv" not in repaired.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_an_interruption_is_clean(project: Path) -> None:
    command = [sys.executable, "-c", HEARS_CTRL_C, str(project / "dev.py"), "run", "--wait"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("pipeline ['--wait']")
        assert process.stdout.readline() == "waiting\n"
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does: all programs of the terminal get it
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed, errors) == (130, "tidied up\n", "interrupted\n")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"], ["test", "-h"]])
def test_help_explains_the_commands(project: Path, arguments: list[str]) -> None:
    done = run_dev(project, *arguments)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python dev.py {run,test,rehearse,describe,new,settings}")
    assert "Arguments go to pytest" in done.stdout
    assert "pipeline [" not in done.stdout


def test_an_unknown_command_is_refused(project: Path) -> None:
    done = run_dev(project, "tests")
    assert done.returncode == 2
    assert "invalid choice: 'tests'" in done.stderr


def interpreters() -> Iterator[Path]:
    """Other Pythons of this machine: those of pyenv, and those on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    yield from sorted(pyenv.glob("versions/3.*/bin/python"))
    yield from (Path(found) for minor in range(6, 20) if (found := shutil.which(f"python3.{minor}")))


def version_of(interpreter: Path) -> tuple[int, int] | None:
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    answer = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return None
    major, minor = answer.stdout.split()
    return int(major), int(minor)


def test_unsupported_interpreters_get_one_sentence() -> None:
    versions = {interpreter: version_of(interpreter) for interpreter in interpreters()}
    unsupported = [path for path, found in versions.items() if found and not dev.OLDEST <= found <= dev.NEWEST]
    if not unsupported:
        pytest.skip("this machine has no Python that is unsupported")
    for interpreter in unsupported:
        done = subprocess.run([interpreter, dev.__file__, "run"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Batch AI needs Python 3.10 to 3.13, and this is 3.")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 11, 7), (3, 12, 1), (3, 13, 9)])
def test_supported_versions(version: tuple[int, int, int]) -> None:
    assert dev.refusal(version) is None


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 18), (3, 14, 0), (4, 0, 0)])
def test_unsupported_versions(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(dev, "set_up", lambda environment, sets: pytest.fail("set up all the same"))
    assert dev.main(["run"]) == 2
    assert f"and this is {'.'.join(map(str, version))}:" in capsys.readouterr().err


def test_old_interpreters_can_read_the_file() -> None:
    source = Path(dev.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    imported = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert imported <= sys.stdlib_module_names
    assert "__future__" not in imported  # Python 3.6 refuses to read on when it meets a feature it doesn't know


def test_what_lies_where_is_asked_of_the_project_as_it_is() -> None:
    """The other tests have a stand-in for the project's own modules."""
    done = subprocess.run(
        [sys.executable, "-c", dev.SHOW_RESULTS], cwd=dev.ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")

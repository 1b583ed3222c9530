"""One command from a bare clone to results: ``python dev.py run``; to every check: ``python dev.py test``.

It needs nothing but Python: the virtual environment ``.venv`` is made, and filled with pinned packages, when
something in it is missing. What was set up is remembered in a stamp inside it, so the next run starts at once.

It is one file because it runs before anything is installed, the project itself included. It uses no syntax
newer than Python 3.6: an interpreter that is too old gets a sentence, not a syntax error.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import deque
from pathlib import Path
from time import perf_counter
from typing import Callable, Deque, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

OLDEST, NEWEST = (3, 10), (3, 13)
NEWEST_AZUREML = (3, 11)  # azureml-pipeline needs azureml-train-automl-client, which has no later release
ROOT = Path(__file__).resolve().parent
STAMP_NAME = "batch-ai-stamp.json"
DESCRIBE = "src/data_preparation/batchai/batchai_describe.py"
PIPELINE = "ml_service/pipelines/batchai_training_pipeline.py"
TAIL_LINES = 15
INTERRUPTED = 130
PATIENCE = 10.0  # seconds that an interrupted program gets to end by itself

SHOW_RESULTS = """
from src.common.settings import PROJECT_ROOT, load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings
settings = load_settings(BatchaiSettings, ())
for what, path in (
    ("coefficients", settings.training_folder / "coefficient.csv"),
    ("expected errors", settings.training_folder / "rmse.csv"),
    ("model", settings.outputs_folder / "model"),
    ("predictions", settings.outputs_folder / "predictions" / "predictions.csv"),
    ("report", settings.outputs_folder / "report.html"),
):
    if path.exists():
        print(f"  {what:<16}{path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path}")
"""


class SetupError(Exception):
    """The set-up can't go on; the message is for a person."""


class Environment(NamedTuple):
    """The virtual environment of one project folder.

    Attributes:
        root: The project's folder.
        python_version: Major and minor version of the interpreter that makes it.
    """

    root: Path
    python_version: Tuple[int, int]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.root / ".venv"

    @property
    def stamp(self) -> Path:
        """The file that remembers what is installed. It is written last."""
        return self.folder / STAMP_NAME

    def program(self, name: str) -> str:
        """The path of a program in it, such as ``python``."""
        if os.name == "nt":
            return str(self.folder / "Scripts" / f"{name}.exe")
        return str(self.folder / "bin" / name)

    def digest(self, requirement_set: str) -> str:
        """SHA-256 over a requirement file and everything else that decides what its packages are."""
        content = (self.root / "requirements" / f"{requirement_set}.txt").read_bytes()
        interpreter = f"{sys.implementation.name} {self.python_version} {sysconfig.get_platform()}"
        return hashlib.sha256(f"{interpreter}\n".encode() + content.replace(b"\r\n", b"\n")).hexdigest()

    def installed(self) -> Dict[str, str]:
        """Digest by requirement set, as the stamp says; empty when there is no stamp for this folder."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
            return dict(stamp["sets"]) if stamp["folder"] == str(self.folder) else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def remember(self, sets: Mapping[str, str]) -> None:
        """Write the stamp."""
        temporary = self.stamp.with_suffix(".tmp")
        temporary.write_text(json.dumps({"folder": str(self.folder), "sets": sets}, indent=1), encoding="utf-8")
        temporary.replace(self.stamp)

    def why_remake(self) -> Optional[str]:
        """Why the environment has to be made (again), or None when it can be used."""
        if not self.folder.exists():
            return "there is none yet"
        try:
            config = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8")
        except OSError:
            return "it is incomplete"
        version = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", config, re.MULTILINE)
        if version is None or (int(version.group(1)), int(version.group(2))) != self.python_version:
            return "another version of Python made it"
        if not Path(self.program("python")).exists():
            return "its interpreter is gone"
        if not self.installed() and self._made_elsewhere():
            return "its folder was moved"
        return None

    def _made_elsewhere(self) -> bool:
        activate = "activate.bat" if os.name == "nt" else "activate"
        try:
            script = Path(self.program("python")).with_name(activate).read_text(encoding="utf-8")
        except OSError:
            return True
        folders = re.findall(r"VIRTUAL_ENV=['\"]?(.*?)['\"]?\s*$", script, re.MULTILINE)
        return os.path.normcase(str(self.folder)) not in [os.path.normcase(folder) for folder in folders]


def say(text: str) -> None:
    """Print a line of progress, at once and in order with what programs print."""
    print(text, flush=True)


def refusal(version: Tuple[Union[int, str], ...]) -> Optional[str]:
    """Why this version of Python can't be used, in one sentence, or None when it can."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    found = ".".join(str(part) for part in version[:3])
    return (
        f"Batch AI needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, and this is {found}: "
        f"run dev.py with one of those, such as python3.11 dev.py run"
    )


def set_up(environment: Environment, sets: Sequence[str]) -> None:
    """Make the environment where needed, and install the requirement sets that are missing or changed.

    Raises:
        SetupError: A step failed; the message says which and why.
    """
    start = perf_counter()
    reason = environment.why_remake()
    if reason is not None:
        _make(environment, reason)
    installed = environment.installed()
    missing = [name for name in sets if installed.get(name) != environment.digest(name)]
    if not missing:
        return
    if environment.stamp.exists():
        environment.stamp.unlink()  # until pip has ended, nothing is known of what is installed
    say(f"set-up: installing requirements: {', '.join(missing)} (takes a minute or more, the first time only)")
    _install(environment, missing)
    installed.update({name: environment.digest(name) for name in missing})
    environment.remember(installed)
    say(f"set-up: done in {perf_counter() - start:.0f} s")


def _make(environment: Environment, reason: str) -> None:
    if environment.folder.exists() and os.path.realpath(sys.prefix) == str(environment.folder):
        raise SetupError(f".venv has to be made again ({reason}), but it is in use: deactivate it, then run this again")
    version = ".".join(str(part) for part in environment.python_version)
    say(f"set-up: making .venv with Python {version} ({reason})")
    if environment.stamp.exists():
        environment.stamp.unlink()
    command = [sys.executable, "-m", "venv", "--clear", str(environment.folder)]
    status, tail = _run_quietly(command, environment.root)
    if status != 0:
        hint = f"on Debian and Ubuntu: apt install python{version}-venv" if sys.platform == "linux" else ""
        raise SetupError("\n".join(filter(None, [f"python -m venv failed (exit status {status}):", tail, hint])))


def _install(environment: Environment, sets: Sequence[str]) -> None:
    python = environment.program("python")
    if _run_quietly([python, "-c", "import pip"], environment.root)[0] != 0:  # uv makes environments without pip
        _run_quietly([python, "-m", "ensurepip"], environment.root)
    files = [argument for name in sets for argument in ("-r", f"requirements/{name}.txt")]
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    collected = 0

    def report(line: str) -> None:
        nonlocal collected
        collected += line.startswith("Collecting ")
        if line.startswith("Installing collected packages"):
            say(f"set-up: {collected} packages are fetched, now they are unpacked")

    status, tail = _run_quietly([python, "-m", "pip", "install", *options, *files], environment.root, report)
    if status != 0:
        raise SetupError(
            f"pip failed (exit status {status}), its last lines are:\n{tail}\n"
            "Check that this machine reaches its package index (pip config list, a proxy) and has free disk space, "
            "then run this again: it carries on."
        )


def _run_quietly(
    command: Sequence[str], folder: Path, watch: Optional[Callable[[str], None]] = None
) -> Tuple[int, str]:
    """Run a program; give each line it prints to `watch`. Returns its exit status and its last lines."""
    tail: Deque[str] = deque(maxlen=TAIL_LINES)
    process = subprocess.Popen(
        command, cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    with process:
        for raw in process.stdout or ():
            line = raw.decode("utf-8", "replace").rstrip()
            tail.append(f"  {line}")
            if watch is not None:
                watch(line)
    return process.returncode, "\n".join(tail)


def install_node_tools(root: Path) -> str:
    """Install what package-lock.json names, where Node is present. Returns ``passed``, ``FAILED`` or ``skipped``."""
    npm = shutil.which("npm")
    if npm is None:
        say("set-up: Node.js is not on this machine (https://nodejs.org): tests that need Azurite are skipped")
        return "skipped"
    stamp = root / "node_modules" / STAMP_NAME  # npm ci empties that folder first, so the stamp goes with it
    digest = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return "passed"
    say("set-up: npm ci (Azurite, the blob storage of the tests)")
    status, tail = _run_quietly([npm, "ci", "--no-audit", "--no-fund"], root)
    if status != 0:
        say(f"npm ci failed (exit status {status}), its last lines are:\n{tail}")
        return "FAILED"
    stamp.write_text(digest, encoding="utf-8")
    return "passed"


def run_program(command: Sequence[str], folder: Path, variables: Optional[Mapping[str, str]] = None) -> int:
    """Run a program in the foreground. Returns its exit status, as a shell gives it.

    Ctrl-C reaches the program as well as this one: it gets time to end by itself before it is killed.
    """
    environment = dict(os.environ, **(variables or {}))
    with subprocess.Popen(command, cwd=str(folder), env=environment) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            try:
                process.wait(PATIENCE)
            except (KeyboardInterrupt, subprocess.TimeoutExpired):
                process.kill()
            raise
    return 128 - status if status < 0 else status


def run(environment: Environment, arguments: Sequence[str]) -> int:
    """Run the DEV pipeline here. Arguments go to it: ``--force``, ``--from STEP``, ``--graph`` ..."""
    set_up(environment, ["compute"])
    python = environment.program("python")
    status = run_program([python, PIPELINE, *arguments], environment.root, {"AML_PIPELINE_EXEC_MODE": "DEV"})
    if status == 0 and not {"--graph", "--help", "-h"} & set(arguments):
        say("The results lie in:")
        return run_program([python, "-c", SHOW_RESULTS], environment.root)
    return status


def test(environment: Environment, arguments: Sequence[str]) -> int:
    """Run every check: lint, types, imports, tests. Arguments go to pytest: ``-k NAME``, ``-x`` ..."""
    sets = ["compute", "dev", "dask", "sql"]
    if environment.python_version <= NEWEST_AZUREML:
        sets += ["azureml", "serving"]
    else:
        say("The packages of Azure ML end at Python 3.11: the tests that need them are skipped.")
    set_up(environment, sets)
    start = perf_counter()
    results = [("npm ci", install_node_tools(environment.root), perf_counter() - start)]
    for name, command in checks(environment, arguments):
        say(f"\n--- {name}")
        start = perf_counter()
        status = run_program(command, environment.root)
        results.append((name, "passed" if status == 0 else "FAILED", perf_counter() - start))
    say("")
    for name, outcome, seconds in results:
        say(f"  {name:<20}{outcome:<8}{seconds:8.1f} s")
    return 1 if any(outcome == "FAILED" for _, outcome, _ in results) else 0


def rehearse(environment: Environment, arguments: Sequence[str]) -> int:
    """Play the Azure DevOps pipeline here, against the emulator: publish, trigger, wait, register."""
    if environment.python_version > NEWEST_AZUREML:
        newest = ".".join(str(part) for part in NEWEST_AZUREML)
        raise SetupError(
            f"the packages of Azure ML end at Python {newest}: rehearse with python{newest} dev.py rehearse"
        )
    set_up(environment, ["compute", "azureml"])
    if install_node_tools(environment.root) != "passed":
        raise SetupError("the rehearsal needs Azurite, a Node.js program: https://nodejs.org, version 20 or newer")
    return run_program([environment.program("python"), "-m", "rehearsal", *arguments], environment.root)


def describe(environment: Environment, arguments: Sequence[str]) -> int:
    """Look at the exports in FOLDER, and write a first location.yml: ``describe FOLDER``."""
    set_up(environment, ["compute"])
    return run_program([environment.program("python"), DESCRIBE, *arguments], environment.root)


def checks(environment: Environment, arguments: Sequence[str]) -> List[Tuple[str, List[str]]]:
    """Every check: its name and its command."""
    python = environment.program("python")
    # a file's tests stay together, and files start in the order of test/conftest.py
    parallel = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    coverage = ["--cov", "--cov-report=term"]
    return [
        ("ruff check", [python, "-m", "ruff", "check", "."]),
        ("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        ("mypy", [python, "-m", "mypy"]),
        ("import contracts", [environment.program("lint-imports"), "--no-logo"]),
        ("pytest", [python, "-m", "pytest", *parallel, *coverage, *arguments]),
    ]


def new(environment: Environment, arguments: Sequence[str]) -> int:
    """Make a new model from helloworld: ``new NAME``."""
    return _run_module(environment, "ml_service.new_model", arguments)


def settings(environment: Environment, arguments: Sequence[str]) -> int:
    """Write ``.env`` anew from what the platform and the models declare."""
    return _run_module(environment, "src.common.env_writing", arguments)


def _run_module(environment: Environment, name: str, arguments: Sequence[str]) -> int:
    set_up(environment, ["compute", "dev"])
    return run_program([environment.program("python"), "-m", name, *arguments], environment.root)


COMMANDS = {"run": run, "test": test, "rehearse": rehearse, "describe": describe, "new": new, "settings": settings}


def help_text() -> str:
    """What ``python dev.py --help`` says of each command."""
    lines = [f"  {name:<10}{command.__doc__}" for name, command in COMMANDS.items()]
    lines.append(
        "\nEach makes .venv with the Python that runs dev.py, and installs in it what requirements/*.txt pin: that"
        "\ntakes a minute or more the first time, and nothing when it has been done. Delete .venv to start anew."
    )
    return "\n".join(lines).replace("``", "")


def main(argv: Sequence[str]) -> int:
    """Run one command. Returns the exit status."""
    refused = refusal(sys.version_info)
    if refused is not None:
        print(refused, file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        prog="dev.py",
        usage=f"python dev.py {{{','.join(COMMANDS)}}} [ARGUMENT ...]",
        description="From a bare clone to results, and to every check. Commands:",
        epilog=help_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help=argparse.SUPPRESS)
    rest = list(argv[1:])
    asks_for_help = not argv or rest[:1] in (["-h"], ["--help"])
    command = parser.parse_args(["--help"] if asks_for_help else argv[:1]).command
    environment = Environment(ROOT, (sys.version_info[0], sys.version_info[1]))
    try:
        return COMMANDS[command](environment, rest[1:] if rest[:1] == ["--"] else rest)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

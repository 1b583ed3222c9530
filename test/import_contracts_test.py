from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ml_service.script_source import imported_files
from src.common.settings import PROJECT_ROOT

PACKAGES = ("src", "ml_service", "aml_emulator", "rehearsal")
LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-logo", "--no-cache"]
START = 'if __name__ == "__main__":'
IN_A_FUNCTION = "def late() -> None:\n    from azureml.core import Run\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that the contracts are about."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copy(PROJECT_ROOT / "pyproject.toml", root)
    for package in PACKAGES:
        shutil.copytree(PROJECT_ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def lint(tree: Path, file: str, source: str) -> subprocess.CompletedProcess[str]:
    """Check the tree with one more module in it, or one that reads otherwise."""
    path = tree / file
    before = path.read_bytes() if path.exists() else None
    path.write_text(source)
    try:
        return subprocess.run(LINT, cwd=tree, capture_output=True, text=True, check=False)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


@pytest.mark.parametrize(
    ("file", "source", "contract", "named"),
    [
        (
            "src/common/intruder.py",
            "import src.training.helloworld.linear_model",
            "src.common imports no stage",
            "src.common.intruder -> src.training.helloworld.linear_model",
        ),
        (
            "src/data_preparation/batchai/intruder.py",
            "from src.training.helloworld import linear_model",
            "A stage imports src.common and earlier stages",
            "src.data_preparation.batchai.intruder -> src.training.helloworld.linear_model",
        ),
        (
            "src/training/helloworld/intruder.py",
            "def late() -> None:\n    import src.inference.batchai\n",
            "A stage imports src.common and earlier stages",
            "src.training.helloworld.intruder -> src.inference.batchai",
        ),
        (
            "ml_service/intruder.py",
            "from src.training.helloworld.linear_model import LinearModel",
            "ml_service reads scripts by path",
            "ml_service.intruder -> src.training.helloworld.linear_model",
        ),
        ("ml_service/intruder.py", "import aml_emulator", "ml_service reads scripts", "ml_service.intruder"),
        ("src/training/intruder.py", "import ml_service", "know nothing of what runs them", "src.training.intruder"),
        ("rehearsal/intruder.py", "import ml_service.local", "The rehearsal imports", "rehearsal.intruder"),
        ("ml_service/intruder.py", "import rehearsal.expressions", "Nothing imports", "ml_service.intruder"),
        (
            "aml_emulator/web/intruder.py",
            "from src.common.errors import DataError",
            "aml_emulator imports nothing of ours",
            "aml_emulator.web.intruder -> src.common.errors",
        ),
        (
            "aml_emulator/executor/intruder.py",
            "from aml_emulator.client_variables import SHELLS",
            "know no HTTP and no SDK",
            "aml_emulator.executor.intruder -> aml_emulator.client_variables",
        ),
        (
            "aml_emulator/store/intruder.py",
            "from aml_emulator.door import access",
            "know no HTTP and no SDK",
            "aml_emulator.store.intruder -> aml_emulator.door.access",
        ),
        ("src/training/intruder.py", IN_A_FUNCTION, "azureml is imported in", "src.training.intruder -> azureml"),
        ("src/common/intruder.py", IN_A_FUNCTION, "azureml is imported in", "src.common.intruder -> azureml"),
        ("ml_service/intruder.py", "import azureml.core", "azureml is imported in", "ml_service.intruder -> azureml"),
        (
            "aml_emulator/web/intruder.py",
            "import azureml",
            "azureml is imported in",
            "aml_emulator.web.intruder -> azureml",
        ),
    ],
)
def test_a_violation_is_caught_and_named(tree: Path, file: str, source: str, contract: str, named: str) -> None:
    done = lint(tree, file, source)
    assert done.returncode == 1
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    assert len(broken) == 1, done.stdout
    assert contract in broken[0]
    assert named in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("src/inference/helloworld/friend.py", "from src.training.helloworld.linear_model import load_model"),
        ("ml_service/friend.py", "from src.common.settings import load_settings"),
        ("ml_service/workspace.py", IN_A_FUNCTION),
        ("ml_service/azureml.py", IN_A_FUNCTION),
        ("ml_service/azureml_steps.py", IN_A_FUNCTION),
        ("src/common/azureml_adapter.py", IN_A_FUNCTION),
    ],
)
def test_what_the_design_allows_is_kept(tree: Path, file: str, source: str) -> None:
    done = lint(tree, file, source)
    assert done.returncode == 0, done.stdout


def test_nothing_imports_a_script() -> None:
    """Stages share models and data types. What imports a script would run its start, and wait for all that it loads."""
    files = [
        path for package in ("src", "ml_service", "aml_emulator") for path in (PROJECT_ROOT / package).rglob("*.py")
    ]
    scripts = {path for path in files if path.is_relative_to(PROJECT_ROOT / "src") and is_script(path)}
    assert len(scripts) > 20
    imports = {path: set(imported_files(path, PROJECT_ROOT)) - {path} for path in files}
    assert [path for path in files if imports[path] & scripts] == []


def test_a_script_that_is_imported_is_found(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(START)
    (tmp_path / "late.py").write_text("def late() -> None:\n    from script import main\n")
    assert is_script(tmp_path / "script.py")
    assert tmp_path / "script.py" in imported_files(tmp_path / "late.py", tmp_path)


def is_script(path: Path) -> bool:
    return START in path.read_text(encoding="utf-8")


def test_azureml_is_imported_only_inside_functions() -> None:
    """DEV never pays for it: loading a module of ours loads nothing of Azure ML."""
    early = [
        f"{path.relative_to(PROJECT_ROOT)}, line {line}"
        for package in PACKAGES
        for path in (PROJECT_ROOT / package).rglob("*.py")
        for line in early_azureml_imports(path.read_text(encoding="utf-8"))
    ]
    assert early == []


def early_azureml_imports(source: str) -> list[int]:
    """The lines that import azureml when the module is loaded."""
    tree = ast.parse(source)
    late = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.FunctionDef) or (isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test))
        for node in ast.walk(block)
    }
    lines = []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.stmt) and id(node) not in late and any(n.split(".")[0] == "azureml" for n in names):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import azureml.core", [1]),
        ("import os\nfrom azureml.core import Run", [2]),
        ("try:\n    import os, azureml\nexcept ImportError:\n    pass", [2]),
        ("if TYPE_CHECKING:\n    from azureml.core import Run", []),
        ("import azureml_emulator", []),
        (IN_A_FUNCTION, []),
    ],
)
def test_early_imports_are_told_from_late_ones(source: str, lines: list[int]) -> None:
    assert early_azureml_imports(source) == lines

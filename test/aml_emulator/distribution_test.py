"""The emulator as a distribution of its own: what its metadata names is what there is."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import aml_emulator
from aml_emulator.cli import main

ROOT = Path(aml_emulator.__file__).parent
OTHER_NAMES = {"yaml": "PyYAML"}
# what a step's interpreter brings along
OF_STEPS = {"azureml", "parallel_user"}


@pytest.fixture
def metadata() -> Any:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 is the first with a reader of TOML")
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_and_file_is_named(metadata: Any) -> None:
    packages = {".".join(["aml_emulator", *path.parent.relative_to(ROOT).parts]) for path in ROOT.rglob("__init__.py")}
    assert set(metadata["tool"]["setuptools"]["packages"]) == packages
    named = {
        ROOT.parent.joinpath(*package.split("."), name)
        for package, names in metadata["tool"]["setuptools"]["package-data"].items()
        for name in names
    }
    others = {path for path in ROOT.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert named == others - {ROOT / "README.md", ROOT / "pyproject.toml"}


def test_every_library_is_named(metadata: Any) -> None:
    imported = {
        found[1]
        for path in ROOT.rglob("*.py")
        for found in re.finditer(r"^\s*(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    libraries = imported - sys.stdlib_module_names - {"aml_emulator"} - OF_STEPS
    # cryptography is what trustme makes certificates with
    assert {OTHER_NAMES.get(name, name) for name in libraries} | {"cryptography"} == set(
        metadata["project"]["dependencies"]
    )


def test_the_command_is_there(metadata: Any) -> None:
    assert metadata["project"]["scripts"] == {"aml-emulator": f"{main.__module__}:{main.__name__}"}

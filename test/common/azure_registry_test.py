"""The registry of PROD through the real SDK, against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.common.azureml_adapter import AzureRegistry
from src.common.committed_folder import read_manifest, replace_folder, verify_files
from src.common.errors import DataError, IntegrityError
from src.common.made import REGISTERED_AS
from src.common.model_registry import CONTENT, RUN_ID, RegisteredModel, fetch
from test.aml_emulator.support import SDK_WARNINGS, quiet_timers, sdk_workspace, shared_emulator, unserved

pytestmark = [pytest.mark.filterwarnings(warning) for warning in SDK_WARNINGS]
KIND = "tiny model"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Any]:
    """The SDK's workspace; afterwards nothing was asked for in vain."""
    pytest.importorskip("azureml.core", reason="azureml-core is installed on Python 3.10 and 3.11 only")
    stack = shared_emulator()
    for name, value in {**stack.variables, "HOME": str(home), "USERPROFILE": str(home)}.items():
        monkeypatch.setenv(name, value)
    quiet_timers()
    before = unserved()
    yield sdk_workspace()
    assert unserved() == before


@pytest.fixture
def registry(workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AzureRegistry:
    here = tmp_path / "working folder"
    here.mkdir()
    monkeypatch.chdir(here)
    return AzureRegistry(workspace)


def model_folder(folder: Path, content: str) -> Path:
    """A committed folder outside of the working folder, with a file in a folder of its own."""
    with replace_folder(folder, kind=KIND) as staged:
        staged.write("weights.json", content)
        staged.write("deep/er.csv", "a\n1\n")
        staged.facts.update(name="tiny")
    return folder


def test_what_is_registered_comes_back_as_it_was(registry: AzureRegistry, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "[1]")
    assert registry.newest("as-it-was") is None
    made = registry.register(folder, "as-it-was", {"skill": "0.5", CONTENT: "abc"})
    assert made == RegisteredModel("as-it-was", 1, {"skill": "0.5", CONTENT: "abc"})
    assert registry.newest("as-it-was") == made
    target = tmp_path / "copied"
    assert fetch(registry, "as-it-was", target) == made
    manifest = read_manifest(target, kind=KIND, made_by="")
    verify_files(target, manifest)
    assert manifest == replace(read_manifest(folder, kind=KIND, made_by=""), made={REGISTERED_AS: made.title})
    assert list(Path.cwd().iterdir()) == []


def test_versions_are_told_apart(registry: AzureRegistry, tmp_path: Path) -> None:
    for number in ("1", "2", "3"):
        model = registry.register(
            model_folder(tmp_path / number, number), "told-apart", {RUN_ID: f"run-{number}", "kind": "same"}
        )
        assert model.version == int(number)
    newest = registry.newest("told-apart")
    assert newest is not None
    assert newest.version == 3
    assert registry.get("told-apart", 2) == RegisteredModel("told-apart", 2, {RUN_ID: "run-2", "kind": "same"})
    assert registry.get("told-apart", 4) is None
    assert registry.get("told-apar", 1) is None
    found = registry.find("told-apart", tag=RUN_ID, value="run-1")
    assert found is not None
    assert found.version == 1
    assert registry.find("told-apart", tag=RUN_ID, value="run-9") is None
    several = registry.find("told-apart", tag="kind", value="same")
    assert several is not None
    assert several.version == 3
    fetch(registry, "told-apart", tmp_path / "copied", version=1)
    assert (tmp_path / "copied" / "weights.json").read_text() == "1"


def test_what_is_not_there_leaves_the_folder_as_it_was(registry: AzureRegistry, tmp_path: Path) -> None:
    registry.register(model_folder(tmp_path / "model", "[1]"), "not-there", {})
    mine = model_folder(tmp_path / "mine", "mine")
    with pytest.raises(DataError, match="no model 'absent' is registered"):
        fetch(registry, "absent", mine)
    with pytest.raises(DataError, match="has no version 5"):
        fetch(registry, "not-there", mine, version=5)
    assert (mine / "weights.json").read_text() == "mine"


def test_a_damaged_model_is_not_registered(registry: AzureRegistry, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "[1]")
    (folder / "weights.json").write_text("[2]")
    with pytest.raises(IntegrityError, match="not what was written"):
        registry.register(folder, "damaged", {})
    assert registry.newest("damaged") is None
    assert list(Path.cwd().iterdir()) == []

"""The registry of Azure ML through the real SDK, against the emulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from src.common import azureml_adapter
from src.common.azureml_adapter import AzureRegistry
from src.common.committed_folder import read_manifest
from src.common.errors import CloudError, DataError, IntegrityError
from src.common.made import REGISTERED_AS
from src.common.manifest import MANIFEST_NAME
from src.common.model_registry import RegisteredModel, fetch, open_registry
from src.settings.batchai.batchai_settings import BatchaiSettings
from test.aml_emulator.support import SDK_WARNINGS
from test.ml_service.conftest import emulator, home, prod, sdk
from test.support.registered import FILES, committed, downloaded
from test.support.trees import read_tree

__all__ = ["emulator", "home", "prod", "sdk"]

pytestmark = [pytest.mark.filterwarnings(warning) for warning in SDK_WARNINGS]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that holds nothing of the project."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def registry(prod: BatchaiSettings, here: Path) -> AzureRegistry:
    found = open_registry(prod)
    assert isinstance(found, AzureRegistry)
    return found


@pytest.fixture
def name() -> str:
    """A name that no other test registers under: all share one workspace."""
    return f"model-{uuid4().hex[:12]}"


def test_versions_count_up_and_are_found(registry: AzureRegistry, here: Path, tmp_path: Path, name: str) -> None:
    model = committed(tmp_path / "model")
    assert registry.newest(name) is None
    assert registry.get(name, 1) is None
    assert registry.find(name, tag="commit", value="a") is None
    tags = [{"commit": commit, "decision": "better: +0.1, more than 0"} for commit in ("a", "b", "a", "c")]
    given_back = [registry.register(model, name, each) for each in tags]
    assert given_back == [RegisteredModel(name, n, each) for n, each in enumerate(tags, start=1)]
    assert registry.newest(name) == given_back[3]
    assert [registry.get(name, version) for version in range(6)] == [None, *given_back, None]
    assert registry.find(name, tag="commit", value="a") == given_back[2]
    assert registry.find(name, tag="commit", value="d") is None
    assert registry.find(name, tag="absent", value="a") is None
    assert list(here.iterdir()) == []


def test_ten_comes_after_nine(registry: AzureRegistry, tmp_path: Path, name: str) -> None:
    model = committed(tmp_path / "model", {"a.csv": b"1"})
    for _ in range(10):
        registry.register(model, name, {})
    newest = registry.newest(name)
    assert newest is not None
    assert newest.version == 10


def test_what_is_downloaded_is_what_was_registered(registry: AzureRegistry, tmp_path: Path, name: str) -> None:
    model = committed(tmp_path / "model", {**FILES, "large.bin": bytes(range(256)) * 4096})
    first = read_tree(model)
    one = registry.register(model, name, {"n": "1"})
    second = read_tree(committed(model, {"other.csv": b"2"}))
    two = registry.register(model, name, {"n": "2"})
    assert downloaded(registry, one) == first
    assert downloaded(registry, two) == second
    for version, registered, content in ((None, two, second), (1, one, first)):
        assert fetch(registry, name, tmp_path / "fetched", version=version) == registered
        found = read_tree(tmp_path / "fetched")
        manifest = read_manifest(tmp_path / "fetched", kind="model", made_by="")
        assert manifest.made[REGISTERED_AS] == f"{name} {registered.version}"
        assert {**found, MANIFEST_NAME: b""} == {**content, MANIFEST_NAME: b""}  # the note is all that is added


def test_what_is_not_there_is_said_in_a_sentence(registry: AzureRegistry, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"no model '{name}' is registered"):
        fetch(registry, name, tmp_path / "fetched")
    registry.register(committed(tmp_path / "model"), name, {})
    with pytest.raises(DataError, match=f"'{name}' has no version 2"):
        fetch(registry, name, tmp_path / "fetched", version=2)
    with (
        pytest.raises(CloudError, match=f"{name} version 9 can't be downloaded"),
        registry.files(RegisteredModel(name, 9)),
    ):
        pytest.fail("it was given")
    assert not (tmp_path / "fetched").exists()


def test_what_changed_after_it_was_committed_is_not_registered(
    registry: AzureRegistry, here: Path, tmp_path: Path, name: str
) -> None:
    model = committed(tmp_path / "model")
    (model / "model.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="is not what was written"):
        registry.register(model, name, {})
    assert registry.newest(name) is None
    assert list(here.iterdir()) == []


def test_a_version_that_somebody_else_uploaded_is_not_fetched(
    registry: AzureRegistry, here: Path, tmp_path: Path, name: str
) -> None:
    from azureml.core import Model

    folder = committed(here / "model")
    (folder / "model.json").write_bytes(b"{}")
    Model.register(registry.workspace, "model", name)
    with pytest.raises(IntegrityError, match="is not what was written"):
        fetch(registry, name, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_outside_of_a_run_there_is_none_and_nothing_is_told(prod: BatchaiSettings, tmp_path: Path) -> None:
    assert azureml_adapter.current_run() is None
    assert azureml_adapter.pipeline_run() is None
    azureml_adapter.log_results({"improvement": 0.1}, folder="evaluation", files=[tmp_path / "absent.csv"])
    azureml_adapter.mark_not_better("it is not", cancel=True)


def test_the_workspace_is_that_of_the_settings(prod: BatchaiSettings) -> None:
    found: Any = azureml_adapter.connect(prod)
    assert (found.name, found.resource_group) == (prod.workspace_name, prod.resource_group)

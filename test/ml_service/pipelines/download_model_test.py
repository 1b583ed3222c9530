from __future__ import annotations

from pathlib import Path

import pytest

from ml_service.pipelines import download_model
from src.common.console import run_script
from src.common.local_registry import LocalRegistry
from src.common.manifest import MANIFEST_NAME
from test.support.registered import committed
from test.support.trees import read_tree


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a model; its manifest names the version that was downloaded, too."""
    return {name: content for name, content in read_tree(folder).items() if name != MANIFEST_NAME}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalRegistry:
    monkeypatch.setenv("AML_PIPELINE_EXEC_MODE", "DEV")
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path / "outputs"))
    monkeypatch.setenv("MODEL_NAME", "batchai")
    return LocalRegistry(tmp_path / "outputs" / "registry")


@pytest.fixture
def versions(registry: LocalRegistry, tmp_path: Path) -> list[dict[str, bytes]]:
    """The files of three versions."""
    folders = [committed(tmp_path / f"model{n}", {f"{n}.csv": b"%d" % n}) for n in (1, 2, 3)]
    for number, folder in enumerate(folders, start=1):
        registry.register(folder, "batchai", {"commit": f"abc{number}"})
    return [files_of(folder) for folder in folders]


def download(*argv: str) -> int:
    return run_script(lambda: download_model.main(argv))


def test_the_newest_comes_to_outputs_model(
    versions: list[dict[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download() == 0
    assert files_of(tmp_path / "outputs" / "model") == versions[2]
    printed = capsys.readouterr().out
    assert printed.startswith(f"batchai version 3 is copied to {tmp_path / 'outputs' / 'model'}\n")
    assert "  commit: abc3\n" in printed


def test_a_version_comes_where_it_is_wanted_and_replaces_what_was_there(
    versions: list[dict[str, bytes]], tmp_path: Path
) -> None:
    for number in (2, 1):
        assert download("--version", str(number), "--target", str(tmp_path / "here")) == 0
        assert files_of(tmp_path / "here") == versions[number - 1]
    assert not (tmp_path / "outputs" / "model").exists()


@pytest.mark.parametrize("version", ["4", "0", "-1"])
def test_an_unknown_version_says_which_there_are(
    versions: list[dict[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    assert download("--version", version) == 3
    errors = capsys.readouterr().err
    assert f"error: 'batchai' has no version {version}" in errors
    assert "versions up to 3" in errors
    assert not (tmp_path / "outputs" / "model").exists()


@pytest.mark.parametrize("argv", [(), ("--version", "1")])
def test_nothing_registered_says_how_to_register(
    registry: LocalRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    assert download(*argv) == 3
    errors = capsys.readouterr().err
    assert "error: no model 'batchai' is registered" in errors
    assert "python ml_service/pipelines/<model>_training_pipeline.py" in errors
    assert not (tmp_path / "outputs").exists()


def test_another_name(versions: list[dict[str, bytes]], registry: LocalRegistry, tmp_path: Path) -> None:
    registry.register(committed(tmp_path / "own"), "mine", {})
    assert download("--model_name", "mine") == 0
    assert files_of(tmp_path / "outputs" / "model") == files_of(tmp_path / "own")
    assert download("--model_name", "absent") == 3


def test_what_is_not_a_model_is_not_replaced(
    versions: list[dict[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"1")
    assert download("--target", str(tmp_path / "photos")) == 3
    assert "a.jpg" in capsys.readouterr().err
    assert files_of(tmp_path / "photos") == {"a.jpg": b"1"}

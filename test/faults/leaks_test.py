"""A secret in what the scripts are given: no console, log, table, manifest, model or report shows a part of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest

from src.common.console import LOG_VARIABLE
from src.common.errors import SettingsError
from src.common.sources.container_url import is_blob_url, parse_container_url
from test.faults.promises import NO_LEAK
from test.faults.trained_plant import STEPS, copy_of, run
from test.support.azurite import Azurite
from test.support.secrets import MISTYPED_URLS, PART, parts_of_secrets
from test.support.small_plant import SMALL, SmallPlant

pytestmark = pytest.mark.fault(NO_LEAK, sample=2)


def would_be_asked(url: str) -> bool:
    """Whether a URL names a host that a test must not ask."""
    try:
        return is_blob_url(url) and bool(parse_container_url(url))
    except SettingsError:
        return False


WRONG_URLS = {name: text for name, text in MISTYPED_URLS.items() if not would_be_asked(text)}


def written(root: Path) -> str:
    """The names and contents of all files below a folder."""
    paths = (path for path in root.rglob("*") if path.is_file())
    return "".join(f"{path}\n{path.read_bytes().decode(errors='replace')}\n" for path in paths)


@pytest.fixture(scope="module")
def plant(trained_plant: SmallPlant, tmp_path_factory: pytest.TempPathFactory) -> SmallPlant:
    return copy_of(trained_plant, tmp_path_factory.mktemp("leaks") / "plant")


@pytest.mark.parametrize("given", WRONG_URLS)
def test_a_mistyped_url(
    given: str, plant: SmallPlant, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    variables = {**plant.variables, LOG_VARIABLE: str(plant.root / "log.txt")}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run("prepare", "--input_url", WRONG_URLS[given]) in (2, 3)
    monkeypatch.setenv("BATCHAI_INPUT_URL", WRONG_URLS[given])
    assert run("prepare") in (2, 3)
    assert run("infer") in (0, 2, 3), "it reads no input, and may not look at where it lies"
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    for text in (out, err, written(plant.root)):
        assert parts_of_secrets(text) == []


def test_a_signature_that_is_right(
    azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    container = azurite.new_container()
    container.upload({f"plant/{path.name}": path.read_bytes() for path in SMALL.iterdir()})
    plant, token = SmallPlant(tmp_path), container.sas()
    variables = {**plant.variables, "BATCHAI_INPUT_URL": f"{container.url}?{token}"}
    for name, value in {**variables, LOG_VARIABLE: str(tmp_path / "log.txt")}.items():
        monkeypatch.setenv(name, value)
    assert [run(step) for step in STEPS] == [0] * len(STEPS)
    (signature,) = parse_qs(token)["sig"]
    out, err = capfd.readouterr()
    for text in (out, err, written(tmp_path)):
        for form in (signature, quote(signature, safe="")):
            assert not any(form[start : start + PART] in text for start in range(len(form) - PART + 1))
    assert container.url in written(tmp_path), "the log and the manifest name the container"

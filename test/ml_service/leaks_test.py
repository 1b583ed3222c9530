"""Secrets that got into the wrong place, by typing errors above all: no output shows any part of one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ml_service import pipeline_script
from src.common import settings
from src.common.settings import PROJECT_ROOT
from test.faults.promises import NO_LEAK
from test.support.secrets import (
    CLIENT_SECRET,
    CONNECTION,
    HOST,
    KEY,
    MISTYPED_URLS,
    PASSWORD,
    SAS,
    TOKEN,
    parts_of_secrets,
)
from test.support.tiny_project import TinyProject, run


@dataclass(frozen=True)
class Scenario:
    """What somebody did: a file of settings, variables of the environment, arguments."""

    local: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


def url(text: str) -> Scenario:
    return Scenario(variables={"BATCHAI_INPUT_URL": text})


def variable(name: str, text: str) -> Scenario:
    return Scenario(variables={name: text})


SCENARIOS = {
    **{name: url(text) for name, text in MISTYPED_URLS.items()},
    "Dask with a password": variable("DASK_SCHEDULER", f"tcp://user:{PASSWORD}@127.0.0.1:8786"),
    "Dask with a password and no scheme": variable("DASK_SCHEDULER", f"user:{PASSWORD}@127.0.0.1:8786"),
    "Dask with a token": variable("DASK_SCHEDULER", f"tcp://127.0.0.1:8786?token={TOKEN}"),
    "a key as a workspace": variable("WORKSPACE_NAME", KEY),
    "a client secret as its id": variable("SP_APP_ID", CLIENT_SECRET),
    "a client secret as the tenant": variable("TENANT_ID", CLIENT_SECRET),
    "a client secret as the model": variable("MODEL_NAME", CLIENT_SECRET),
    "a token as the mode": variable("AML_PIPELINE_EXEC_MODE", TOKEN),
    "a token as the build": variable("BUILD_BUILDID", f"Bearer {TOKEN}"),
    "a key as a number": variable("TRAIN_FOLDS", KEY),
    "a connection string as a datastore": variable("DATASTORE_NAME", CONNECTION),
    "a URL as a path": variable("INPUT_DATASET_PATH", f"https://{HOST}/raw?{SAS}"),
    "a URL as a folder": variable("OUTPUTS_DIR", f"https://{HOST}/raw?{SAS}"),
    "a token as a folder": variable("TRAINING_OUTPUT_DIR", SAS),
    "a variable with a wrong name": variable("BATCHAI_SAS", SAS),
    "a line as in YAML": Scenario(f"AZURE_STORAGE_KEY: {KEY}\n"),
    "a line without =": Scenario(f"AZURE_STORAGE_KEY {KEY}\n"),
    "a secret alone on a line": Scenario(f"{CLIENT_SECRET}\n"),
    "a token alone on a line": Scenario(f"?{SAS}\n{TOKEN}\n"),
    "a quote that does not close": Scenario(f'SP_APP_SECRET="{CLIENT_SECRET}\n'),
    "a name that is unknown": Scenario(f"SP_APP_SECRT={CLIENT_SECRET}\nAZURE_KEY={KEY}\n"),
    "a secret twice": Scenario(f"AZURE_STORAGE_KEY={KEY}\nAZURE_STORAGE_KEY={KEY}x\n"),
    "a secret over two lines": Scenario(f'AZURE_STORAGE_KEY="{KEY[:40]}\n{KEY[40:]}"\n'),
    "everything set as it should be": Scenario(
        f"AZURE_STORAGE_CONNECTION_STRING={CONNECTION}\nAZURE_STORAGE_KEY={KEY}\nAZURE_STORAGE_SAS_TOKEN={SAS}\n"
        f"SP_APP_SECRET={PASSWORD}\n"
    ),
    "a parameter": Scenario(arguments=("--word", f"{CLIENT_SECRET}")),
    "an argument that is unknown": Scenario(arguments=("--sas", SAS)),
    "a step that is unknown": Scenario(arguments=("--from", f"https://user:{PASSWORD}@{HOST}")),
}


@pytest.fixture
def arguments_of_processes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of every process that is started."""
    seen: list[str] = []
    start = subprocess.Popen.__init__

    def noting(self: Any, command: Any, *rest: Any, **more: Any) -> None:
        seen.append(str(command))
        start(self, command, *rest, **more)

    monkeypatch.setattr(subprocess.Popen, "__init__", noting)
    return seen


@pytest.mark.fault(NO_LEAK, sample=24)
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_no_output_shows_a_part_of_a_secret(
    scenario: Scenario,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments_of_processes: list[str],
) -> None:
    project = TinyProject.make(tmp_path / "project")
    configuration = tmp_path / "configuration"
    configuration.mkdir()
    (configuration / ".env").write_bytes((PROJECT_ROOT / ".env").read_bytes())
    (configuration / ".env.local").write_text(scenario.local)
    for name, value in {**project.variables, **scenario.variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        pipeline_script, "every_setting", lambda declared: settings.every_setting(declared, root=configuration)
    )
    monkeypatch.setattr(sys, "argv", ["runner.py", "--verbose"])
    monkeypatch.chdir(tmp_path)
    try:
        code = run(project.root, [*scenario.arguments, "--verbose"])
    except SystemExit as end:  # how argparse refuses
        code = int(end.code or 0)
    out, err = capfd.readouterr()
    assert (code == 0) == ("done in" in out)
    written = "".join(
        f"{path}\n{path.read_bytes().decode(errors='replace')}\n"
        for path in project.root.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    for text in (out, err, written, "\n".join(arguments_of_processes)):
        assert parts_of_secrets(text) == []


def test_the_check_sees_a_leak() -> None:
    assert parts_of_secrets(f"the token is {SAS[:-4]}")
    assert parts_of_secrets(f"the key {KEY[:20]} was refused")
    assert not parts_of_secrets(f"https://{HOST}/raw?sig=***")

"""What the tests of the emulator share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aml_emulator.runtime.stack import Stack
from test.aml_emulator.support import SDK_WARNINGS, quiet_timers, sdk_workspace, shared_emulator, unserved


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the SDK's own warnings pass in the tests that use it; ours stay errors everywhere else."""
    here = Path(__file__).parent
    for item in items:
        uses_sdk = {"workspace", "sdk"} & set(getattr(item, "fixturenames", ()))
        if item.path.is_relative_to(here) and uses_sdk:
            for warning in SDK_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of this session: the SDK keeps caches there, keyed by the workspace's id."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, home: Path) -> Stack:
    """The session's emulator, with the variables set that lead clients to it."""
    stack = shared_emulator()
    for name, value in {**stack.variables, "HOME": str(home), "USERPROFILE": str(home)}.items():
        monkeypatch.setenv(name, value)
    return stack


@pytest.fixture
def sdk(emulator: Stack) -> Iterator[Stack]:
    """The emulator, where the SDK is installed; afterwards nothing was asked for in vain."""
    pytest.importorskip("azureml.core", reason="azureml-core is installed on Python 3.10 and 3.11 only")
    quiet_timers()
    before = unserved()
    yield emulator
    assert unserved() == before


@pytest.fixture
def workspace(sdk: Stack) -> Any:
    """The SDK's workspace."""
    return sdk_workspace()

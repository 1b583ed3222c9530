"""The sample's prepared data, for all tests of this folder that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.common.settings import PROJECT_ROOT
from test.support.training_runs import prepare


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared data of the three locations."""
    return prepare(PROJECT_ROOT / "sample_data" / "batchai", tmp_path_factory.mktemp("sample"))

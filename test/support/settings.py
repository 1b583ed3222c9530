"""All settings of batchai, as what runs its scripts reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from src.common.settings import PROJECT_ROOT, every_setting
from src.settings.batchai.batchai_settings import BatchaiSettings


def load_settings(root: Path = PROJECT_ROOT, *, environment: Mapping[str, str] | None = None) -> BatchaiSettings:
    """Read the files of a folder and the environment."""
    return every_setting(BatchaiSettings, root=root, environment=environment)

"""What the platform knows of helloworld."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from src.common.model_kind import ModelKind
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from src.training.helloworld.model_file import KIND


def _check(folder: Path) -> Mapping[str, str]:
    from src.training.helloworld.model_file import load_model

    load_model(folder)
    return {}


HELLOWORLD = ModelKind(KIND, check=_check, settings=HelloworldSettings)

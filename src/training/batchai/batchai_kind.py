"""What the platform knows of batchai."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from src.common.model_kind import ModelKind
from src.settings.batchai.batchai_settings import BatchaiSettings


def _check(folder: Path) -> Mapping[str, str]:
    from src.training.batchai.model_files import load_model
    from src.training.batchai.out_of_fold import read_out_of_fold

    model = load_model(folder)
    read_out_of_fold(folder)
    return {"groups": str(sum(len(location.groups) for location in model.locations.values()))}


BATCHAI = ModelKind("batchai model", check=_check, settings=BatchaiSettings)

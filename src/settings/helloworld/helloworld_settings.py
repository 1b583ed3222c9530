"""The variables of helloworld. What stands here is what `python dev.py settings` writes into ``.env``."""

from __future__ import annotations

from dataclasses import dataclass

from src.common.platform_settings import Settings
from src.common.setting_declaration import setting
from src.common.setting_values import name, whole_number


@dataclass(frozen=True)
class HelloworldSettings(Settings):
    """The settings of helloworld, checked."""

    model = "helloworld"

    model_name: str = setting(
        "HELLOWORLD_MODEL_NAME",
        name,
        default="helloworld",
        given=True,
        meaning="The name under which it is registered; those of its pipelines and its experiment begin with it.",
    )
    folds: int = setting(
        "HELLOWORLD_FOLDS", whole_number(3, 20), default="10", meaning="Folds of the cross-validation (3 to 20)."
    )


SETTINGS = HelloworldSettings

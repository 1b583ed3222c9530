"""Which models there are, and where each declares its settings: ``src/settings/<model>/<model>_settings.py``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from src.common.platform_settings import Settings

DECLARATIONS = Path(__file__).resolve().parents[1] / "settings"


@cache
def model_names() -> tuple[str, ...]:
    """The names of all models."""
    return tuple(sorted(path.parent.name for path in DECLARATIONS.glob("*/*_settings.py")))


@cache
def declared_settings() -> tuple[type[Settings], ...]:
    """What each model declares, in the order of their names."""
    modules = (import_module(f"src.settings.{name}.{name}_settings") for name in model_names())
    return tuple(module.SETTINGS for module in modules)

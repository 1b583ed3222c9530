"""What the platform has to know of a model: the contract in code. docs/models.md has it in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from src.common.settings import Settings


@dataclass(frozen=True)
class ModelKind:
    """A kind of model, such as all that one training script makes.

    Attributes:
        kind: The kind in the manifest of a folder with a trained model.
        check: Loads such a folder, and raises a `DataError` where it could not predict. Returns tags for the registry.
        settings: The class of its settings.
    """

    kind: str
    check: Callable[[Path], Mapping[str, str]]
    settings: type[Settings]

    @property
    def name(self) -> str:
        """Its name, that of its folders below each stage."""
        return self.settings.model

    def script(self, stage: str, *, called: str = "") -> str:
        """The path of its script of a stage, such as ``training``, from the project's root."""
        return f"src/{stage}/{self.name}/{self.name}_{called or stage}.py"

    @property
    def made_by(self) -> str:
        """The command that trains it."""
        return f"python {self.script('training')}"

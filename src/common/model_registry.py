"""The model registry: numbered versions of a model, each with what is known about it.

In DEV it lies in ``outputs/registry/`` (`src.common.local_registry`), in PROD in the Azure ML workspace
(`src.common.azureml_adapter`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from src.common.committed_folder import copy_committed
from src.common.errors import DataError
from src.common.made import REGISTERED_AS
from src.common.settings import Mode, Settings

RUN_ID = "pipeline_run_id"
"""The tag that names the run which registered a model."""
DATA_VERSION = "data_version"
CONTENT = "content"
"""The tag with the version of the model's manifest, which names exactly its content."""


@dataclass(frozen=True)
class RegisteredModel:
    """A version of a model.

    Attributes:
        name: The name of the model.
        version: From 1.
        tags: What is known about it: build, commit, data version, skill, decision.
    """

    name: str
    version: int
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


class ModelRegistry(Protocol):
    """What a registry does."""

    def newest(self, name: str) -> RegisteredModel | None:
        """The newest version of a model; None if there is none."""

    def get(self, name: str, version: int) -> RegisteredModel | None:
        """One version of a model; None if there is none."""

    def find(self, name: str, *, tag: str, value: str) -> RegisteredModel | None:
        """The newest version that has a tag with this value; None if there is none."""

    def register(self, folder: Path, name: str, tags: Mapping[str, str]) -> RegisteredModel:
        """Register the files of a committed folder as a new version."""

    def files(self, model: RegisteredModel) -> AbstractContextManager[Path]:
        """The folder with the files of a version, to read only, for as long as the block lasts."""


def open_registry(settings: Settings) -> ModelRegistry:
    """The registry of the mode.

    Raises:
        SettingsError: PROD, and the workspace is not named.
        CloudError: The workspace can't be used.
    """
    if settings.mode is Mode.PROD:
        from src.common.azureml_adapter import AzureRegistry, connect

        return AzureRegistry(connect(settings))
    from src.common.local_registry import LocalRegistry

    return LocalRegistry(settings.registry_folder)


def fetch(registry: ModelRegistry, name: str, folder: Path, *, version: int | None = None) -> RegisteredModel:
    """Copy a registered model to a folder, whole or not at all, after its files were verified.

    Args:
        registry: The registry.
        name: The name of the model.
        folder: The folder, which is replaced.
        version: Which version; None for the newest.

    Raises:
        DataError: There is no such model or version.
        IntegrityError: Its files are not what was registered.
    """
    model = registry.newest(name) if version is None else registry.get(name, version)
    if model is None:
        newest = registry.newest(name)
        raise DataError(
            f"no model {name!r} is registered" if newest is None else f"{name!r} has no version {version}",
            found="nothing" if newest is None else f"versions up to {newest.version}",
            hint="run its training pipeline: python ml_service/pipelines/<model>_training_pipeline.py"
            if newest is None
            else "name another --version, or none for the newest",
        )
    with registry.files(model) as source:
        copy_committed(source, folder, made={REGISTERED_AS: model.title})
    return model

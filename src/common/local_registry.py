"""The model registry of DEV: a folder with a folder per version.

``outputs/registry/<name>/<version>/`` holds ``model/``, the committed folder as it was, ``registration.json`` with its
tags, and a manifest of both. A version is written beside its place and renamed into it: it is there whole or not at
all, and of two processes that register at the same moment each gets a number of its own. Nothing ever writes into a
version.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

from src.common.committed_folder import open_committed, stage, verify_files
from src.common.errors import DataError, IntegrityError
from src.common.files import TEMPORARY_PREFIX, atomic_write, sweep_temporaries, sync_folder
from src.common.folder_lock import PATIENCE_SECONDS, folder_lock
from src.common.json_text import from_json
from src.common.manifest import MANIFEST_NAME
from src.common.model_registry import CONTENT, RegisteredModel
from src.common.paths import encode_key, safe_relative_path
from src.common.replaceable import REGISTRY_MARK

KIND, RECORD = "registered model", "registration.json"


@dataclass(frozen=True)
class LocalRegistry:
    """A registry in a folder.

    Attributes:
        root: The folder; it need not be there yet.
    """

    root: Path

    def newest(self, name: str) -> RegisteredModel | None:
        """The newest version of a model; None if there is none."""
        return next(self._versions(name), None)

    def get(self, name: str, version: int) -> RegisteredModel | None:
        """One version of a model; None if there is none."""
        home = self.home(name)
        known = version in self._numbers(home)
        return RegisteredModel(name, version, self._tags(home / str(version))) if known else None

    def find(self, name: str, *, tag: str, value: str) -> RegisteredModel | None:
        """The newest version that has a tag with this value; None if there is none."""
        return next((model for model in self._versions(name) if model.tags.get(tag) == value), None)

    def register(self, folder: Path, name: str, tags: Mapping[str, str]) -> RegisteredModel:
        """Register the files of a committed folder as a new version.

        Raises:
            IntegrityError: The files are not what its manifest says.
        """
        home = self.home(name)
        home.mkdir(parents=True, exist_ok=True)
        if not (self.root / REGISTRY_MARK).exists():
            atomic_write(self.root / REGISTRY_MARK, "")
        with folder_lock(home, patience=PATIENCE_SECONDS):  # whoever holds it waits for no other folder
            sweep_temporaries(home)
            staging = home / f"{TEMPORARY_PREFIX}{uuid4().hex}"
            try:
                self._write_version(staging, folder, name, tags)
                version = self._move_into_place(staging, home)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        return RegisteredModel(name, version, dict(tags))

    @contextmanager
    def files(self, model: RegisteredModel) -> Iterator[Path]:
        """The folder with the files of a version, to read only: it is that of the registry.

        Raises:
            IntegrityError: The files are not what was registered.
        """
        home = self.home(model.name) / str(model.version)
        try:
            open_committed(home, kind=KIND).read(f"model/{MANIFEST_NAME}")
            verify_files(home / "model", open_committed(home / "model").manifest)
        except DataError as error:
            raise IntegrityError(
                f"{model.name} version {model.version} is not what was registered",
                where=home / "model",
                found=error.found or error.what,
                hint=f"name another version, or delete the folder {home} to give this one up",
            ) from error
        yield home / "model"

    def _write_version(self, staging: Path, folder: Path, name: str, tags: Mapping[str, str]) -> None:
        source = open_committed(folder)
        if tags.get(CONTENT, source.manifest.version) != source.manifest.version:
            raise DataError(
                "the model was replaced while it was to be registered",
                where=folder,
                found=source.manifest.version,
                expected=f"version {tags[CONTENT]}, which was judged",
                hint="evaluate the new one, then register it",
            )
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with stage(staging, kind=KIND) as staged:
            for file in source.manifest.files:
                staged.write(f"model/{file}", source.read(file))
            staged.write(f"model/{MANIFEST_NAME}", source.manifest.to_json())
            staged.write_json(RECORD, {"name": name, "registered": now, "tags": dict(tags)})

    def _move_into_place(self, staging: Path, home: Path) -> int:
        version = max(self._numbers(home), default=0) + 1
        while True:
            try:
                staging.rename(home / str(version))  # fails where somebody else has just taken that number
            except OSError:
                if not (home / str(version)).exists():
                    raise
                version += 1
            else:
                sync_folder(home)
                return version

    def _versions(self, name: str) -> Iterator[RegisteredModel]:
        """All versions, the newest first."""
        home = self.home(name)
        for version in sorted(self._numbers(home), reverse=True):
            yield RegisteredModel(name, version, self._tags(home / str(version)))

    def _tags(self, version: Path) -> dict[str, str]:
        try:
            return dict(from_json(open_committed(version, kind=KIND).read(RECORD))["tags"])
        except DataError as error:
            raise IntegrityError(
                "the record of a registered model can't be read",
                where=version / RECORD,
                found=error.found or error.what,
                hint=f"restore it, or delete the folder {version} to give this version up",
            ) from error

    def _numbers(self, home: Path) -> list[int]:
        if not home.is_dir():
            return []
        return [int(entry.name) for entry in home.iterdir() if entry.name.isdecimal() and entry.is_dir()]

    def home(self, name: str) -> Path:
        """The folder with the versions of a model."""
        # dots and slashes are encoded first, then what only Windows can't have, such as CON
        return self.root / safe_relative_path(encode_key(name))
